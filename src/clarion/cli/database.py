"""One connection to the database, for the commands that work on it directly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clarion.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from clarion.config import Settings
    from clarion.store.database import Connection


@asynccontextmanager
async def connected(settings: Settings, *, schema: bool = True) -> AsyncIterator[Connection]:
    """A connection to the configured database, or to the embedded one, started for that long if need be.

    Raises `ConfigError` when the database does not let us in, `Unavailable` when it does not answer or, with *schema*,
    does not have the schema of this version yet.
    """
    from clarion.app import open_database

    async with open_database(settings) as url, connect(url) as connection:
        if schema:
            await _check_schema(connection)
        yield connection


@asynccontextmanager
async def connect(url: str, *, timeout_s: float = 10.0) -> AsyncIterator[Connection]:
    """A connection to the database at *url*; raises as `connected` does."""
    import asyncpg

    from clarion.store.database import set_up

    where = _where(url)
    try:
        connection = await asyncpg.connect(url, timeout=timeout_s)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise ConfigError(f"The database {where} does not let us in: {error}. Mend CLARION_DATABASE_URL.") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        why = str(error) or f"no answer within {timeout_s:.0f} s"
        raise Unavailable(
            f"The database {where} cannot be reached: {why}. Start it, or set CLARION_DATABASE_URL."
        ) from None
    try:
        await set_up(connection)
        yield connection
    finally:
        await connection.close(timeout=10)


async def revision(connection: Connection) -> str | None:
    """The newest migration that the database has had; None when it has had none."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    newest: str | None = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
    return newest


async def _check_schema(connection: Connection) -> None:
    from clarion.store.migrate import HEAD

    found = await revision(connection)
    if found is None or found < HEAD:
        raise Unavailable(
            f"The database is at version {found or 'nothing'} and this Clarion needs {HEAD}: run `clarion migrate`."
        )


def _where(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'on this machine'}{f':{parts.port}' if parts.port else ''}{parts.path}"
