"""Suppressions: addresses that are not written to, what makes them so, and what holds of one just now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from clarion import clock, ids, sql
from clarion.domain.suppression import EVERY, Reason, Suppression, mailbox_of
from clarion.store.database import Connection

_SQL = sql.load(__file__)

_LAST_ID = UUID(int=(1 << 128) - 1)

Row = Mapping[str, Any]


class Place(NamedTuple):
    """An address of one tenant on one channel, whatever its spelling."""

    tenant_id: UUID
    mailbox: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSuppression:
    """A suppression to store."""

    tenant_id: UUID
    channel: str
    #: As it is stored with messages and recipients.
    address: str
    reason: Reason
    category: str = EVERY
    detail: str | None = None
    message_id: UUID | None = None
    expires_at: datetime | None = None

    @property
    def place(self) -> Place:
        return Place(self.tenant_id, mailbox_of(self.channel, self.address), self.channel)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What there is one of within a tenant."""
        return self.place.mailbox, self.channel, self.category, self.reason.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of one that was put."""

    id: UUID
    created: bool


async def addresses(connection: Connection, message_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Where each of these messages went, those without an address left out."""
    wanted = sorted(set(message_ids))
    rows = await connection.fetch(_SQL["addresses"], wanted, wanted[0], wanted[-1])
    return {row["id"]: row for row in rows}


async def learn(connection: Connection, learnt: Iterable[NewSuppression]) -> Sequence[Row]:
    """Suppress what was *learnt*; those that are new or last longer now. Doing it again changes nothing.

    What is of a tenant that there is not is passed over.
    """
    by_key = {(one.tenant_id, *one.key): one for one in learnt}
    return await connection.fetch(_SQL["learn"], *_columns(by_key.values())) if by_key else ()


async def put(connection: Connection, wanted: Sequence[NewSuppression]) -> dict[tuple[str, str, str, str], Stored]:
    """Store *wanted*, all of one tenant, in place of what is there, by `key`. None may be given twice."""
    if not wanted:
        return {}
    rows = await connection.fetch(_SQL["put"], *_columns(wanted))
    return {
        (row["mailbox"], row["channel"], row["category"], row["reason"]): Stored(id=row["id"], created=row["created"])
        for row in rows
    }


async def guarded(connection: Connection, tenant_ids: Collection[UUID]) -> set[UUID]:
    """Those of these tenants that have any suppression."""
    return {row["id"] for row in await connection.fetch(_SQL["guarded"], list(tenant_ids))}


async def find(connection: Connection, places: Sequence[Place]) -> dict[int, list[tuple[UUID, Suppression]]]:
    """What holds of each of *places* just now, with its id, by their numbers in the list."""
    found: dict[int, list[tuple[UUID, Suppression]]] = {}
    for row in await connection.fetch(_SQL["find"], *map(list, zip(*places, strict=True))):
        one = Suppression(Reason(row["reason"]), row["category"], row["created_at"])
        found.setdefault(row["place"] - 1, []).append((row["id"], one))
    return found


async def list_(
    connection: Connection,
    tenant_id: UUID,
    *,
    before: UUID | None = None,
    limit: int = 50,
    channel: str | None = None,
    reason: str | None = None,
    category: str | None = None,
    mailbox: str | None = None,
) -> Sequence[Row]:
    """Suppressions that hold, newest first, that match every filter given."""
    asked = (tenant_id, before or _LAST_ID, limit, channel, reason, category)
    if mailbox is not None:
        return await connection.fetch(_SQL["list_of_address"], *asked, mailbox)
    return await connection.fetch(_SQL["list"], *asked)


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> Row | None:
    """One that holds, or None."""
    row: Row | None = await connection.fetchrow(_SQL["get"], tenant_id, id)
    return row


async def delete(connection: Connection, tenant_id: UUID, id: UUID) -> bool:
    """Lift one; False when there is none that holds."""
    return await connection.fetchval(_SQL["delete"], tenant_id, id) is not None


async def soften(connection: Connection, bounced: Iterable[tuple[Place, UUID]]) -> None:
    """Note that messages came back though their address is good: their places and their ids."""
    rows = [(*place, id) for place, id in bounced]
    await connection.execute(_SQL["soften"], *map(list, zip(*rows, strict=True)))


async def soft_counts(
    connection: Connection, asked: Sequence[tuple[Place, str, str]], window: timedelta
) -> dict[Place, int]:
    """How many soft bounces each place has had in *window* since something arrived: (place, recipient, address)."""
    since = clock.now() - window
    columns = map(list, zip(*((*place, recipient, address) for place, recipient, address in asked), strict=True))
    rows = await connection.fetch(_SQL["soft_count"], *columns, since, ids.first_at(since))
    return {asked[row["place"] - 1][0]: row["count"] for row in rows}


async def prune(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Forget at most *limit* that expired longer ago; how many went."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than, limit)
    return gone


async def prune_soft(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Forget at most *limit* soft bounces of longer ago; how many went."""
    gone: int = await connection.fetchval(_SQL["prune_soft"], older_than, limit)
    return gone


def _columns(all_new: Collection[NewSuppression]) -> list[list[object]]:
    minted = ids.new_many(len(all_new))
    rows = [
        (
            *(id, one.tenant_id, one.channel, one.place.mailbox, one.category, one.reason.value),
            *(one.address, one.detail, one.message_id, one.expires_at),
        )
        for id, one in zip(minted, all_new, strict=True)
    ]
    return [list(column) for column in zip(*rows, strict=True)]
