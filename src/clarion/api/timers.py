"""Timers over HTTP. A path names one by its key, or by its id where the key cannot stand in a path."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import clock, ids
from clarion.api import faults, timer_request
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.timers import TimerBody, TimerReply, TimersQuestion, TimersReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.domain.timer import Cancelled
from clarion.errors import BadId, Conflict, Fault, NotFound
from clarion.flows import timer_moves
from clarion.flows.timers import QUEUE, NewTimer, cancel_timers, set_timers, soon
from clarion.ids import Prefix
from clarion.store import timer_lists, timers
from clarion.store.database import Connection
from clarion.store.timers import Row

_COPIED = ("key", "status", "actions", "metadata", "error", "failed")
_TIMES = ("created_at", "updated_at", "fired_at", "cancelled_at")


async def put(services: Services, call: Call[TimerBody]) -> Answer:
    """Set the timer, or give the one that is there the new time, actions and metadata: it is pending again."""
    at, actions = timer_request.read(call.input, call.tenant_id, clock.now(), services.allowed)
    key = call.path["key"]
    if _id(key) is not None:
        raise BadId("a key cannot look like an id of a timer: `tmr_` and 32 hexadecimal digits")
    async with services.transaction() as connection:
        if isinstance(at, timedelta):
            at = await timers.now_and(connection, at)
        new = NewTimer(tenant_id=call.tenant_id, key=key, at=at, actions=actions, metadata=call.input.metadata)
        await set_timers(connection, [new])
        row = await _row(connection, call)
    if soon([at]):
        services.wake(QUEUE)
    return Answer(content=_shown(row), status=201 if row["rev"] == 1 else 200)


async def get(services: Services, call: Call[None]) -> Answer:
    """The timer."""
    async with services.connection() as connection:
        return Answer(content=_shown(await _row(connection, call)))


async def list_all(services: Services, call: Call[TimersQuestion]) -> Answer:
    """A page: by time, the soonest first; by key where a beginning of keys is asked for, and no metadata; or those that
    fired, as they did."""
    asked = call.input
    after = position(services, call, asked.after)
    wanted = timer_lists.Wanted(
        status=asked.status,
        key_prefix=asked.key_prefix or "",
        due_after=asked.due_after,
        due_before=asked.due_before,
        metadata=asked.metadata,
    )
    by_key = asked.key_prefix is not None and not asked.metadata
    tenant = call.tenant_id
    if asked.fired_after is not None and (wanted != timer_lists.Wanted() or by_key):
        text = "it comes alone: leave the other filters out"
        raise faults.invalid([Fault("?fired_after", text, "not_allowed")])
    async with services.transaction() as connection:
        if asked.fired_after is not None:
            rows = await timer_lists.list_by_firing(
                connection, tenant, asked.fired_after, _place(after), asked.limit + 1
            )
        elif by_key:
            rows = await timer_lists.list_by_key(connection, tenant, wanted, after or "", asked.limit + 1)
        else:
            rows = await timer_lists.list_by_time(connection, tenant, wanted, _place(after), asked.limit + 1)
    shown = rows[: asked.limit]
    more = None
    if asked.fired_after is not None:  # there is always more to come
        at, id = (shown[-1]["updated_at"], shown[-1]["id"]) if shown else (asked.fired_after, UUID(int=0))
        more = f"{at.isoformat()} {id.hex}" if shown or after is None else after
    elif len(rows) > asked.limit:
        more = shown[-1]["key"] if by_key else f"{shown[-1]['fire_at'].isoformat()} {shown[-1]['id'].hex}"
    return page(services, call, [_shown(row) for row in shown], more)


async def cancel(services: Services, call: Call[None]) -> Answer:
    """Cancel it; again it changes nothing."""
    async with services.transaction() as connection:
        key = (await _row(connection, call))["key"]
        (became,) = await cancel_timers(connection, [(call.tenant_id, key)])
        row = await _row(connection, call)
    if became is Cancelled.TOO_LATE:
        raise Conflict(f"timer {key} has fired: there is nothing left to cancel", code="not_cancellable")
    return Answer(content=_shown(row))


async def uncancel(services: Services, call: Call[None]) -> Answer:
    """Let a cancelled one fire after all; at once, if its time is past."""
    async with services.transaction() as connection:
        key = (await _row(connection, call))["key"]
        row = await timer_moves.uncancel(connection, call.tenant_id, key)
    if soon([row["fire_at"]]):
        services.wake(QUEUE)
    return Answer(content=_shown(row))


async def hurry(services: Services, call: Call[None]) -> Answer:
    """Let a pending one fire now."""
    async with services.transaction() as connection:
        key = (await _row(connection, call))["key"]
        row = await timer_moves.hurry(connection, call.tenant_id, key)
    services.wake(QUEUE)
    return Answer(content=_shown(row), status=202)


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget it; a pending one never fires."""
    async with services.transaction() as connection:
        key = (await _row(connection, call))["key"]
        await timer_moves.forget(connection, call.tenant_id, key)
    return Answer()


