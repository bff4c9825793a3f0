"""Folders in memory for what PostgreSQL writes: making a database takes a fifth of the time that it takes on a disk.

Nothing is proven less: a test can end processes, not the machine, and what a process has written to either is there
for the next one. The kind of server with slow commits stands for slow disks.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
#: The servers of one run together stay below a quarter of it; their write-ahead logs could grow to the rest.
_ROOM = 4 << 30


def place() -> Path | None:
    """Where folders in memory can be made; None where there is no room for them, and the disk has to do."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM:
        return _MEMORY
    return None


def folder(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A new folder, in memory where that can be, with a path short enough for a socket; removed with its ``with``."""
    return tempfile.TemporaryDirectory(prefix=prefix, dir=place(), ignore_cleanup_errors=True)
