"""How triggers stand, many in one look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.domain.standing import Standing, standing
from clarion.domain.status import Status
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def standings(connection: Connection, trigger_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """How these triggers stand; one that is gone is not among them."""
    rows = await connection.fetch(_SQL["standings"], list(trigger_ids))
    return {row["id"]: _standing(row) for row in rows}


def _standing(row: Mapping[str, Any]) -> Standing:
    counts = Counter({status.value: row[status.value] or 0 for status in Status})
    for folded in (row["counts"] or {}).values():
        counts.update(folded)
    return standing(row["status"], counts, expanded=row["expanded"], total=row["total"], reason=row["reason"])
