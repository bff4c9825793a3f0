"""A whole Clarion in one process for tests: the API on a socket, a worker, an SMTP server, real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.api import Api, open_api
from tests.support.smtp_server import SmtpServer
from tests.support.wait import wait_until

from clarion.app import open_worker
from clarion.config import load_settings
from clarion.flows.apply import apply, apply_bindings
from clarion.flows.verify import verify
from clarion.project.load import load_project
from clarion.worker.service import Worker

#: Workers look by themselves so often, for what a test puts into the database. A look is a few statements for each of
#: a dozen queues, so it must not be much more often: ten times a second would take a sixth of a processor.
POLL = "250ms"
HOTEL = Path(__file__).parents[2] / "examples" / "hotel"


@dataclass(frozen=True, kw_only=True)
class House:
    """What runs."""

    api: Api
    worker: Worker
    smtp: SmtpServer

    async def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        reply = await self.api.call("GET", path)
        assert reply.status == 200, reply.json
        return reply.json

    async def post(self, path: str, body: object = None, *, status: int = 200) -> Any:
        """The JSON of a POST that must be answered with *status*."""
        reply = await self.api.call("POST", path, body)
        assert reply.status == status, reply.json
        return reply.json

    async def put(self, path: str, body: object) -> Any:
        """The JSON of a PUT that must succeed."""
        reply = await self.api.call("PUT", path, body)
        assert reply.status in (200, 201), reply.json
        return reply.json

    async def trigger(self, body: dict[str, object], workflow: str = "booking-confirmed") -> str:
        """The id of an accepted trigger."""
        payload = {"name": "Nitish official", "orderId": "12345", "message": "See you soon!"}
        accepted = await self.post(f"/v1/workflows/{workflow}/trigger", {"payload": payload, **body}, status=202)
        return str(accepted["id"])

    async def finished(self, trigger: str, *, timeout_s: float = 30) -> Any:
        """The trigger, once it is completed or cancelled."""
        found: dict[str, Any] = {}

        async def ended() -> bool:
            found.update(await self.get(f"/v1/triggers/{trigger}"))
            return found["status"] in ("completed", "cancelled")

        await wait_until(ended, timeout_s, f"the end of {trigger}")
        return found

    async def messages(self, trigger: str) -> dict[tuple[str, str], Any]:
        """The messages of a trigger by recipient and channel."""
        page = await self.get(f"/v1/messages?trigger={trigger}&limit=100")
        return {(message["recipient"], message["channel"]): message for message in page["items"]}

    async def check(self) -> None:
        """All promises hold."""
        async with self.api.pool.acquire() as connection:
            assert await verify(connection) == []


@asynccontextmanager
async def open_house(
    url: str,
    *,
    project: Path = HOTEL,
    run: bool = True,
    env: Mapping[str, str] | None = None,
    without_smtp: bool = False,
    services: Mapping[str, Any] | None = None,
    **smtp: Any,
) -> AsyncIterator[House]:
    """A house on the database at *url* with *project* published for tenant ``one``; *run* starts its worker.

    *env* are further settings of the worker, *services* of the API; *without_smtp* keeps the address of the SMTP server
    from the worker.
    """
    async with open_api(url, **(services or {})) as api, SmtpServer(**smtp) as server:
        found, mistakes = load_project(project)
        assert found is not None, mistakes
        async with api.pool.acquire() as connection:
            await apply(connection, api.tenants["one"], found.workflows)
            await apply_bindings(connection, api.tenants["one"], found.bindings)
        flags = {"project": project, "worker.poll_interval": POLL}
        smtp_url = None if without_smtp else f"smtp://127.0.0.1:{server.port}"
        settings = load_settings({**flags, "smtp_url": smtp_url}, env or {})
        async with open_worker(settings, url) as worker:
            house = House(api=api, worker=worker, smtp=server)
            called = {consumer.queue: consumer._called for consumer in worker.consumers}
            api.rung.hear("", lambda name: called[name].set() if name in called else None)
            stopping = asyncio.Event()
            running = asyncio.create_task(worker.run(stopping, timedelta(seconds=5))) if run else None
            try:
                yield house
            finally:
                stopping.set()
                if running is not None:
                    await running
