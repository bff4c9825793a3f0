"""Sources as the database knows them: their numbers, their counts, and how they look from each worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How a source looks from one worker, and what has come since its last sign."""

    tenant_id: UUID
    source: int
    state: str
    since: datetime
    in_hand: int
    trouble: str | None = None
    accepted: int = 0
    repeated: int = 0
    quarantined: int = 0
    last_message_at: datetime | None = None


async def number_of(connection: Connection, tenant_id: UUID, name: str) -> int:
    """The number of the source called *name*; it gets one if it has none."""
    while True:
        number: int | None = await connection.fetchval(_SQL["number"], tenant_id, name)
        if number is not None:
            return number
        # Somebody may take the number or the name at the same moment: then there is something to find now.
        await connection.execute(_SQL["enlist"], tenant_id, name)


async def signs(connection: Connection, worker: str, signs: Sequence[Sign]) -> None:
    """Note how the sources of *worker* look now."""
    s = signs
    await connection.execute(
        _SQL["signs"],
        worker,
        *([one.tenant_id for one in s], [one.source for one in s], [one.state for one in s]),
        *([one.in_hand for one in s], [one.trouble for one in s], [one.since for one in s]),
        *([one.accepted for one in s], [one.repeated for one in s], [one.quarantined for one in s]),
        [one.last_message_at for one in s],
    )


async def leave(connection: Connection, worker: str) -> None:
    """*worker* runs no source any more."""
    await connection.execute(_SQL["leave"], worker)


async def list_(connection: Connection, tenant_id: UUID, silent_after: timedelta) -> Sequence[Mapping[str, Any]]:
    """All of the tenant's sources by name, each with `workers` that were seen within *silent_after*."""
    return await connection.fetch(_SQL["list"], tenant_id, silent_after)


async def prune(connection: Connection, older_than: timedelta) -> int:
    """Forget workers that gave no sign for *older_than*; how many rows that were."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than)
    return gone
