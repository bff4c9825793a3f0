"""Topics and who belongs to them. A topic's member count changes in the transaction that changes its members.

Everybody takes locks in this order: recipients (by id), topics (by key), members. So nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import sql

if TYPE_CHECKING:
    from clarion.store.database import Connection

_SQL = sql.load(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as stored."""

    key: str
    name: str | None
    member_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a change of members did: how many came or went, and how many there are now."""

    changed: int
    members: int


async def get(connection: Connection, tenant_id: UUID, key: str) -> Topic | None:
    """The topic *key*."""
    row = await connection.fetchrow(_SQL["get"], tenant_id, key)
    return Topic(**dict(row)) if row else None


async def list_all(connection: Connection, tenant_id: UUID, after: str, limit: int) -> list[Topic]:
    """The next *limit* topics whose key comes behind *after*, by key."""
    return [Topic(**dict(row)) for row in await connection.fetch(_SQL["list"], tenant_id, after, limit)]


async def put(connection: Connection, tenant_id: UUID, key: str, name: str | None) -> tuple[Topic, bool]:
    """Store a topic; the row, and whether it is new. Its members stay."""
    row = await connection.fetchrow(_SQL["put"], tenant_id, key, name)
    assert row is not None
    fields = dict(row)
    created: bool = fields.pop("created")
    return Topic(**fields), created


async def delete(connection: Connection, tenant_id: UUID, key: str) -> bool:
    """Forget a topic and who belonged to it; False when there is none. Recipients stay."""
    return await connection.fetchval(_SQL["delete"], tenant_id, key) is not None


async def add_members(
    connection: Connection, tenant_id: UUID, key: str, recipient_ids: Sequence[str]
) -> Changed | None:
    """Add recipients that exist to a topic; those who belong to it already stay as they are. None: no such topic.

    Call it in a transaction that holds the recipients (`recipients.missing`).
    """
    return await _change("add_members", connection, tenant_id, key, recipient_ids)


async def remove_members(
    connection: Connection, tenant_id: UUID, key: str, recipient_ids: Sequence[str]
) -> Changed | None:
    """Take recipients out of a topic; those who do not belong to it are passed over. None: no such topic.

    Call it in a transaction.
    """
    return await _change("remove_members", connection, tenant_id, key, recipient_ids)


async def _change(
    change: str, connection: Connection, tenant_id: UUID, key: str, recipient_ids: Sequence[str]
) -> Changed | None:
    if await connection.fetchval(_SQL["lock"], tenant_id, key) is None:
        return None
    changed: int = await connection.fetchval(_SQL[change], tenant_id, key, list(recipient_ids))
    difference = changed if change == "add_members" else -changed
    members: int = await connection.fetchval(_SQL["count"], tenant_id, key, difference)
    return Changed(changed=changed, members=members)