async def _row(connection: Connection, call: Call[Any]) -> Row:
    name = call.path["key"]
    id = _id(name)
    if id is not None:
        row = await timer_lists.get_by_id(connection, call.tenant_id, id)
    else:
        row = await timer_lists.get(connection, call.tenant_id, name)
    if row is None:
        raise NotFound(f"there is no timer {name}")
    return row


def _id(name: str) -> UUID | None:
    try:
        return ids.parse(Prefix.TIMER, name)
    except BadId:
        return None


def _place(after: str | None) -> tuple[datetime, UUID] | None:
    if after is None:
        return None
    at, _, id = after.partition(" ")
    return datetime.fromisoformat(at), UUID(hex=id)


def _shown(row: Row) -> dict[str, object]:
    id = ids.show(Prefix.TIMER, row["id"])
    return {
        "id": id,
        "href": f"/v1/timers/{id}",
        "at": row["fire_at"],
        **{name: row[name] for name in (*_COPIED, *_TIMES)},
    }


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listTimers",
        method="GET",
        path="/v1/timers",
        summary="List timers, the next to fire first",
        scope=Scope.TIMERS_READ,
        run=list_all,
        input=TimersQuestion,
        answers={200: TimersReply},
    ),
    Operation(
        id="getTimer",
        method="GET",
        path="/v1/timers/{key}",
        summary="Show a timer",
        scope=Scope.TIMERS_READ,
        run=get,
        answers={200: TimerReply},
    ),
    Operation(
        id="putTimer",
        method="PUT",
        path="/v1/timers/{key}",
        summary="Set a timer, or reschedule it",
        scope=Scope.TIMERS_WRITE,
        run=put,
        input=TimerBody,
        answers={200: TimerReply, 201: TimerReply},
    ),
    Operation(
        id="deleteTimer",
        method="DELETE",
        path="/v1/timers/{key}",
        summary="Forget a timer; a pending one never fires",
        scope=Scope.TIMERS_WRITE,
        run=delete,
        answers={204: None},
    ),
    Operation(
        id="cancelTimer",
        method="POST",
        path="/v1/timers/{key}/cancel",
        summary="Cancel a timer",
        scope=Scope.TIMERS_WRITE,
        run=cancel,
        answers={200: TimerReply},
    ),
    Operation(
        id="uncancelTimer",
        method="POST",
        path="/v1/timers/{key}/uncancel",
        summary="Let a cancelled timer fire after all",
        scope=Scope.TIMERS_WRITE,
        run=uncancel,
        answers={200: TimerReply},
    ),
    Operation(
        id="hurryTimer",
        method="POST",
        path="/v1/timers/{key}/hurry",
        summary="Let a pending timer fire now",
        scope=Scope.TIMERS_WRITE,
        run=hurry,
        answers={202: TimerReply},
    ),
)
