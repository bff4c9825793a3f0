"""Telling bindings of what happens in Clarion itself: a job each, in the transaction of what they hear of.

What happens in a sandbox is told with that mark: what comes of it stays there, too.

Nearly always nobody listens, and then nothing is done at all: who listens is known to the process (see `Bindings`), so
neither a statement nor a row is spent on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from clarion import clock, ids
from clarion.domain.binding_value import show_time
from clarion.domain.own_event import (
    ADDRESS_SUPPRESSED,
    JOB_FAILED,
    MESSAGE_DELIVERED,
    MESSAGE_FAILED,
    MESSAGE_SENT,
    TIMER_FIRED,
    TRIGGER_COMPLETED,
    WEBHOOK_DISABLED,
    OwnEvent,
)
from clarion.domain.status import Status
from clarion.domain.timer import is_sandboxed, plain_key
from clarion.flows.bindings import Bindings
from clarion.ids import Prefix
from clarion.queue import add
from clarion.queue.job import Job, NewJob
from clarion.store import own_events
from clarion.store.database import Connection
from clarion.store.webhooks import Which

if TYPE_CHECKING:
    from clarion.flows.fire import Fired

#: The queue of what bindings hear, and the kind of its jobs.
QUEUE = "react"
KIND = "react"

#: What a message's status means to those who listen.
_OF_STATUS: Mapping[Status, str] = {
    Status.SENT: MESSAGE_SENT,
    Status.DELIVERED: MESSAGE_DELIVERED,
    Status.FAILED: MESSAGE_FAILED,
    Status.BOUNCED: MESSAGE_FAILED,
    Status.EXPIRED: MESSAGE_FAILED,
    Status.UNKNOWN: MESSAGE_FAILED,
}


class Hearing:
    """Writes what bindings hear of, in the caller's transaction. After its commit the caller rings."""

    def __init__(self, bindings: Bindings, *, wake: Callable[[str], None]) -> None:
        self._bindings = bindings
        self._wake = wake

    @property
    def anybody(self) -> bool:
        """Whether anybody listens to anything."""
        return self._bindings.hear

    async def keep_up(self) -> None:
        """Know what was published, where no duty sees to that."""
        await self._bindings.keep_up()

    def ring(self) -> None:
        """What was written is committed: call whoever works on it."""
        if self._bindings.hear:
            self._wake(QUEUE)

    async def messages(self, connection: Connection, moved: Iterable[tuple[UUID, UUID, Status]]) -> None:
        """Messages (tenant, id, new status) have moved."""
        types = {
            id: type
            for tenant_id, id, status in moved
            if (type := _OF_STATUS.get(status)) is not None and self._bindings.listening(tenant_id, type)
        }
        if not types:
            return
        jobs: list[NewJob] = []
        for row in await own_events.messages(connection, types):
            narrow = {"workflow": row["workflow_key"], "channel": row["channel"]}
            said = {"message": _message(row), "trigger": ids.show(Prefix.TRIGGER, row["trigger_id"])}
            jobs += self._jobs(row["tenant_id"], types[row["id"]], said, narrow, sandbox=row["sandbox"])
        await _add(connection, jobs)

    async def triggers(self, connection: Connection, completed: Sequence[UUID]) -> None:
        """Triggers have completed."""
        if not completed:
            return
        jobs: list[NewJob] = []
        for row in await own_events.triggers(connection, completed):
            said = {"trigger": ids.show(Prefix.TRIGGER, row["id"]), "counts": row["counts"]}
            narrow = {"workflow": row["workflow_key"]}
            jobs += self._jobs(row["tenant_id"], TRIGGER_COMPLETED, said, narrow, sandbox=row["sandbox"])
        await _add(connection, jobs)

    async def timers(self, connection: Connection, fired: Sequence[Fired]) -> Collection[str]:
        """Timers have fired; the queues to ring for after the commit."""
        jobs: list[NewJob] = []
        for one in fired if self._bindings.hear else ():
            about = {
                "id": ids.show(Prefix.TIMER, one.id),
                "key": plain_key(one.key),
                "at": show_time(one.fire_at),
                "metadata": one.metadata,
            }
            jobs += self._jobs(one.tenant_id, TIMER_FIRED, {"timer": about}, {}, sandbox=is_sandboxed(one.key))
        await _add(connection, jobs)
        return (QUEUE,) if jobs else ()

    async def buried(self, connection: Connection, jobs: Mapping[Job, str], lost: Collection[UUID]) -> None:
        """Jobs were buried, each with its reason, but for those that were *lost*.

        Of the jobs of `QUEUE` nothing is told: a binding that fails on hearing of failures would hear of its own.
        """
        told = {
            job: reason
            for job, reason in (jobs.items() if self._bindings.hear else ())
            if job.id not in lost and job.queue != QUEUE and self._bindings.listening(job.tenant_id, JOB_FAILED)
        }
        inside = await own_events.sandboxed(connection, [job.id for job in told])
        new: list[NewJob] = []
        for job, reason in told.items():
            sandbox = job.id in inside or (job.args or {}).get("sandbox") or is_sandboxed(job.key or "")
            about = {
                "id": ids.show(Prefix.JOB, job.id),
                "queue": job.queue,
                "kind": job.kind,
                "key": job.key,
                "attempts": job.attempts,
                "error": reason,
            }
            new += self._jobs(job.tenant_id, JOB_FAILED, {"job": about}, {"queue": job.queue}, sandbox=sandbox)
        await _add(connection, new)

    async def suppressed(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Addresses (rows of `suppressions.learn`) are not written to any more."""
        jobs: list[NewJob] = []
        for row in rows if self._bindings.hear else ():
            message, until = row["message_id"], row["expires_at"]
            about = {
                "id": ids.show(Prefix.SUPPRESSION, row["id"]),
                **{name: row[name] for name in ("channel", "address", "reason", "detail")},
                "category": row["category"] or None,
                "message": ids.show(Prefix.MESSAGE, message) if message is not None else None,
                "expires_at": show_time(until) if until is not None else None,
            }
            narrow = {"channel": row["channel"]}
            jobs += self._jobs(row["tenant_id"], ADDRESS_SUPPRESSED, {"suppression": about}, narrow)
        await _add(connection, jobs)

    async def webhooks(self, connection: Connection, disabled: Mapping[Which, tuple[str, str]]) -> None:
        """Webhooks were given up, each with its URL and the reason."""
        jobs: list[NewJob] = []
        for which, (url, reason) in disabled.items() if self._bindings.hear else ():
            about = {
                "id": ids.show(Prefix.WEBHOOK, which.id),
                "recipient": which.recipient_id,
                "url": url,
                "reason": reason,
            }
            jobs += self._jobs(which.tenant_id, WEBHOOK_DISABLED, {"webhook": about}, {})
        await _add(connection, jobs)

    def _jobs(
        self,
        tenant_id: UUID,
        type: str,
        said: Mapping[str, Any],
        narrow: Mapping[str, str],
        *,
        sandbox: bool | None = False,
    ) -> Iterable[NewJob]:
        """A job for each binding that means it: so that one that fails is redriven without the others."""
        for bound in self._bindings.listening(tenant_id, type):
            on = bound.compiled.binding.on
            if isinstance(on, OwnEvent) and on.hears(**narrow):
                args = {"type": type, "binding": bound.key, "at": show_time(clock.now()), **said}
                if sandbox:
                    args["sandbox"] = True
                yield NewJob(queue=QUEUE, kind=KIND, tenant_id=tenant_id, args=args)


async def _add(connection: Connection, jobs: Sequence[NewJob]) -> None:
    if jobs:
        await add.add_many(connection, jobs)


def _message(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": ids.show(Prefix.MESSAGE, row["id"]),
        "status": row["status"],
        "channel": row["channel"],
        "workflow": row["workflow_key"],
        "recipient": row["recipient_id"],
        "reason": row["reason"],
        "attempts": row["attempts"],
        "possible_duplicate": row["possible_duplicate"],
        "provider_message_id": row["provider_message_id"],
    }
