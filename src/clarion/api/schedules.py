"""Schedules over HTTP: a tenant's own, and the system's for all to see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from clarion.api import faults
from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.problem import Refusal
from clarion.api.schema.base import Paged
from clarion.api.schema.schedules import (
    NextQuestion,
    PreviewBody,
    RunOfScheduleReply,
    RunsOfScheduleQuestion,
    RunsOfScheduleReply,
    ScheduleBody,
    ScheduleReply,
    SchedulesReply,
    TimesReply,
)
from clarion.api.services import Services
from clarion.domain.cadence import Cadence, parse_cadence, upcoming
from clarion.domain.schedule import CatchUp, Schedule, check_key
from clarion.domain.scope import Scope
from clarion.errors import Invalid, NotFound
from clarion.flows import schedules
from clarion.flows.scheduled_actions import compile_schedule
from clarion.flows.system_schedules import PREFIX
from clarion.store import schedule_runs
from clarion.store import schedules as rows
from clarion.store.database import Connection

_COPIED = ("key", "origin", "cron", "timezone", "catch_up", "catch_up_limit")
_TIMES = ("last_at", "paused_at", "paused_reason", "created_at", "updated_at")
_OF_RUN = ("nominal_at", "due_at", "ran_at", "manual", "passed_over", "status", "error", "result")


async def list_all(services: Services, call: Call[Paged]) -> Answer:
    """A page of them, by key."""
    after = position(services, call, call.input.after)
    async with services.connection() as connection:
        found = await rows.list_(connection, call.tenant_id, after or "", call.input.limit + 1)
    shown = found[: call.input.limit]
    last = shown[-1]["key"] if len(found) > len(shown) else None
    return page(services, call, [_shown(row) for row in shown], last)


async def get(services: Services, call: Call[None]) -> Answer:
    """The schedule."""
    async with services.connection() as connection:
        return Answer(content=_shown(await _find(connection, call)))


async def put(services: Services, call: Call[ScheduleBody]) -> Answer:
    """Store it; the same again changes nothing."""
    said, key = call.input, check_key(call.path["key"])
    try:
        compile_schedule(key, said.do)
    except Invalid as error:
        raise faults.invalid(error.faults) from None
    schedule = Schedule(
        key=key,
        cron=said.cron,
        timezone=said.timezone,
        catch_up=CatchUp(said.catch_up),
        most=said.catch_up_limit,
        jitter=timedelta(seconds=said.jitter_s),
        actions=list(said.do),
    )
    async with services.transaction() as connection:
        (done,) = await schedules.put(connection, call.tenant_id, [schedule], origin="api")
    services.wake(schedules.QUEUE)
    return Answer(content=_shown(done.row), status=201 if done.created else 200)


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget it."""
    async with services.transaction() as connection:
        await schedules.delete(connection, call.tenant_id, call.path["key"])
    return Answer()


async def pause(services: Services, call: Call[None]) -> Answer:
    """Let it rest."""
    return await _change(services, call, schedules.pause)


async def resume(services: Services, call: Call[None]) -> Answer:
    """Let it go on."""
    return await _change(services, call, schedules.resume)


async def run(services: Services, call: Call[None]) -> Answer:
    """Have it run once, soon."""
    _check_may(call)
    async with services.transaction() as connection:
        row = await schedules.run_now(connection, call.tenant_id, call.path["key"])
    services.wake(schedules.QUEUE)
    return Answer(content=_shown_run(row), status=202)


async def next_times(services: Services, call: Call[NextQuestion]) -> Answer:
    """When it is due."""
    async with services.connection() as connection:
        row = await _find(connection, call)
        now = await rows.now(connection)
    return Answer(content=_times(rows.of_row(row).cadence, row["timezone"], now, call.input.count))


async def runs(services: Services, call: Call[RunsOfScheduleQuestion]) -> Answer:
    """What it did, newest first."""
    after = position(services, call, call.input.after)
    async with services.connection() as connection:
        row = await _find(connection, call)
        before = UUID(hex=after) if after else None
        limit = call.input.limit
        found = await schedule_runs.list_(connection, row["tenant_id"], row["key"], before=before, limit=limit + 1)
    last = found[limit - 1]["id"].hex if len(found) > limit else None
    return page(services, call, [_shown_run(one) for one in found[:limit]], last)


