"""Runs all tests in two halves at once: most of them wait for other processes, and two cores are more than one.

What the halves say comes one after the other, whole; the status is the worse of the two. Arguments go to both.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: About equally long. The first is shown as it goes.
HALVES = (["tests/acceptance"], ["tests/unit", "tests/contract", "tests/guide"])


def main() -> int:
    """The worse status of the two."""
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    with tempfile.TemporaryFile("w+") as quietly:
        second = subprocess.Popen([*command, *HALVES[1]], cwd=ROOT, stdout=quietly, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            first = subprocess.run([*command, *HALVES[0]], cwd=ROOT, check=False)  # noqa: S603
            second.wait()
        finally:
            if second.poll() is None:
                second.terminate()
                second.wait()
            quietly.seek(0)
            sys.stdout.write(quietly.read())
    return max(first.returncode, second.returncode)


if __name__ == "__main__":
    sys.exit(main())
