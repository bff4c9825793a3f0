"""Environments for the Python peers, one each: their pins contradict one another, and ours."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from bench.servers.process import run

REQUIREMENTS = Path(__file__).parent.parent / "peers" / "requirements"


async def python_for(peer: str, work: Path) -> Path:
    """The interpreter of *peer*'s environment, made from its locked requirements when new or changed."""
    locked = REQUIREMENTS / f"{peer}.txt"
    home = work / "venvs" / peer
    python, stamp = home / "bin" / "python", home / ".made-from"
    wanted = hashlib.sha256(locked.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    await run([sys.executable, "-m", "venv", home], timeout_s=120)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    await run([python, *install, "--requirement", locked], timeout_s=600)
    stamp.write_text(wanted)
    return python
