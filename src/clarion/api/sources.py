"""Sources over HTTP: how they look, and what comes in by them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from clarion import clock, ids
from clarion.api.operation import Answer, Call, Operation, position
from clarion.api.schema.sources import InboundQuestion, InboundsReply, SourcesReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.ids import Prefix
from clarion.queue.workers import SILENT_AFTER
from clarion.store import inbound, sources
from clarion.store.inbound import State

#: From the best to the worst.
_STATES = ("connected", "connecting", "away", "stopped")


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All sources of the tenant that ever were, by name."""
    async with services.connection() as connection:
        rows = await sources.list_(connection, call.tenant_id, SILENT_AFTER)
    items = []
    for row in rows:
        states = {worker["state"] for worker in row["workers"]}
        state = next((state for state in _STATES if state in states), "stopped")
        items.append({**dict(row), "state": state})
    return Answer(content={"items": items})


async def list_inbound(services: Services, call: Call[InboundQuestion]) -> Answer:
    """What came in behind the cursor, or in the last minute."""
    asked = call.input
    began = clock.now()
    written = position(services, call, asked.after)
    after = _read_place(written) if written is not None else None
    async with services.connection() as connection:
        rows = await inbound.recent(connection, call.tenant_id, after=after, limit=asked.limit, source=asked.source)
    if rows:
        after = rows[-1]["at"], rows[-1]["id"]
    elif after is None:  # nothing in the last minute: whatever is to come comes after that
        after = datetime.fromtimestamp(began.timestamp() - 60, UTC), UUID(int=0)
    cursor = services.cursors.write(call.tenant_id, call.place, f"{after[0].isoformat()} {after[1].hex}")
    return Answer(content={"items": [_shown(row) for row in rows], "next": cursor})


def _shown(row: Any) -> dict[str, object]:
    return {
        "at": row["at"],
        "source": row["source"],
        "message_id": row["message_id"],
        "state": State(row["state"]).name.lower(),
        "triggers": [ids.show(Prefix.TRIGGER, id) for id in row["triggers"] or ()],
        "workflows": row["workflows"],
        "did": row["did"] or [],
        "quarantined": ids.show(Prefix.QUARANTINE, row["quarantine_id"]) if row["quarantine_id"] else None,
        "reason": row["reason"],
    }


def _read_place(written: str) -> tuple[datetime, UUID]:
    at, id = written.split(" ")
    return datetime.fromisoformat(at), UUID(hex=id)


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listSources",
        method="GET",
        path="/v1/sources",
        summary="List sources and how they look",
        scope=Scope.SOURCES_READ,
        run=list_all,
        answers={200: SourcesReply},
    ),
    Operation(
        id="listInbound",
        method="GET",
        path="/v1/inbound",
        summary="Show what comes in from brokers and what became of it",
        scope=Scope.SOURCES_READ,
        run=list_inbound,
        input=InboundQuestion,
        answers={200: InboundsReply},
    ),
)
