"""The PostgreSQL of the run: the embedded one, with the settings that `clarion up` gives it, for everybody."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from clarion.dev.postgres import EmbeddedPostgres


class Postgres:
    """A running PostgreSQL; `fresh` makes an empty database in it."""

    def __init__(self, server: EmbeddedPostgres, facts: dict[str, str]) -> None:
        self._server = server
        #: Its version, and the settings that say what a commit is worth.
        self.facts = facts

    async def fresh(self, name: str) -> str:
        """The address of a new and empty database *name*; one of that name is dropped first.

        A checkpoint follows, so that nobody pays for what was written before them.
        """
        await self.drop(name)
        await self._administer(f'CREATE DATABASE "{name}" OWNER clarion', "CHECKPOINT")
        return self._server.url(name)

    async def copy(self, source: str, name: str) -> str:
        """The address of a new database *name* with all that is in *source*; one of that name is dropped first."""
        await self.drop(name)
        await self._administer(
            f'CREATE DATABASE "{name}" OWNER clarion TEMPLATE "{source}" STRATEGY file_copy', "CHECKPOINT"
        )
        return self._server.url(name)

    async def tidy(self, name: str) -> None:
        """Vacuum and analyse database *name*, as autovacuum would have some time after a load."""
        connection = await asyncpg.connect(self._server.url(name, superuser=True))
        try:
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    async def drop(self, name: str) -> None:
        """Give back the space of database *name*, if there is one."""
        await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _administer(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._server.url("postgres", superuser=True))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def postgres(work: Path) -> AsyncIterator[Postgres]:
    """A new cluster, reached by its Unix socket; its data is removed at the end."""
    folder = work / "postgres"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        async with EmbeddedPostgres(folder) as server:
            yield Postgres(server, await _facts(server))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _facts(server: EmbeddedPostgres) -> dict[str, str]:
    connection = await asyncpg.connect(server.url())
    try:
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        return {name: str(await connection.fetchval("SELECT current_setting($1)", name)) for name in names}
    finally:
        await connection.close()
