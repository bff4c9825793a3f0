"""A running Clarion: `clarion api` and `clarion worker` as a user would start them, on a database of the run."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg

from bench.mail import project
from bench.ours.client import Client
from bench.ours.memory import Peak, watched
from bench.ours.publish import publish
from bench.servers.process import ProgramFailed, free_port, run, started, tail
from bench.stage import Stage
from clarion.flows.bootstrap import DEFAULT_TENANT, new_key

CLARION = Path(sys.executable).with_name("clarion")
READY_S = 60.0
#: So long a worker is left alone once it is ready, for what its start leaves to do. The Node mailer has as long: its
#: producer is a process that starts when the worker is ready.
SETTLE_S = 0.5
#: Nothing listens there: nothing is sent.
NOWHERE = "smtp://127.0.0.1:9"

#: How many workers are at work: one puts itself on the list when it begins to look for jobs, and not before, so that a
#: measurement begins with a worker that has started, as it does with the peers' workers.
WORKERS = "SELECT count(*) FROM worker"

#: One for all systems of a run, as databases are copied: the same key, and the secret that it is hashed with.
KEY = new_key()
SECRET = secrets.token_hex(32)


class System:
    """A running API, and a worker when asked for one."""

    def __init__(
        self, work: Path, project: Path, env: dict[str, str], session: aiohttp.ClientSession, api_pid: int
    ) -> None:
        self._work = work
        self._project = project
        self._env = env
        self._session = session
        self._api_pid = api_pid
        self.database = env["CLARION_DATABASE_URL"]

    @property
    def port(self) -> int:
        """Where the API listens."""
        return int(self._env["CLARION_PORT"])

    @property
    def api_pid(self) -> int:
        """The API process."""
        return self._api_pid

    def client(self, key: str = KEY) -> Client:
        """Speaks for the tenant that *key* belongs to."""
        return Client(self._session, key)

    @asynccontextmanager
    async def worker(self, *words: str) -> AsyncIterator[Peak]:
        """One worker process, ready, with further *words* on its command line; its memory is watched."""
        log = self._work / "logs" / "clarion-worker.log"
        before = await self.count(WORKERS)
        async with started([CLARION, "worker", "--processes", "1", *words], log=log, env=self._env) as process:
            async with asyncio.timeout(READY_S):
                while await self.count(WORKERS) == before:
                    if process.returncode is not None:
                        raise ProgramFailed(f"clarion worker ended with status {process.returncode}: {tail(log)}")
                    await asyncio.sleep(0.05)
            await asyncio.sleep(SETTLE_S)
            async with watched(process.pid) as peak:
                yield peak

    async def count(self, sql: str) -> int:
        """The one number that *sql* asks the database for, past Clarion."""
        connection = await asyncpg.connect(self.database)
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    async def tenant(self, name: str) -> Client:
        """Another tenant, with the same workflow and a key of its own."""
        key = new_key()
        await publish(self.database, self._project, tenant=name, key=key, secret=SECRET)
        return self.client(key)


@asynccontextmanager
async def system(
    stage: Stage,
    *,
    database: str,
    smtp: str = NOWHERE,
    folder: Path | None = None,
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[System]:
    """Migrate, publish the project in *folder* (else the booking mail), start the API, and wait until it is ready.

    *more* are further settings, by the names of their variables.
    """
    port = free_port()
    folder = folder or project.write(stage.work / "project")
    env = {
        "CLARION_DATABASE_URL": database,
        "CLARION_SMTP_URL": smtp,
        "CLARION_SECRET": SECRET,
        "CLARION_PROJECT": str(folder),
        "CLARION_DATA_DIR": str(stage.work / "data"),
        "CLARION_HOST": "127.0.0.1",
        "CLARION_PORT": str(port),
        "CLARION_LOG_FORMAT": "json",
        "CLARION_LOG_LEVEL": "warning",
        **(more or {}),
    }
    await run([CLARION, "migrate"], env=env, timeout_s=120)
    await publish(database, folder, tenant=DEFAULT_TENANT, key=KEY, secret=SECRET)
    log = stage.work / "logs" / "clarion-api.log"
    async with (
        started([CLARION, "api"], log=log, env=env) as process,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{port}", connector=aiohttp.TCPConnector(limit=200), timeout=aiohttp.ClientTimeout(300)
        ) as session,
    ):
        await _ready(session, process, log)
        yield System(stage.work, folder, env, session, process.pid)


async def _ready(session: aiohttp.ClientSession, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(READY_S):
        while True:
            if process.returncode is not None:
                raise ProgramFailed(f"clarion api ended with status {process.returncode}: {tail(log)}")
            try:
                async with session.get("/readyz") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
