"""The work: whether anybody is at it, and what does not go on by itself."""

from __future__ import annotations

from datetime import timedelta

from clarion import ids
from clarion.cli.checkup.finding import Finding, ok, warn
from clarion.flows.schedules import QUEUE
from clarion.queue import counts, workers
from clarion.store import schedules
from clarion.store.database import Connection
from clarion.store.verify_stuck import stuck

#: Who waits for longer than this is left waiting by everybody: a worker that lives looks every second.
_PATIENCE = timedelta(seconds=10)
_NAMED = 5


async def check_workers(connection: Connection) -> Finding:
    """Who was seen working lately; a warning where jobs wait and nobody takes them."""
    what = "workers"
    living = await workers.living(connection)
    taken = {queue for worker in living for queue in worker.queues}
    left = [
        f"{queue.queue} ({queue.oldest.total_seconds():,.0f} s)"
        for queue in await counts.all_counts(connection)
        if not queue.paused and queue.oldest is not None and queue.oldest > _PATIENCE and queue.queue not in taken
    ]
    says = f"{len(living)} at work" if living else "none at work"
    if left:
        how = "start `clarion worker`, or let one take these queues as well (worker.queues)"
        return warn(what, f"{says}; jobs wait that nobody takes: {', '.join(left)}", how)
    if not living:
        return ok(what, f"{says}, and nothing waits for one")
    named = "; ".join(f"{worker.id}: {', '.join(worker.queues)}" for worker in living[:_NAMED])
    return ok(what, f"{says} ({named}{'; …' if len(living) > _NAMED else ''})")


async def check_schedules(connection: Connection) -> Finding:
    """Whether somebody is there for the schedules, before the first is late."""
    what = "schedules"
    wait = await schedules.waiting(connection)
    taken = {queue for worker in await workers.living(connection) for queue in worker.queues}
    if wait and QUEUE not in taken:
        how = f"start `clarion worker`, or let one take the queue `{QUEUE}` as well (worker.queues)"
        return warn(what, f"{wait} will not run: no worker is there for them", how)
    return ok(what, f"{wait} have their next time" if wait else "there is none that has a next time")


async def check_triggers(connection: Connection) -> Finding:
    """Whether every trigger goes on by itself."""
    found = await stuck(connection)
    if not found:
        return ok("triggers", "none stands still")
    first = found[0]
    shown = ids.show(ids.Prefix.TRIGGER, first.id)
    return warn(
        "triggers",
        f"{len(found)} {'stands' if len(found) == 1 else 'stand'} still, the first {shown}: {first.reason}",
        f"find out what it does to workers, then `clarion queues {first.queue} --redrive`, or cancel it",
    )
