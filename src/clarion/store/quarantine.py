"""Messages that could not be used: kept with the reason and their bytes, to be looked at and redriven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import clock, ids, sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: Bytes of a body that are kept.
KEPT = 256 * 1024
#: Characters of a reason and of an id that are kept.
_TEXT = 2_000
#: How many rows one call deletes.
_BATCH = 1_000

_LAST_ID = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuarantined:
    """A message to put aside."""

    inbound_id: UUID
    message_id: str
    subject: str
    reason: str
    headers: Mapping[str, str]
    body: bytes
    id: UUID = field(default_factory=ids.new)


async def add(connection: Connection, tenant_id: UUID, source: int, messages: Sequence[NewQuarantined]) -> None:
    """Put *messages* aside."""
    await connection.executemany(
        _SQL["add"],
        [
            (
                *(one.id, tenant_id, one.inbound_id, source, one.message_id[:_TEXT], one.subject[:_TEXT]),
                *(one.reason[:_TEXT], dict(one.headers), len(one.body), one.body[:KEPT]),
            )
            for one in messages
        ],
    )


async def list_(
    connection: Connection, tenant_id: UUID, *, before: UUID | None, limit: int, source: str | None, waiting: bool
) -> Sequence[Mapping[str, Any]]:
    """Those put aside, newest first, without their bytes; *waiting*: only those that are not redriven."""
    statement = _SQL["list_waiting" if waiting else "list"]
    return await connection.fetch(statement, tenant_id, before or _LAST_ID, limit, source)


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> Mapping[str, Any] | None:
    """One of them, whole, or None."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_SQL["get"], tenant_id, id)
    return row


async def waiting(connection: Connection, tenant_id: UUID, limit: int) -> list[UUID]:
    """The oldest *limit* that are not redriven."""
    return [row["id"] for row in await connection.fetch(_SQL["waiting"], tenant_id, limit)]


async def take(connection: Connection, tenant_id: UUID, id: UUID) -> bool:
    """Be the one who redrives *id*, in this transaction; False when it was redriven, or is being."""
    taken: bool = await connection.fetchval(_SQL["take"], tenant_id, id)
    return bool(taken)


async def redriven(connection: Connection, tenant_id: UUID, id: UUID) -> None:
    """It has become what it should have been."""
    await connection.execute(_SQL["redriven"], tenant_id, id)


async def still(connection: Connection, tenant_id: UUID, id: UUID, reason: str) -> None:
    """It was tried again and stays, now for *reason*."""
    await connection.execute(_SQL["still"], tenant_id, id, reason[:_TEXT])


async def prune(connection: Connection, older_than: timedelta) -> int:
    """Delete a batch of those put aside longer ago, and of suspects nobody asked for since; how many went.

    That a message was here stays known.
    """
    gone: int = await connection.fetchval(_SQL["prune"], ids.first_at(clock.now() - older_than), _BATCH)
    return gone
