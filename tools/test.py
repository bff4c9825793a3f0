"""Runs all tests in two halves at once: most of them wait for other processes, and two cores are more than one.

What the halves say comes one after the other, whole. Some tests measure times; what fails beside the other half is run
once more by itself, shown apart, and counts by that. Arguments go to both.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: About equally long. The first is shown as it goes.
HALVES = {"acceptance": ["tests/acceptance"], "others": ["tests/unit", "tests/contract", "tests/guide"]}
#: What pytest answers when tests failed, and nothing worse happened.
_SOME_FAILED = 1


def main() -> int:
    """The worse status of the two."""
    with tempfile.TemporaryFile("w+") as quietly:
        second = subprocess.Popen(_command("others"), cwd=ROOT, stdout=quietly, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            first = subprocess.run(_command("acceptance"), cwd=ROOT, check=False)  # noqa: S603
            second.wait()
        finally:
            if second.poll() is None:
                second.terminate()
                second.wait()
            quietly.seek(0)
            sys.stdout.write(quietly.read())
            sys.stdout.flush()
    return max(_by_itself("acceptance", first.returncode), _by_itself("others", second.returncode))


def _command(half: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{half}", *sys.argv[1:], *HALVES[half]]


def _by_itself(half: str, status: int) -> int:
    """Run once more what failed of *half*; the status that counts."""
    if status != _SOME_FAILED:
        return status
    print(f"\nOnce more, by itself: what failed of {half}.", flush=True)
    again = [*_command(half), "--last-failed", "--last-failed-no-failures=none"]
    return subprocess.run(again, cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
