"""Runs over HTTP: who waits, until when, and sending one on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.api.given_ids import asked_trigger
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.runs import RunReply, RunsQuestion, RunsReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.errors import NotFound
from clarion.flows import hurry
from clarion.ids import Prefix
from clarion.store import runs
from clarion.store.database import Connection


async def list_all(services: Services, call: Call[RunsQuestion]) -> Answer:
    """A page of those that wait, of the newest trigger first."""
    asked = call.input
    after = position(services, call, asked.after)
    async with services.connection() as connection:
        rows = await runs.list_(
            connection,
            call.tenant_id,
            before=(UUID(after[:32]), UUID(after[32:])) if after else None,
            limit=asked.limit + 1,
            trigger_id=asked_trigger(asked.trigger),
            workflow_key=asked.workflow,
            recipient_id=asked.recipient,
        )
        shown = [await _show(services, connection, row) for row in rows[: asked.limit]]
    last = rows[asked.limit - 1] if len(rows) > asked.limit else None
    return page(services, call, list(shown), last["trigger_id"].hex + last["id"].hex if last else None)


async def get(services: Services, call: Call[None]) -> Answer:
    """The run, and when it goes on."""
    async with services.connection() as connection:
        return Answer(content=await _load(services, connection, call))


async def hurry_one(services: Services, call: Call[None]) -> Answer:
    """Let it go on at once."""
    async with services.connection() as connection:
        await hurry.hurry(connection, call.tenant_id, _id(call), wake=services.wake)
        return Answer(content=await _load(services, connection, call), status=202)


async def _load(services: Services, connection: Connection, call: Call[None]) -> dict[str, object]:
    row = await runs.get(connection, call.tenant_id, _id(call))
    if row is None:
        raise NotFound(f"there is no run {call.path['id']}")
    return await _show(services, connection, row)


async def _show(services: Services, connection: Connection, row: Mapping[str, Any]) -> dict[str, object]:
    id = ids.show(Prefix.RUN, row["id"])
    waits = row["status"] == "running"
    workflow = await services.definitions.get(connection, row["workflow_version_id"]) if waits else None
    return {
        "id": id,
        "href": f"/v1/runs/{id}",
        "trigger": ids.show(Prefix.TRIGGER, row["trigger_id"]),
        "workflow": row["workflow_key"],
        "recipient": row["recipient_id"],
        "status": row["status"],
        "step": workflow.steps[row["step"]].key if workflow else None,
        "resumes_at": row["resumes_at"],
        "created_at": ids.made_at(row["id"]),
    }


def _id(call: Call[Any]) -> UUID:
    return ids.parse(Prefix.RUN, call.path["id"])


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listRuns",
        method="GET",
        path="/v1/runs",
        summary="List the runs that wait in a delay",
        scope=Scope.TRIGGERS_READ,
        run=list_all,
        input=RunsQuestion,
        answers={200: RunsReply},
    ),
    Operation(
        id="getRun",
        method="GET",
        path="/v1/runs/{id}",
        summary="Show a run, and when it goes on",
        scope=Scope.TRIGGERS_READ,
        run=get,
        answers={200: RunReply},
    ),
    Operation(
        id="hurryRun",
        method="POST",
        path="/v1/runs/{id}/hurry",
        summary="Cut a run's delay short: it goes on at once",
        scope=Scope.TRIGGERS_WRITE,
        run=hurry_one,
        answers={202: RunReply},
    ),
)
