"""Triggers over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from starlette.responses import Response

from clarion import clock, ids
from clarion.api import events, prefer, progress, trigger_request, watch
from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.triggers import AcceptedReply, TriggerBody, TriggerReply, TriggersQuestion, TriggersReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.errors import NotFound
from clarion.flows import cancel, trigger
from clarion.ids import Prefix
from clarion.store import runs, triggers
from clarion.store.database import Connection


async def accept(services: Services, call: Call[TriggerBody]) -> Answer:
    """Store the trigger; when this is answered it is on disk."""
    request, duplicates = await trigger_request.read(services, call, clock.now())
    if not request.sandbox:
        await _check_quota(services, call.tenant_id, request)
    async with services.connection() as connection:
        accepted = await trigger.trigger(
            connection,
            call.tenant_id,
            request,
            definitions=services.definitions,
            wake=services.wake,
            rules=services.attachments,
        )
    id = ids.show(Prefix.TRIGGER, accepted.id)
    href = f"/v1/triggers/{id}"
    headers = {"Location": href}
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    status = accepted.status
    wait_s = prefer.wait_of(call.request.headers)
    if wait_s is not None and services.gate.may_follow(call.tenant_id):
        try:
            load = partial(_load, services, call, accepted.id)
            status = await watch.status_after(services, status, load, for_s=wait_s)
        finally:
            services.gate.unfollow(call.tenant_id)
        headers["Preference-Applied"] = f"wait={wait_s}"
    return Answer(
        content={"id": id, "status": status, "href": href, "duplicates": duplicates},
        status=202,
        headers=headers,
    )


async def _check_quota(services: Services, tenant_id: UUID, request: trigger.Request) -> None:
    """Raise `Refusal` (429) when the tenant may not trigger this now; one that was accepted before may come again."""
    count = len(request.recipient_ids) + len(request.inline)
    refusal = await services.allowance.refusal(services.pool, tenant_id, count, list(request.topics))
    if refusal is None:
        return
    if request.idempotency_key is not None:
        async with services.connection() as connection:
            if await triggers.by_idempotency_key(connection, tenant_id, request.idempotency_key) is not None:
                return
    raise refusal


async def list_all(services: Services, call: Call[TriggersQuestion]) -> Answer:
    """A page, newest first."""
    asked = call.input
    after = position(services, call, asked.after)
    async with services.connection() as connection:
        rows = await triggers.list_(
            connection,
            call.tenant_id,
            before=UUID(after) if after else None,
            limit=asked.limit + 1,
            workflow_key=asked.workflow,
            status=asked.status,
            transaction_id=asked.transaction_id,
        )
        shown = await _show(connection, rows[: asked.limit])
    more = rows[asked.limit - 1]["id"].hex if len(rows) > asked.limit else None
    return page(services, call, list(shown), more)


async def get(services: Services, call: Call[None]) -> Answer:
    """The trigger, as far as it is."""
    return Answer(content=await _load(services, call, _id(call)))


async def follow(services: Services, call: Call[None]) -> Response:
    """The same, live, as server-sent events."""
    load = partial(_load, services, call, _id(call))
    first = await load()
    services.gate.follow(call.tenant_id)
    return events.stream(services, first, load, partial(services.gate.unfollow, call.tenant_id))


async def cancel_one(services: Services, call: Call[None]) -> Answer:
    """Cancel it: what is not on its way yet never will be. Again it changes nothing."""
    async with services.connection() as connection:
        await cancel.cancel(connection, call.tenant_id, _id(call), wake=services.wake)
    return Answer(content=await _load(services, call, _id(call)), status=202)


async def _load(services: Services, call: Call[Any], id: UUID) -> dict[str, Any]:
    async with services.connection() as connection:
        row = await triggers.get(connection, call.tenant_id, id)
        if row is None:
            raise NotFound(f"there is no trigger {ids.show(Prefix.TRIGGER, id)}")
        (shown,) = await _show(connection, [row])
    return shown


async def _show(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counts = await triggers.counts(connection, rows)
    waiting = await runs.waiting(connection, [row["id"] for row in rows if row["waits"]])
    now = clock.now()
    return [progress.show(row, counts[row["id"]], now, waiting=waiting.get(row["id"], 0)) for row in rows]


def _id(call: Call[Any]) -> UUID:
    return ids.parse(Prefix.TRIGGER, call.path["id"])


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="triggerWorkflow",
        method="POST",
        path="/v1/workflows/{key}/trigger",
        summary="Say what happened: everybody named will hear of it",
        scope=Scope.TRIGGERS_WRITE,
        run=accept,
        input=TriggerBody,
        answers={202: AcceptedReply},
        once=Once.ITSELF,
        headers={
            "Idempotency-Key": "Made from what happened: a call that is sent again with it changes nothing.",
            "Prefer": f"`wait=N`: answer when it has ended, or after N seconds (at most {prefer.LONGEST_S}).",
            "traceparent": "Of W3C Trace Context; kept with the trigger.",
        },
    ),
    Operation(
        id="listTriggers",
        method="GET",
        path="/v1/triggers",
        summary="List triggers, newest first",
        scope=Scope.TRIGGERS_READ,
        run=list_all,
        input=TriggersQuestion,
        answers={200: TriggersReply},
    ),
    Operation(
        id="getTrigger",
        method="GET",
        path="/v1/triggers/{id}",
        summary="Show a trigger and how far it is",
        scope=Scope.TRIGGERS_READ,
        run=get,
        answers={200: TriggerReply},
    ),
    Operation(
        id="followTrigger",
        method="GET",
        path="/v1/triggers/{id}/events",
        summary="Follow a trigger live, as server-sent events",
        scope=Scope.TRIGGERS_READ,
        run=follow,
        answers={200: None},
    ),
    Operation(
        id="cancelTrigger",
        method="POST",
        path="/v1/triggers/{id}/cancel",
        summary="Cancel a trigger",
        scope=Scope.TRIGGERS_WRITE,
        run=cancel_one,
        answers={202: TriggerReply},
    ),
)
