"""Which messages count against the frequency caps of their recipients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clarion import ids, sql
from clarion.domain.cap import Cap
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def use(
    connection: Connection, scope: str, cap: Cap, wanted: Mapping[tuple[UUID, str], Sequence[UUID]], now: datetime
) -> set[UUID]:
    """Let the messages *wanted*, by tenant and recipient, count against *cap*; those that are too many, and do not.

    In the caller's transaction. The ids of messages say when they were made, and are in that order.
    """
    if not wanted:
        return set()
    asked = [{"t": str(t), "r": r, "ids": [str(id) for id in some]} for (t, r), some in sorted(wanted.items())]
    rows = await connection.fetch(_SQL["use"], scope, asked, cap.messages, ids.first_at(now - cap.per), now + cap.per)
    counted = {(row["tenant_id"], row["recipient_id"]): set(row["message_ids"]) for row in rows}
    return {id for key, some in wanted.items() for id in some if id not in counted[key]}


async def count(connection: Connection, scope: str, cap: Cap, whose: tuple[UUID, str], now: datetime) -> int:
    """How many messages count against *cap* now, of the tenant and recipient *whose* they are. Locks nothing."""
    used: int = await connection.fetchval(_SQL["count"], scope, *whose, ids.first_at(now - cap.per))
    return used


async def prune(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Forget at most *limit* recipients' counts whose last message is out of its window for *older_than*; how many."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than, limit)
    return gone
