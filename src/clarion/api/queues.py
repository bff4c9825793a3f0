"""Queues over HTTP. A queue and its counts are everybody's; of its jobs a tenant sees and moves its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from clarion.api.given_ids import parse_each
from clarion.api.jobs import parse_id
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.queues import Clean, CleanReply, QueueRate, QueueReply, QueuesReply, Redrive, RedriveReply
from clarion.api.services import Services
from clarion.domain.rate import parse_rate, show_rate
from clarion.domain.scope import Scope
from clarion.domain.suggest import did_you_mean
from clarion.errors import NotFound
from clarion.flows.queues import NAMES
from clarion.flows.rates import paces_of, queue_pace
from clarion.flows.retention import What
from clarion.queue import buried, control, counts, limits, retention
from clarion.queue.counts import QueueCounts
from clarion.store.database import Connection

#: How a job ended → what deletes such records, and how long they are kept unless said.
_ENDED = {"completed": (retention.clean_done, What.COMPLETED_JOBS), "failed": (buried.clean, What.FAILED_JOBS)}


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All of them, by name."""
    async with services.connection() as connection:
        found = {queue.queue: queue for queue in await counts.all_counts(connection)}
        for name in NAMES:
            if name not in found:
                found[name] = await counts.counts(connection, name)
        return Answer(content={"items": await _shown(services, connection, [found[name] for name in sorted(found)])})


async def get(services: Services, call: Call[None]) -> Answer:
    """The queue, now."""
    async with services.connection() as connection:
        return await _answer(services, connection, call)


async def set_rate(services: Services, call: Call[QueueRate]) -> Answer:
    """Limit it, from now on and until it is lifted by hand."""
    rate = parse_rate(call.input.rate)
    async with services.connection() as connection:
        await _find(connection, call)
        burst = call.input.burst or rate.burst
        await limits.define(connection, queue_pace(call.path["name"]), rate.per_second, burst, reserve=rate.reserve)
        return await _answer(services, connection, call)


async def lift_rate(services: Services, call: Call[None]) -> Answer:
    """No limit any more; what settings say counts again when a worker starts."""
    async with services.connection() as connection:
        await _find(connection, call)
        await limits.free(connection, queue_pace(call.path["name"]))
        answer = await _answer(services, connection, call)
    services.wake(call.path["name"])
    return answer


async def pause(services: Services, call: Call[None]) -> Answer:
    """Stop claiming its jobs; what is claimed goes on."""
    return await _control(services, call, paused=True)


async def resume(services: Services, call: Call[None]) -> Answer:
    """Claim its jobs again."""
    answer = await _control(services, call, paused=False)
    services.wake(call.path["name"])
    return answer


async def redrive(services: Services, call: Call[Redrive]) -> Answer:
    """Give buried jobs another chance."""
    chosen = None if call.input.ids is None else parse_each(call.input.ids, parse_id)
    async with services.connection() as connection:
        await _find(connection, call)
        done = await buried.redrive(connection, call.path["name"], chosen, tenant_id=call.tenant_id)
    services.wake(call.path["name"])
    return Answer(content={"ready": len(done.ready), "taken": len(done.taken)})


async def clean(services: Services, call: Call[Clean]) -> Answer:
    """Delete old records of jobs that completed or failed."""
    of, what = _ENDED[call.input.state]
    seconds = call.input.older_than_s
    age = services.ages[what] if seconds is None else timedelta(seconds=seconds)
    async with services.connection() as connection:
        await _find(connection, call)
        deleted = await of(connection, call.path["name"], age, tenant_id=call.tenant_id)
    return Answer(content={"deleted": deleted})


async def _control(services: Services, call: Call[None], *, paused: bool) -> Answer:
    async with services.connection() as connection:
        await _find(connection, call)
        await (control.pause if paused else control.resume)(connection, call.path["name"])
        return await _answer(services, connection, call)


