"""Runs all tests in four parts at once: most of them wait for other processes, and two cores are more than one.

What the parts say comes one after the other, whole. Some tests measure times; what fails beside the other parts is run
once more by itself, shown apart, and counts by that. Arguments go to all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
_BROKERS = ["tests/contract/brokers"]
#: What starts whole systems, and much else.
_SYSTEMS = [
    *(f"tests/acceptance/test_{name}.py" for name in ("examples", "demo", "up", "up_catches")),
    *(f"tests/contract/{folder}" for folder in ("providers", "webhooks")),
]
#: Those of the largest folder that go with others.
_MOVED = [
    "tests/contract/queue",
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests" / "contract").glob("test_bounces*.py"))),
]
_FAULTS = ["tests/acceptance/faults", "tests/acceptance/test_cli_doctor_brokers.py"]
#: About equally long. The last is shown as it goes.
PARTS = {
    "faults": [*_FAULTS, "tests/unit", *_BROKERS],
    "systems": [*_SYSTEMS, "tests/guide"],
    "contract": ["tests/contract", *(f"--ignore={path}" for path in (*_BROKERS, *_SYSTEMS, *_MOVED))],
    "acceptance": ["tests/acceptance", *_MOVED, *(f"--ignore={path}" for path in (*_FAULTS, *_SYSTEMS))],
}
#: What pytest answers when tests failed, and nothing worse happened.
_SOME_FAILED = 1


def main() -> int:
    """The worst status of all."""
    *quiet, shown = PARTS
    with ExitStack() as stack:
        running = {part: _start(part, stack) for part in quiet}
        statuses = {shown: subprocess.run(_command(shown), cwd=ROOT, check=False).returncode}  # noqa: S603
        for part, (process, output) in running.items():
            statuses[part] = process.wait()
            output.seek(0)
            sys.stdout.write(output.read())
            sys.stdout.flush()
    return max(_by_itself(part, status) for part, status in statuses.items())


def _start(part: str, stack: ExitStack) -> tuple[subprocess.Popen[bytes], IO[str]]:
    """*part*, running, and where it says what; it is ended with *stack*."""
    output = stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115
    process = subprocess.Popen(_command(part), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
    stack.callback(_end, process)
    return process, output


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()


def _command(part: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{part}", *sys.argv[1:], *PARTS[part]]


def _by_itself(part: str, status: int) -> int:
    """Run once more what failed of *part*; the status that counts."""
    if status != _SOME_FAILED:
        return status
    print(f"\nOnce more, by itself: what failed of {part}.", flush=True)
    again = [*_command(part), "--last-failed", "--last-failed-no-failures=none"]
    return subprocess.run(again, cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
