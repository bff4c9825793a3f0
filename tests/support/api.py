"""The API on a real socket, for tests: two tenants that must not see each other, each with a key that may do all."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.support.http import Connection, Reply, request

from clarion.api.app import build_api
from clarion.api.server import ApiServer
from clarion.api.services import Services
from clarion.channels.kinds import kinds
from clarion.domain import key as keys
from clarion.domain.scope import Scope
from clarion.inbox.live import Live
from clarion.store import keys as key_store
from clarion.store import tenants
from clarion.store.database import Pool, open_pool

SECRET = b"a secret of tests, long enough to be one"


class Bell(list[str]):
    """What was rung for, heard within the process alone."""

    def __init__(self) -> None:
        super().__init__()
        self._hearers: list[tuple[str, Callable[[str | None], None]]] = []

    def hear(self, prefix: str, heard: Callable[[str | None], None]) -> None:
        """As `Notifier.hear`."""
        self._hearers.append((prefix, heard))

    def ring(self, name: str) -> None:
        """As `Notifier.ring`."""
        self.append(name)
        for prefix, heard in self._hearers:
            if name.startswith(prefix):
                heard(name)


@dataclass(frozen=True, kw_only=True)
class Api:
    """A running API."""

    port: int
    pool: Pool
    services: Services
    #: The queues for which workers were woken.
    rung: Bell = field(default_factory=Bell)
    #: Tenants by name, and a key of each that may do everything.
    tenants: dict[str, UUID] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        tenant: str = "one",
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        until: bytes | None = None,
    ) -> Reply:
        """One request on a connection of its own; *body* is sent as JSON, *raw* as it is.

        An answer without an end is read up to *until*.
        """
        sent = raw if raw is not None else None if body is None else json.dumps(body).encode()
        given = {"authorization": f"Bearer {self.keys[tenant]}", **(headers or {})}
        async with await Connection.open(self.port) as connection:
            await connection.say(request(method, path, body=sent, headers=given))
            return await connection.hear(until)

    async def new_key(self, tenant: str, scopes: Iterable[str], **more: Any) -> str:
        """A further key of *tenant*."""
        key = keys.make(os.urandom(keys.ID_BYTES + keys.SECRET_BYTES))
        id = keys.id_of(key)
        assert id is not None
        async with self.pool.acquire() as connection:
            digest = keys.digest(self.services.pepper, key)
            assert await key_store.add(
                connection, self.tenants[tenant], id=id, digest=digest, name="test", scopes=scopes, **more
            )
        return key


@asynccontextmanager
async def open_api(url: str, *, poll_s: float = 15.0, **settings: Any) -> AsyncIterator[Api]:
    """The API on the database at *url*, on a free port."""
    pool = await open_pool(url, size=4, statement_timeout_s=5, application_name="test-api")
    async with pool:
        rung = Bell()
        carried: dict[str, Any] = {"carriers": {"sms": ["twilio:main"]}, "kinds": kinds()} | settings
        live = Live(pool, rung, poll_s=poll_s)
        services = Services(pool=pool, secret=SECRET, wake=rung.ring, live=live, **carried)
        server = ApiServer(build_api(services), host="127.0.0.1", port=0, closing=live.closing, drain_s=2)
        # Not in a TaskGroup: a test that fails would cancel the server instead of letting it close its sockets.
        serving = asyncio.create_task(server.run())
        try:
            await server.listening.wait()
            await live.__aenter__()
            api = Api(port=server.port, pool=pool, services=services, rung=rung)
            for name in ("one", "two"):
                async with pool.acquire() as connection:
                    api.tenants[name] = await tenants.ensure(connection, name)
                api.keys[name] = await api.new_key(name, [Scope.ALL])
            yield api
        finally:
            server.stop()
            await serving
            await live.__aexit__(None, None, None)