async def _answer(services: Services, connection: Connection, call: Call[Any]) -> Answer:
    (shown,) = await _shown(services, connection, [await _find(connection, call)])
    return Answer(content=shown)


async def _find(connection: Connection, call: Call[Any]) -> QueueCounts:
    name = call.path["name"]
    if name not in NAMES and name not in (known := await counts.queues(connection)):
        raise NotFound(f"there is no queue {name}: {did_you_mean(name, {*NAMES, *known})}")
    return await counts.counts(connection, name)


async def _shown(services: Services, connection: Connection, queues: Sequence[QueueCounts]) -> list[dict[str, object]]:
    paces = {queue.queue: paces_of(queue.queue, services.carriers) for queue in queues}
    found = await limits.find(connection, [name for names in paces.values() for name in names])
    return [_one(queue, [found[name] for name in paces[queue.queue] if name in found]) for queue in queues]


def _one(queue: QueueCounts, rates: Sequence[limits.Pace]) -> dict[str, object]:
    states = {name: getattr(queue, name) for name in ("ready", "paced", "scheduled", "running", "buried")}
    return {
        "name": queue.queue,
        "href": f"/v1/queues/{queue.queue}",
        "paused": queue.paused,
        **{name: count.value for name, count in states.items()},
        "done": queue.done,
        "capped": [name for name, count in states.items() if count.at_least],
        "oldest_s": queue.oldest.total_seconds() if queue.oldest is not None else None,
        "done_per_s": round(queue.done_per_second, 2),
        "retried_per_s": round(queue.retried_per_second, 2),
        "buried_per_s": round(queue.buried_per_second, 2),
        "rates": [
            {
                "limit": pace.name,
                "rate": show_rate(pace.per_second),
                "burst": pace.burst,
                "reserve": pace.reserve,
                "set_by": pace.set_by.value,
            }
            for pace in rates
        ],
    }


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listQueues",
        method="GET",
        path="/v1/queues",
        summary="List queues and how they stand",
        scope=Scope.QUEUES_READ,
        run=list_all,
        answers={200: QueuesReply},
    ),
    Operation(
        id="getQueue",
        method="GET",
        path="/v1/queues/{name}",
        summary="Show how a queue stands",
        scope=Scope.QUEUES_READ,
        run=get,
        answers={200: QueueReply},
    ),
    Operation(
        id="pauseQueue",
        method="POST",
        path="/v1/queues/{name}/pause",
        summary="Pause a queue",
        scope=Scope.SYSTEM_WRITE,
        run=pause,
        answers={200: QueueReply},
    ),
    Operation(
        id="resumeQueue",
        method="POST",
        path="/v1/queues/{name}/resume",
        summary="Resume a queue",
        scope=Scope.SYSTEM_WRITE,
        run=resume,
        answers={200: QueueReply},
    ),
    Operation(
        id="setQueueRate",
        method="PUT",
        path="/v1/queues/{name}/rate",
        summary="Limit how fast the jobs of a queue are begun",
        scope=Scope.SYSTEM_WRITE,
        run=set_rate,
        input=QueueRate,
        answers={200: QueueReply},
    ),
    Operation(
        id="liftQueueRate",
        method="DELETE",
        path="/v1/queues/{name}/rate",
        summary="Lift the limit of a queue",
        scope=Scope.SYSTEM_WRITE,
        run=lift_rate,
        answers={200: QueueReply},
    ),
    Operation(
        id="redriveQueue",
        method="POST",
        path="/v1/queues/{name}/redrive",
        summary="Give buried jobs another chance",
        scope=Scope.QUEUES_WRITE,
        run=redrive,
        input=Redrive,
        answers={200: RedriveReply},
    ),
    Operation(
        id="cleanQueue",
        method="POST",
        path="/v1/queues/{name}/clean",
        summary="Delete old jobs that completed or failed",
        scope=Scope.QUEUES_WRITE,
        run=clean,
        input=Clean,
        answers={200: CleanReply},
    ),
)
