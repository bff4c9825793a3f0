"""Workflows as published: immutable versions, each with every template that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from clarion import ids, sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def definition(connection: Connection, version_id: UUID) -> Mapping[str, Any]:
    """What a version says, without its templates."""
    found: Mapping[str, Any] = await connection.fetchval(_SQL["definition"], version_id)
    return found


async def current(connection: Connection, tenant_id: UUID, key: str) -> Mapping[str, Any] | None:
    """The version of workflow *key* that a trigger gets now (without its templates), or None."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_SQL["current"], tenant_id, key)
    return row


async def versions(connection: Connection, version_ids: Iterable[UUID]) -> Sequence[Mapping[str, Any]]:
    """Whole versions, definition and templates."""
    return await connection.fetch(_SQL["version"], list(version_ids))


async def publish(
    connection: Connection,
    tenant_id: UUID,
    key: str,
    *,
    hash: str,
    definition: Mapping[str, object],
    bundle: Mapping[str, object],
) -> tuple[int, bool]:
    """Make this the current version of workflow *key*: its number, and whether it is new.

    Content that equals the current version's makes no new one. To be called in a transaction.
    """
    await connection.execute(_SQL["lock"], str(tenant_id), key)
    now = await current(connection, tenant_id, key)
    if now is not None and now["hash"] == hash:
        return now["version"], False
    version: int = await connection.fetchval(_SQL["publish"], ids.new(), tenant_id, key, hash, definition, bundle)
    return version, True


async def list_(connection: Connection, tenant_id: UUID) -> Sequence[Mapping[str, Any]]:
    """All workflows of a tenant with their current versions, by key."""
    return await connection.fetch(_SQL["list"], tenant_id)
