"""Bring a database to the schema of this version. Safe when many start at once, and never waits long for a lock."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clarion.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

FOLDER = Path(__file__).parent / "migrations"

#: The newest revision in the migrations folder; what a ready database reports.
HEAD = max(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.sql"))

#: One migrator at a time, per database.
_ADVISORY_LOCK = 0x636C6172696F6E  # "clarion"

#: A migration that cannot get its lock at once steps back, lets traffic through, and tries again (PROMISES P13).
_LOCK_TIMEOUT = "2s"
_TRIES = 30


async def migrate(url: str) -> None:
    """Run every migration that the database at *url* has not had, each in a transaction, then make partitions ahead.

    Idempotent. Raises `Unavailable` when a lock could not be had in about two minutes.
    """
    if not await _is_at_head(url):
        await _migrate(url)
    await _make_partitions(url)


async def _migrate(url: str) -> None:
    from asyncpg import connect
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    # As all else connects: SQLAlchemy would hand `sslmode` and its like to the driver, which does not know them so.
    engine = create_async_engine("postgresql+asyncpg://", async_creator=partial(connect, url), poolclass=NullPool)
    try:
        for tried in range(_TRIES):
            try:
                async with engine.connect() as connection:
                    await connection.run_sync(_upgrade)
                break
            except DBAPIError as error:
                if "lock timeout" not in str(error) or tried == _TRIES - 1:
                    raise Unavailable(f"The migration did not get through: {error.orig}") from error
                await asyncio.sleep(2)
    finally:
        await engine.dispose()


def run_sql(name: str) -> None:
    """Run the SQL file *name* of the versions folder, as many statements as it holds (called by revisions)."""
    from alembic import op

    sql = (FOLDER / "versions" / name).read_text()
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None
    driver.run_async(lambda raw: raw.execute(sql))


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from sqlalchemy import text

    connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
    connection.commit()
    try:
        command.upgrade(_config(connection), "head")
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER))
    return config


def _check(url: str) -> None:
    """Raises `Unavailable` for what is no address of PostgreSQL."""
    scheme = url.partition("://")[0]
    if scheme not in ("postgres", "postgresql"):
        raise Unavailable(
            f"{scheme}:// is not a PostgreSQL address: expected postgresql://user:password@host:port/name"
        )


async def _is_at_head(url: str) -> bool:
    """Whether there is nothing to do: asked first, because to load what migrates takes half a second."""
    import asyncpg

    _check(url)  # one that could not be migrated is refused in any case
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return False
        had = await connection.fetch("SELECT version_num FROM alembic_version")
        return [row["version_num"] for row in had] == [HEAD]
    finally:
        await connection.close()


async def _make_partitions(url: str) -> None:
    import asyncpg

    from clarion.store.partitions import ensure

    connection = await asyncpg.connect(url)
    try:
        await ensure(connection)
    finally:
        await connection.close()
