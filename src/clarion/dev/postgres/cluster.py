"""The cluster's folder: what lies where, made once, and what its files say about a running server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clarion.dev.postgres import settings
from clarion.dev.postgres.account import Account, myself
from clarion.dev.postgres.binaries import Binaries
from clarion.errors import ConfigError, Unavailable

LAUNCH = Path(__file__).with_name("launch.py")

#: The longest path that fits a Unix socket's address on Linux and on macOS, its final NUL included.
_SOCKET_PATH_LIMIT = 104

#: Bytes after which a start puts the log aside, keeping one older one.
_LOG_LIMIT = 10_000_000


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A server as its own ``postmaster.pid`` tells of it."""

    pid: int
    #: ``starting``, ``ready``, ``stopping`` …; empty in its first instant.
    status: str
    #: Whether that process exists and serves this cluster: a stale file may name a process of somebody else by now.
    alive: bool


class Cluster:
    """One cluster in `folder`; `owner` is the account that PostgreSQL runs under."""

    def __init__(self, folder: Path, binaries: Binaries, owner: Account) -> None:
        self.folder = folder
        self.data = folder / "cluster"
        self.log = folder / "postgres.log"
        self.start_lock = folder / "start.lock"
        self.guard_lock = folder / "guard.lock"
        self.binaries = binaries
        self.owner = owner

    def launcher(self, program: str) -> list[str]:
        """The command that runs one of PostgreSQL's programs under the right account."""
        account = "-" if self.owner.uid == os.geteuid() else self.owner.name
        return [sys.executable, "-I", str(LAUNCH), account, str(self.binaries.folder / program)]

    def prepare(self) -> None:
        """Have the files beside the cluster, owned by its account even when root is the first to need them."""
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        for path in (self.log, self.start_lock, self.guard_lock):
            path.touch(mode=0o600)
            self.owner.give(path)

    async def ensure(self) -> None:
        """Make the cluster if there is none; write who may connect. Safe to interrupt at any point."""
        if not self.data.exists():
            await self._init()
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(self.binaries.major):
            raise ConfigError(
                f"The database in {self.data} was made by PostgreSQL {made_by}; the server here is "
                f"{self.binaries.major}, which cannot read it. Start it with PostgreSQL {made_by} and move it over "
                f"with pg_dump, or move the folder {self.folder} away to begin anew."
            )
        hba, ident = settings.access([self.owner.name, myself().name])
        for name, text in (("pg_hba.conf", hba), ("pg_ident.conf", ident)):
            path = self.data / name
            path.write_text(text)
            self.owner.give(path)

    async def _init(self) -> None:
        """Run initdb beside the final place and rename: a cluster is there whole or not at all."""
        draft = self.folder / "cluster.new"
        if draft.exists():
            shutil.rmtree(draft)
        command = [*self.launcher("initdb"), "-D", str(draft), "-U", settings.SUPERUSER, "-A", "peer", "-E", "UTF8"]
        command += self.binaries.locale_options()
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(
                f"The embedded PostgreSQL could not make its files in {self.folder} (as account {self.owner.name}):\n"
                f"{(done.stderr or done.stdout).strip()[-2000:]}\n"
                "Check that the disk has room and that the account may write there, or set CLARION_DATABASE_URL."
            )
        draft.rename(self.data)

    def socket_folder(self) -> Path:
        """Where the socket lies: in our folder, or if clients could not name that, in the temporary folder.

        The path of a socket is short, and in a URL a comma would part two hosts.
        """
        name = os.fsencode(self.folder / ".s.PGSQL.5432")
        if len(name) < _SOCKET_PATH_LIMIT and b"," not in name:
            return self.folder
        short = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"clarion-{short}"
        with_owner = not place.exists()
        place.mkdir(mode=0o700, exist_ok=True)
        if with_owner:
            self.owner.give(place)
        if place.is_symlink() or place.stat().st_uid != self.owner.uid:
            raise ConfigError(f"{place} belongs to somebody else; remove it, or use a data folder with a shorter path.")
        place.chmod(0o700)
        return place

    def postmaster(self) -> Postmaster | None:
        """What ``postmaster.pid`` says now; None when there is none (yet)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return Postmaster(pid, lines[7].strip() if len(lines) > 7 else "", self._serves_us(pid))

    def _serves_us(self, pid: int) -> bool:
        """Whether process *pid* runs PostgreSQL on this cluster."""
        data = os.fsencode(self.data)
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            if Path("/proc/self/cmdline").exists():
                return False
            listing = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
            line = subprocess.run(listing, capture_output=True, check=False).stdout  # noqa: S603 - a number
            return b"postgres -D " + data in line
        return words[0].endswith(b"postgres") and data in words


def environment() -> dict[str, str]:
    """The environment for PostgreSQL's programs: nothing of ours leaks in, messages come in English."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