async def preview(services: Services, call: Call[PreviewBody]) -> Answer:
    """When a line would be due; nothing is stored."""
    said = call.input
    async with services.connection() as connection:
        after = said.after or await rows.now(connection)
    return Answer(content=_times(parse_cadence(said.cron, said.timezone), said.timezone, after, said.count))


async def _change(
    services: Services, call: Call[None], change: Callable[[Connection, UUID, str], Awaitable[None]]
) -> Answer:
    _check_may(call)
    async with services.transaction() as connection:
        await change(connection, call.tenant_id, call.path["key"])
        answer = _shown(await _find(connection, call))
    services.wake(schedules.QUEUE)
    return Answer(content=answer)


async def _find(connection: Connection, call: Call[Any]) -> rows.Row:
    row = await rows.get(connection, call.tenant_id, call.path["key"])
    if row is None:
        raise NotFound(f"there is no schedule {call.path['key']}")
    return row


def _check_may(call: Call[Any]) -> None:
    """The system's own reach over all tenants."""
    if call.path["key"].startswith(PREFIX) and not call.may(Scope.SYSTEM_WRITE):
        raise Refusal(403, "forbidden", f"This API key lacks the scope {Scope.SYSTEM_WRITE.value}")


def _times(cadence: Cadence, timezone: str, after: datetime, count: int) -> dict[str, object]:
    zone = ZoneInfo(timezone)
    found = upcoming(cadence, after, count)
    return {"items": [{"at": moment, "local": moment.astimezone(zone).isoformat()} for moment in found]}


def _shown(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        **{name: row[name] for name in (*_COPIED, *_TIMES)},
        "href": f"/v1/schedules/{row['key']}",
        "jitter_s": row["jitter"].total_seconds(),
        "do": row["actions"],
        "next_at": None if row["paused_at"] else row["next_at"],
    }


def _shown_run(row: Mapping[str, Any]) -> dict[str, object]:
    late = (row["ran_at"] - row["due_at"]).total_seconds() if row["ran_at"] else None
    return {**{name: row[name] for name in _OF_RUN}, "late_s": late}


def _one(
    id: str, method: str, end: str, summary: str, run: Callable[..., Awaitable[Answer]], **more: Any
) -> Operation[Any]:
    scope = Scope.SCHEDULES_READ if method == "GET" else Scope.SCHEDULES_WRITE
    more = {"scope": scope, "answers": {200: ScheduleReply}, **more}
    return Operation(id=id, method=method, path=f"/v1/schedules{end}", summary=summary, run=run, **more)


OPERATIONS: tuple[Operation[Any], ...] = (
    _one(
        *("listSchedules", "GET", "", "List schedules, the system's own too", list_all),
        input=Paged,
        answers={200: SchedulesReply},
    ),
    _one(
        *("previewSchedule", "POST", "/preview", "Say when a cron line would be due", preview),
        scope=Scope.SCHEDULES_READ,
        input=PreviewBody,
        answers={200: TimesReply},
        once=Once.NEVER,
    ),
    _one("getSchedule", "GET", "/{key}", "Show a schedule", get),
    _one(
        *("putSchedule", "PUT", "/{key}", "Create or change a schedule", put),
        input=ScheduleBody,
        answers={200: ScheduleReply, 201: ScheduleReply},
    ),
    _one("deleteSchedule", "DELETE", "/{key}", "Forget a schedule", delete, answers={204: None}),
    _one("pauseSchedule", "POST", "/{key}/pause", "Pause a schedule", pause),
    _one("resumeSchedule", "POST", "/{key}/resume", "Resume a schedule with what is to come", resume),
    _one("runSchedule", "POST", "/{key}/run", "Run a schedule now", run, answers={202: RunOfScheduleReply}),
    _one(
        *("nextOfSchedule", "GET", "/{key}/next", "Show when a schedule is due", next_times),
        input=NextQuestion,
        answers={200: TimesReply},
    ),
    _one(
        *("listRunsOfSchedule", "GET", "/{key}/runs", "List what a schedule did, newest first", runs),
        input=RunsOfScheduleQuestion,
        answers={200: RunsOfScheduleReply},
    ),
)
