"""The whole system as one process tree: what `up` runs for a person and `demo` for itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import structlog

from clarion.app import open_database
from clarion.cli.catcher import PORTS
from clarion.cli.caught import caught_settings
from clarion.cli.child import Child
from clarion.cli.database import connect
from clarion.cli.family import Family, together
from clarion.cli.first_key import first_key
from clarion.cli.folder import follow
from clarion.cli.port import address
from clarion.cli.publish import publish, read_project
from clarion.cli.running import Running, announce, claimed
from clarion.cli.sample import sample_body
from clarion.config import Settings
from clarion.connections import accounts_of
from clarion.domain.workflow import Channel
from clarion.store.migrate import migrate

log = structlog.get_logger()

#: Hosts at which nobody listens but for this machine.
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
#: Beyond the time that a worker has to finish what it began.
_MARGIN = timedelta(seconds=5)


class System:
    """Database, catcher, workers and API; what does not need the other starts at the same time.

    What `start` has begun is ended when the block is left, in whatever way: ``async with System(…) as system``.
    """

    def __init__(
        self, settings: Settings, *, environment: Mapping[str, str] | None = None, inherit: bool = True
    ) -> None:
        """*environment* is added to that of every process; without *inherit* none of our own settings reach it."""
        self.settings = settings
        self.database_url = ""
        #: Keys of what the project folder publishes.
        self.workflows: list[str] = []
        #: What triggers the first of them; "" where there is none.
        self.sample = ""
        self._environment = dict(environment or {})
        self._inherit = inherit
        self._tenant_id: UUID | None = None
        self._lock = -1
        self._workers: list[Child] = []
        self._family = Family(settings.worker.drain_timeout + _MARGIN)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._family.stop()
        finally:
            await self._stack.aclose()

    async def start(self) -> Running:
        """Start all of it; answers when every part is ready.

        Raises `ConfigError` when it cannot run as things are set up, or runs on this data folder already, and
        `Unavailable` when a part does not come up.
        """
        settings = self.settings
        self._lock = await self._stack.enter_async_context(claimed(settings.data_dir))
        read_project(settings)  # before anything is started for it
        numbers = range(1, settings.worker.processes + 1)
        first = ["--bounces"]  # one reads what came back: only one can listen on a port
        self._workers = [
            self._child(f"worker {number}", "worker", "--sources", *(first if number == 1 else []))
            for number in numbers
        ]
        api = self._child("api", "api", "--host", settings.host, "--port", str(settings.port))
        caught_here = settings.smtp_url is None and not accounts_of(settings, Channel.EMAIL.value)
        catcher = self._child("catcher", "catcher") if caught_here else None
        # As they stop, from the last one: the API first, that no new work comes while the old is finished.
        for stage in ([catcher] if catcher else [], self._workers, [api]):
            self._family.add(*stage)
        # Loading takes the longest: they do that while the database is made ready.
        others = (child.warm() for child in (*self._workers, api))
        key, caught, *_ = await together(self._prepare_database(), _start_catcher(catcher), *others)
        told = {"CLARION_DATABASE_URL": self.database_url, "CLARION_WORKER_PROCESSES": "1"}
        if settings.insecure:
            told["CLARION_INSECURE"] = "true"
        if caught is not None:
            told |= caught_settings(settings, caught)
        if not settings.webhook.allow_networks and settings.host in _HERE:  # who has a key is at this machine
            told["CLARION_WEBHOOK_ALLOW_NETWORKS"] = "127.0.0.0/8,::1/128"
        for child in (*self._workers, api):
            child.tell(told)
        await self._family.start(*self._workers)
        (facts,) = await self._family.start(api)  # the last: who hears that it is ready finds all of it ready
        api.keep("--port", facts["port"])
        where = address(settings.host, facts["port"])
        running = Running(
            address=where,
            api_key=key,
            pid=os.getpid(),
            catcher=None if caught is None else f"http://127.0.0.1:{caught['http_port']}",
            database=self.database_url if settings.database_url is None else None,
        )
        announce(settings.data_dir, running)
        return running

    async def watch(self, stopping: asyncio.Event) -> None:
        """Keep all of it running until *stopping* is set; publish the project folder anew whenever it is saved."""
        following = asyncio.create_task(follow(self.settings.project, self._publish))
        try:
            await self._family.watch(stopping)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def worker_pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    async def _prepare_database(self) -> str:
        """A database with schema, first key and everything that the project folder publishes; the key."""
        self.database_url = await self._stack.enter_async_context(open_database(self.settings))
        async with connect(self.database_url):
            pass  # says what is wrong with an address better than a migration could
        await migrate(self.database_url)
        async with connect(self.database_url) as connection:
            self._tenant_id, key = await first_key(connection, self.settings)
        await self._publish()
        return key

    def _child(self, name: str, *command: str) -> Child:
        where = ["--project", str(self.settings.project), "--data-dir", str(self.settings.data_dir)]
        return Child(name, [*command, *where], dict(self._environment), inherit=self._inherit, holding=(self._lock,))

    async def _publish(self) -> None:
        project, mistakes = read_project(self.settings)
        for mistake in mistakes:
            log.warning("project.mistake", what=str(mistake))
        assert self._tenant_id is not None
        async with connect(self.database_url) as connection:
            await publish(connection, self._tenant_id, project)
        self.workflows = [draft.workflow.key for draft in project.workflows]
        self.sample = sample_body(project.workflows[0]) if project.workflows else ""


async def _start_catcher(child: Child | None) -> dict[str, Any] | None:
    """Its ports, ``smtp_port`` and so on, which it keeps, its gateway's account ``sms``, where chats are, ``chat``, its
    accounts for push messages by kind, ``push``, and where webhooks are caught, ``webhook``."""
    if child is None:
        return None
    facts = await child.start()
    for port in PORTS:
        child.keep(f"--{port}-port", facts[f"{port}_port"])
    return facts
