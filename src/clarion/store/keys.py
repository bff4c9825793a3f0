"""API keys as rows. The key itself is never here: only what proves it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import sql
from clarion.domain.key import ApiKey

if TYPE_CHECKING:
    import asyncpg

    from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def find(connection: Connection, id: str) -> ApiKey | None:
    """The key named *id*, active or not. The one question that is asked before the tenant is known."""
    row = await connection.fetchrow(_SQL["find"], id)
    return _key(row) if row else None


async def add(
    connection: Connection,
    tenant_id: UUID,
    *,
    id: str,
    digest: bytes,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
) -> bool:
    """Store a key; False when there is one of that id already, which is left as it is."""
    status = await connection.execute(_SQL["add"], tenant_id, id, digest, name, list(scopes), expires_at)
    return status == "INSERT 0 1"


async def revoke(connection: Connection, tenant_id: UUID, id: str) -> bool:
    """Close a key for good; False when it was closed before or is not there. Open requests end as they began."""
    status = await connection.execute(_SQL["revoke"], tenant_id, id)
    return status == "UPDATE 1"


async def list_all(connection: Connection, tenant_id: UUID) -> list[ApiKey]:
    """The tenant's keys, oldest first, revoked ones too."""
    return [_key(row) for row in await connection.fetch(_SQL["list"], tenant_id)]


async def touch(connection: Connection, tenant_id: UUID, id: str) -> None:
    """Note that the key was used now."""
    await connection.execute(_SQL["touch"], tenant_id, id)


def _key(row: asyncpg.Record) -> ApiKey:
    fields = dict(row)
    fields["scopes"] = frozenset(fields["scopes"])
    return ApiKey(**fields)
