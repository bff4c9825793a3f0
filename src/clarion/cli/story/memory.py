"""How much memory a process has held at most."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path


class Peak:
    """The peak of the resident memory of one process. Ask it now and then: not every system keeps it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._bytes = 0

    def look(self) -> int:
        """Bytes, the most so far."""
        self._bytes = max(self._bytes, _kept_by_linux(self._pid) or _present(self._pid))
        return self._bytes


def _kept_by_linux(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _present(pid: int) -> int:
    """What it holds now; 0 when nobody can say."""
    with suppress(OSError, ValueError):
        said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
        return int(said.stdout) * 1024
    return 0
