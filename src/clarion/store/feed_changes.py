"""What changed in feeds since somebody looked, for many at once; and the tickets by which streams of it are opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from clarion import sql
from clarion.store.feed import Counts, Item

if TYPE_CHECKING:
    from clarion.store.database import Connection

_SQL = sql.load(__file__)
_COUNTS = ("total", "unseen", "unread")
_KEYS = ("tenant_id", "recipient_id", "last_rev", *_COUNTS)


class Feed(NamedTuple):
    """Whose it is."""

    tenant_id: UUID
    recipient_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How a feed stands, and the items that changed, in the order of the changes."""

    counts: Counts
    items: list[Item] = field(default_factory=list)


async def changes(connection: Connection, since: Mapping[Feed, int], limit: int) -> dict[Feed, Changes]:
    """What changed in feeds after a number each, at most *limit* items; without those never delivered to."""
    found: dict[Feed, Changes] = {}
    for row in await connection.fetch(_SQL["changes"], *_columns(since), limit):
        feed = Feed(row["tenant_id"], row["recipient_id"])
        if feed not in found:
            found[feed] = Changes(counts=Counts(**{name: row[name] for name in _COUNTS}, rev=row["last_rev"]))
        if row["message_id"] is not None:
            found[feed].items.append(Item(**{name: value for name, value in row.items() if name not in _KEYS}))
    return found


async def moved(connection: Connection, since: Mapping[Feed, int]) -> list[Feed]:
    """The feeds that are not where they were."""
    return [Feed(*row) for row in await connection.fetch(_SQL["moved"], *_columns(since))]


async def redeem(connection: Connection, ticket: UUID, expires_at: datetime) -> bool:
    """Whether *ticket*, which is good until *expires_at*, is used for the first time."""
    return await connection.fetchval(_SQL["redeem"], ticket, expires_at) is not None


def _columns(since: Mapping[Feed, int]) -> Iterable[Sequence[object]]:
    return [one.tenant_id for one in since], [one.recipient_id for one in since], list(since.values())
