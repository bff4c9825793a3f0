"""What providers have told: what of it is new, which messages it means, and how they move."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.domain.callback import Handed
from clarion.domain.status import Status
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How one message moves."""

    id: UUID
    #: What it must still be for the move to hold.
    expected: Status
    status: Status
    reason: str | None
    #: The provider's id, where none was known.
    provider_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One entry of a timeline."""

    id: UUID
    tenant_id: UUID
    kind: str
    detail: str | None


def seen_id(integration: str, key: str) -> UUID:
    """The same for the same report of an integration, and for no other."""
    said = f"{integration}\0{key}".encode("utf-8", "surrogatepass")
    return UUID(bytes=hashlib.sha256(said).digest()[:16])


async def see(connection: Connection, reports: Mapping[UUID, str]) -> set[UUID]:
    """Write down that these are here (`seen_id` → its integration); those that were not before.

    Whoever else brings one of them in the same moment is waited for.
    """
    ids = sorted(reports)
    return {row["id"] for row in await connection.fetch(_SQL["see"], ids, [reports[id] for id in ids])}


async def hold(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Row]:
    """The messages *ids* that there are, as they stand; they are the caller's until its transaction ends."""
    wanted = sorted(set(ids))
    return {row["id"]: row for row in await connection.fetch(_SQL["hold"], wanted, wanted[0], wanted[-1])}


async def handed(
    connection: Connection, told: Sequence[tuple[UUID, str, str | None]], latest: Mapping[UUID, int]
) -> list[Handed | None]:
    """The attempt, if any, that each of *told* means: (message, integration, the provider's id or None).

    *latest* are the numbers of the messages' latest attempts.
    """
    found: list[Handed | None] = [None] * len(told)
    for row in await connection.fetch(_SQL["handed"], *map(list, zip(*told, strict=True))):
        place = row["place"] - 1
        found[place] = Handed(latest=row["number"] == latest.get(told[place][0]), proven=row["proven"])
    return found


async def move(connection: Connection, moves: Sequence[Move], notes: Sequence[Note], *, slot: int) -> set[UUID]:
    """Move messages by compare-and-set, with their counts and what stands in their timelines; the ids that moved."""
    if not moves:
        return set()
    moves = sorted(moves, key=lambda one: one.id)
    columns = zip(*((m.id, m.expected.value, m.status.value, m.reason, m.provider_id) for m in moves), strict=True)
    ids, *rest = (list(column) for column in columns)
    moved = {row["id"] for row in await connection.fetch(_SQL["move"], ids, ids[0], ids[-1], *rest, slot)}
    await note(connection, [note for note in notes if note.id in moved])
    return moved


async def note(connection: Connection, notes: Sequence[Note]) -> None:
    """Add *notes* to the timelines, in their order."""
    if notes:
        told = zip(*((n.id, n.tenant_id, n.kind, n.detail) for n in notes), strict=True)
        await connection.execute(_SQL["note"], *(list(column) for column in told))


async def fold(connection: Connection, limit: int) -> int:
    """Fold what moved in at most *limit* triggers after they were completed into their counts; how many those were."""
    folded: int = await connection.fetchval(_SQL["fold"], limit)
    return folded


async def prune(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Forget at most *limit* reports that came longer ago; how many went."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than, limit)
    return gone
