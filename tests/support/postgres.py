"""Real PostgreSQL servers and fresh databases for tests."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from clarion.dev.postgres import EmbeddedPostgres

SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")


class Kind(StrEnum):
    """A server that conformance tests run on."""

    EMBEDDED_18 = "embedded18"  #: PostgreSQL 18 from the wheel; the one that all other tests use
    SYSTEM_15 = "system15"  #: PostgreSQL 15 from the system's packages: an older planner, older statistics
    SLOW_FSYNC = "slow_fsync"  #: 18 with every commit held up 2 ms, as on a slow disk


class Databases:
    """Makes and drops databases on one server. *url* is a database on it whose role may create others."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = itertools.count(1)
        self._template: str | None = None
        self._copies_files = False  # PostgreSQL 14 does not ask how
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """The URL of a new database with nothing in it; dropped afterwards."""
        async with self._created(template="template1") as url:
            yield url

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        """The URL of a new database with Clarion's schema; dropped afterwards."""
        async with self._making:
            if self._template is None:
                self._template = await self._make_template()
        # Copied file by file: through the write-ahead log, as is usual, it takes half as much work again.
        how = "STRATEGY FILE_COPY" if self._copies_files else ""
        async with self._created(template=self._template, how=how) as url:
            yield url

    async def close(self) -> None:
        """Drop the template."""
        if self._template is not None:
            await self._execute(f'DROP DATABASE "{self._template}"')
            self._template = None

    @asynccontextmanager
    async def _created(self, template: str, how: str = "") -> AsyncIterator[str]:
        name = f"clarion_test_{os.getpid()}_{next(self._numbers)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {how}')
        try:
            yield self._url_of(name)
        finally:
            await self._drop(name)

    async def _drop(self, name: str) -> None:
        """Drop it; what the test left connected fails the test (the server itself waits 5 s for the last ones)."""
        try:
            await self._execute(f'DROP DATABASE "{name}"')
        except asyncpg.ObjectInUseError as error:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            raise AssertionError(f"the test left connections to its database open: {error.detail}") from error

    async def _make_template(self) -> str:
        # Imported late: tests that need no schema must not depend on it.
        from clarion.store import migrate

        self._copies_files = await self._version() >= 15
        name = f"clarion_template_{os.getpid()}_{next(self._numbers)}"
        await self._execute(f'CREATE DATABASE "{name}"')
        try:
            await migrate.migrate(self._url_of(name))
        except BaseException:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            raise
        return name

    def _url_of(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def _version(self) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            return connection.get_server_version().major
        finally:
            await connection.close()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class Servers:
    """The servers of one test session, each started when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[Kind, Databases] = {}
        self._stack = AsyncExitStack()

    async def get(self, kind: Kind | str) -> Databases:
        """The databases of the server of this *kind*.

        Skips the test when the machine lacks it, with the reason; fails it instead where `CI` is set.
        """
        kind = Kind(kind)
        if kind not in self._running:
            url = await self._start(kind)
            databases = Databases(url)
            self._stack.push_async_callback(databases.close)
            self._running[kind] = databases
        return self._running[kind]

    async def close(self) -> None:
        """Stop every server."""
        await self._stack.aclose()

    async def _start(self, kind: Kind) -> str:
        given = os.environ.get("CLARION_TEST_DATABASE_URL")
        if kind is Kind.EMBEDDED_18 and given:
            return given
        if kind is Kind.SYSTEM_15 and not (SYSTEM_15 / "postgres").exists():
            reason = f"PostgreSQL 15 is not in {SYSTEM_15}: install the package postgresql-15"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        server = EmbeddedPostgres(
            self.folder / kind,
            bin_dir=SYSTEM_15 if kind is Kind.SYSTEM_15 else None,
            settings={"commit_delay": "2000", "commit_siblings": "0"} if kind is Kind.SLOW_FSYNC else None,
        )
        await self._stack.enter_async_context(server)
        return server.url()
