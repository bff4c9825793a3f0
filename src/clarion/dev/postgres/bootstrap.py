"""The role and the database that Clarion uses in its embedded cluster."""

from __future__ import annotations

import asyncpg

from clarion.dev.postgres.settings import DATABASE, ROLE

#: What an operator may look at and do without being superuser; the last came with PostgreSQL 15.
_POWERS = ("pg_monitor", "pg_signal_backend", "pg_checkpoint")


async def ensure_database(superuser_url: str) -> None:
    """Make what is missing of role and database. Idempotent, so an interrupted first start does no harm."""
    connection = await asyncpg.connect(superuser_url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", ROLE):
            powers = await connection.fetchval(
                "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolname = ANY($1)", list(_POWERS)
            )
            await connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB IN ROLE {powers}")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    finally:
        await connection.close()
