"""The embedded PostgreSQL: started with Clarion, stopped with it, its data kept in the data folder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import asyncpg

from clarion import clock
from clarion.dev.postgres import binaries, bootstrap, settings
from clarion.dev.postgres.account import owner_for
from clarion.dev.postgres.cluster import Cluster, Postmaster, environment
from clarion.dev.postgres.locks import is_locked, locked
from clarion.errors import ConfigError, Unavailable

GUARD = Path(__file__).with_name("guard.py")

_POLL_S = 0.01
#: Seconds until a server must be ready; long, because it may first have to replay what a crash left in its WAL.
_PATIENCE_S = 180.0


class EmbeddedPostgres:
    """A PostgreSQL cluster under *data_dir*, reached by a Unix socket that only this account may use.

    Several processes may start it; the first one runs it and the others join. When the one that runs it stops, or
    dies in whatever way, the server shuts down cleanly. One object is for one event loop at a time.
    """

    def __init__(
        self, data_dir: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """*bin_dir*: programs of another PostgreSQL than the wheel's. *settings*: further server parameters."""
        self._folder = data_dir.resolve() / "postgres"
        self._bin_dir = bin_dir
        self._settings = dict(settings or {})
        self._cluster: Cluster | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        #: Our end of the guard's standard input; the server lives until it is closed.
        self._lifeline: int | None = None
        self._log_start = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> str:
        """Make the cluster if need be, start or join its server, and return the URL of Clarion's database.

        Raises `ConfigError` when it cannot work as things are set up, `Unavailable` when the server does not come up.
        """
        if not self.runs_here:
            await self.stop()  # what is left of a server that ended by itself
            try:
                self._cluster = self._open()
                async with locked(self._cluster.start_lock):
                    await self._start(self._cluster)
            except BaseException as error:
                await self.stop()
                if isinstance(error, PermissionError):
                    raise ConfigError(
                        f"The embedded PostgreSQL may not use {error.filename or self._folder}. Give the folder to the "
                        "account that runs Clarion, or choose another data folder (CLARION_DATA_DIR)."
                    ) from error
                raise
        return self.url()

    async def stop(self) -> None:
        """Shut the server down and wait until it is gone. Does nothing when another process runs it."""
        guard, self._guard = self._guard, None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if guard is not None:
            await asyncio.to_thread(guard.wait)
            if self._cluster is not None and self._cluster.socket_folder() != self._cluster.folder:
                with suppress(OSError):
                    self._cluster.socket_folder().rmdir()

    def url(self, database: str = settings.DATABASE, *, superuser: bool = False) -> str:
        """The URL of *database*, as asyncpg, psql and SQLAlchemy take it. The server must have been started."""
        if self._cluster is None:
            raise Unavailable("The embedded PostgreSQL is not started yet: call start() first.")
        role = settings.SUPERUSER if superuser else settings.ROLE
        host = quote(str(self._cluster.socket_folder()), safe="/")
        return f"postgresql://{role}@/{quote(database, safe='')}?host={host}&port=5432"

    @property
    def runs_here(self) -> bool:
        """Whether this object runs the server, rather than having joined one."""
        return self._guard is not None and self._guard.poll() is None

    def pid(self) -> int | None:
        """The process id of the server, for tests and for `doctor`; None when none is running."""
        postmaster = self._cluster and self._cluster.postmaster()
        return postmaster.pid if postmaster and postmaster.alive else None

    def _open(self) -> Cluster:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = owner_for(self._folder)
        owner.give(self._folder)
        self._folder.chmod(0o700)
        cluster = Cluster(self._folder, binaries.find(self._bin_dir), owner)
        cluster.prepare()
        return cluster

    async def _start(self, cluster: Cluster) -> None:
        """The lock on starting is held: nobody else starts a server here meanwhile."""
        deadline = clock.monotonic() + _PATIENCE_S
        while True:
            await self._join_or_run(cluster, deadline)
            try:
                await bootstrap.ensure_database(self.url("postgres", superuser=True))
                return
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
                if self._guard is not None:
                    raise
                await self._pause(
                    cluster, deadline, "The PostgreSQL in this folder takes no connections"
                )  # it was ending

    async def _join_or_run(self, cluster: Cluster, deadline: float) -> None:
        while (running := cluster.postmaster()) and running.alive:
            if running.status == "ready" and is_locked(cluster.guard_lock):
                break  # join it
            if running.status != "stopping" and not is_locked(cluster.guard_lock):
                _ask_to_stop(running)  # its guard was killed: nobody else would ever stop it
            await self._pause(cluster, deadline, "An earlier PostgreSQL in this folder neither runs nor stops")
        else:
            await cluster.ensure()
            self._spawn(cluster, stale=running)
            await self._until_ready(cluster, deadline)

    def _spawn(self, cluster: Cluster, *, stale: Postmaster | None) -> None:
        command = [*cluster.launcher("postgres"), "-D", str(cluster.data)]
        command += settings.options(cluster.socket_folder(), self._settings)
        env = environment()
        if stale is not None:
            # The file's process is not PostgreSQL any more: a reboot gave its number to another one. PostgreSQL would
            # refuse to start, as it cannot tell. This variable names a process it may disregard; its other check, on
            # the shared memory of servers that died, stays on, which deleting the file would have switched off.
            env["PG_GRANDPARENT_PID"] = str(stale.pid)
        reader, self._lifeline = os.pipe()
        try:
            with cluster.log.open("ab") as log:
                self._log_start = log.tell()
                self._guard = subprocess.Popen(  # noqa: S603 - our own words
                    [sys.executable, "-I", str(GUARD), str(cluster.guard_lock), *command],
                    stdin=reader,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=env,
                    start_new_session=True,
                )
        finally:
            os.close(reader)

    async def _until_ready(self, cluster: Cluster, deadline: float) -> None:
        while not ((running := cluster.postmaster()) and running.alive and running.status == "ready"):
            if self._guard is None or self._guard.poll() is not None:
                raise Unavailable(f"The embedded PostgreSQL did not start.{self._log_tail(cluster)}")
            await self._pause(cluster, deadline, "The embedded PostgreSQL is not ready")

    async def _pause(self, cluster: Cluster, deadline: float, what: str) -> None:
        if clock.monotonic() > deadline:
            raise Unavailable(f"{what}, after {_PATIENCE_S:.0f} s.{self._log_tail(cluster)}")
        await asyncio.sleep(_POLL_S)

    def _log_tail(self, cluster: Cluster) -> str:
        with cluster.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()[-15:]
        return f" Its log ({cluster.log}) ends:\n" + "\n".join(f"    {line}" for line in lines)


def _ask_to_stop(running: Postmaster) -> None:
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGINT)
