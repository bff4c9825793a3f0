"""What choosing an account asks of the database, and what it writes down: for many messages at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from clarion import sql
from clarion.domain.route import Try
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: What stands in the timeline of a message that waits for an account or a domain.
HELD_BACK = "held_back"


async def tried(connection: Connection, ids: Collection[UUID]) -> dict[UUID, list[Try]]:
    """The attempts at each of these messages, first to last."""
    found: dict[UUID, list[Try]] = defaultdict(list)
    if ids:
        for row in await connection.fetch(_SQL["tried"], list(ids), min(ids), max(ids)):
            found[row["message_id"]].append(Try(row["provider"], row["status"]))
    return found


async def note(
    connection: Connection, tenant_ids: Sequence[UUID], ids: Sequence[UUID], kind: str, details: Sequence[str]
) -> None:
    """Add a decision to the timeline of each of these messages, of the tenant in the same place; all can be stored."""
    await connection.execute(_SQL["note"], ids, tenant_ids, kind, details)


async def explain(connection: Connection, reasons: Mapping[UUID, str]) -> None:
    """Say with each of these messages why it waits, as long as it does; nothing is written where that is known."""
    ids = sorted(reasons)
    await connection.execute(_SQL["explain"], ids, ids[0], ids[-1], [reasons[id] for id in ids])


async def hold_back(connection: Connection, why: Mapping[UUID, tuple[UUID, str]]) -> None:
    """`explain` why each of these messages, by its tenant, waits, and note it in the timeline when it begins to."""
    if not why:
        return
    await explain(connection, {id: reason for id, (_, reason) in why.items()})
    ids = sorted(why)
    tenant_ids, reasons = [why[id][0] for id in ids], [why[id][1] for id in ids]
    await connection.execute(_SQL["hold_back"], ids, tenant_ids, reasons, ids[0], ids[-1], HELD_BACK)


async def tenant_names(connection: Connection, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of these tenants."""
    return {row["id"]: row["name"] for row in await connection.fetch(_SQL["tenants"], list(ids))}
