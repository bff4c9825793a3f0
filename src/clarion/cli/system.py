"""The whole system as one process tree: what `up` runs for a person and `demo` for itself."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog

from clarion.app import open_database
from clarion.cli.child import Child, watch
from clarion.cli.first_key import first_key
from clarion.cli.publish import publish
from clarion.config import Settings
from clarion.errors import ConfigError
from clarion.project.load import load_project
from clarion.store.migrate import migrate

log = structlog.get_logger()


class System:
    """Database, catcher, workers and API, in the order in which they need each other. Open it with ``async with``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = ""
        self.catcher_address = ""
        self.api_key = ""
        self.database_url = ""
        self.workflows: list[str] = []
        self.tenant_id: UUID | None = None
        self._children: list[Child] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def watch(self, stopping: asyncio.Event) -> None:
        """Keep all of it running until *stopping* is set; publish the project folder anew whenever it is saved."""
        following = asyncio.create_task(self._follow_folder())
        try:
            await watch(self._children, stopping, patience=self.settings.worker.drain_timeout)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def worker_pids(self) -> list[int]:
        """The process ids of the workers."""
        return [child.pid for child in self._children if child.name.startswith("worker") and child.pid]

    def curl(self) -> list[str]:
        """A command that can be pasted into a terminal: it triggers the first workflow for one person."""
        key = self.workflows[0] if self.workflows else "booking-confirmed"
        body = (
            '{"recipients": [{"id": "nitish", "name": "Nitish official", "email": "nitish@guests.example"}],'
            ' "payload": {"name": "Nitish official", "orderId": "12345", "message": "See you soon!"}}'
        )
        return [
            f"curl -X POST {self.address}/v1/workflows/{key}/trigger \\",
            f"  -H 'Authorization: Bearer {self.api_key}' -H 'Content-Type: application/json' \\",
            f"  -d '{body}'",
        ]

    async def _start(self) -> None:
        settings = self.settings
        self.database_url = await self._stack.enter_async_context(open_database(settings))
        await migrate(self.database_url)
        self.tenant_id, self.api_key = await first_key(self.database_url, settings)
        await self._publish()
        environment = {"CLARION_DATABASE_URL": self.database_url, "CLARION_WORKER_PROCESSES": "1"}
        where = ["--project", str(settings.project), "--data-dir", str(settings.data_dir)]
        catcher: list[Child] = []
        if settings.smtp_url is None:
            catcher = [Child("catcher", ["catcher", *where], environment)]
            facts = await catcher[0].start()
            environment["CLARION_SMTP_URL"] = f"smtp://127.0.0.1:{facts['smtp_port']}"
            self.catcher_address = f"http://127.0.0.1:{facts['http_port']}"
            self._children = catcher[:]
        workers = [
            Child(f"worker {n}", ["worker", *where], environment) for n in range(1, settings.worker.processes + 1)
        ]
        for worker in workers:
            self._children.insert(0, worker)
            await worker.start()
        api = Child("api", ["api", *where, "--host", settings.host, "--port", str(settings.port)], environment)
        self._children.insert(0, api)  # stopped first: no new work while the old is finished
        facts = await api.start()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"http://{host}:{facts['port']}"

    async def _stop(self) -> None:
        for child in self._children:
            await child.stop(self.settings.worker.drain_timeout + timedelta(seconds=10))
        await self._stack.aclose()

    async def _publish(self) -> None:
        project, mistakes = load_project(self.settings.project)
        for mistake in mistakes:
            log.warning("project.mistake", what=str(mistake))
        if project is None:
            raise ConfigError("The project folder has mistakes; `clarion check` shows them.")
        assert self.tenant_id is not None
        await publish(self.database_url, self.tenant_id, project)
        self.workflows = [draft.workflow.key for draft in project.workflows]

    async def _follow_folder(self) -> None:
        seen = _fingerprint(self.settings)
        while True:
            await asyncio.sleep(1)
            now = _fingerprint(self.settings)
            if now == seen:
                continue
            seen = now
            try:
                await self._publish()
            except ConfigError as error:  # mistakes while somebody is typing: what is published stays
                log.warning("project.not_published", why=error.message)


def _fingerprint(settings: Settings) -> int:
    """Changes whenever a file that is published is saved."""
    found = []
    for name in ("workflows", "templates", "layouts"):
        for folder, _, files in os.walk(settings.project / name):
            for file in files:
                try:
                    status = os.stat(os.path.join(folder, file))  # noqa: PTH116, PTH118 - a walk every second
                except OSError:
                    continue
                found.append((folder, file, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(found)))
