"""Programs out of Debian packages, unpacked into a folder of their own: no root needed, nothing installed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers.process import ProgramFailed, run


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A program and what it needs to find its libraries."""

    program: Path
    env: dict[str, str]


async def unpack(folder: Path, program: str, packages: Sequence[str]) -> Unpacked | None:
    """*program* (a path such as ``usr/sbin/smtp-sink``) from *packages*, or None where that cannot be had.

    What was unpacked before is used again.
    """
    root = folder / packages[0]
    found = Unpacked(root / program, {"LD_LIBRARY_PATH": _libraries(root)})
    if found.program.exists():
        return Unpacked(found.program, {"LD_LIBRARY_PATH": _libraries(root)})
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    downloads = folder / f"{packages[0]}.debs"
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        await run(["apt-get", "--quiet", "download", *packages], cwd=downloads, timeout_s=120)
        for package in sorted(downloads.glob("*.deb")):
            await run(["dpkg", "--extract", package, root], timeout_s=60)
    except ProgramFailed:
        return None
    finally:
        shutil.rmtree(downloads, ignore_errors=True)
    if not found.program.exists():
        return None
    return Unpacked(found.program, {"LD_LIBRARY_PATH": _libraries(root)})


def _libraries(root: Path) -> str:
    return ":".join(sorted({str(library.parent) for library in root.glob("usr/lib/**/*.so*")}))
