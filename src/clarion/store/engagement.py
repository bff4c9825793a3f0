"""What was done with messages: opened, links followed; by people and by machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done with one message in a while, in one way."""

    message_id: UUID
    tenant_id: UUID
    kind: str
    machine: bool
    first_at: datetime
    last_at: datetime
    hits: int


async def note(connection: Connection, done: Sequence[Done], soon: timedelta) -> int:
    """Add *done* to what is known; people's first times go to the messages. How many kinds of it were kept.

    What was done so *soon* after a message was sent was done by a machine, whatever it seemed.
    """
    done = sorted(done, key=lambda one: (one.message_id, one.kind, one.machine))
    ids = [one.message_id for one in done]
    columns = zip(
        *((one.tenant_id, one.kind, one.machine, one.first_at, one.last_at, one.hits) for one in done), strict=True
    )
    kept: int = await connection.fetchval(_SQL["note"], ids, ids[0], ids[-1], *map(list, columns), soon)
    return kept


async def of_message(connection: Connection, tenant_id: UUID, id: UUID) -> list[Row]:
    """What was done with a message, in the order in which it began."""
    rows: list[Row] = await connection.fetch(_SQL["of_message"], tenant_id, id)
    return rows
