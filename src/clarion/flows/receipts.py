"""Asking providers what became of messages, where they do not tell it by themselves.

When messages are recorded as sent, jobs are added that ask about them later; what is heard then is a report like that
of a callback. A token is not kept for it: what knows it again is, so that a dead one disables its device.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from clarion import clock, ids
from clarion.channels.base import Asked, Heard, Provider
from clarion.domain.callback import Fate
from clarion.domain.feedback import Feedback
from clarion.domain.suppression import SoftRule
from clarion.domain.verdict import quarantined
from clarion.flows import callback, late_failures
from clarion.flows.callback import Found, Told, take, tell
from clarion.flows.hearing import Hearing
from clarion.flows.slots import Slots
from clarion.queue import add, settle
from clarion.queue.job import Job, NewJob, PutOff, storable
from clarion.store import devices
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

QUEUE, KIND = callback.QUEUE, "receipt"
#: Messages of a job.
_TOGETHER = 100
#: Whoever knows nothing of a message then never will.
_PATIENCE = timedelta(days=1)
#: The least between two times that it is asked.
_SOON = timedelta(minutes=1)


#: What `ask_later` is when all but the first two is given.
AskLater = Callable[[Connection, set[UUID]], Awaitable[None]]


class Handed(NamedTuple):
    """A message that an account took."""

    tenant_id: UUID
    provider_id: str
    #: Of the token that was used.
    digest: str


async def ask_later(
    connection: Connection, moved: Collection[UUID], *, label: str, after: timedelta, handed: Mapping[UUID, Handed]
) -> None:
    """Within the transaction that has recorded the messages that *moved*: add the jobs that ask about them."""
    by_tenant: dict[UUID, list[list[str]]] = defaultdict(list)
    for id in moved & handed.keys():
        one = handed[id]
        by_tenant[one.tenant_id].append([id.hex, storable(one.provider_id), one.digest])
    now = clock.now()
    since = now.isoformat()
    jobs = [
        _job(tenant_id, label, some[start : start + _TOGETHER], since, after)
        for tenant_id, some in by_tenant.items()
        for start in range(0, len(some), _TOGETHER)
    ]
    if jobs:
        await add.add_many(connection, jobs)


class AskReceipts:
    """The handler of `receipt` jobs. What is heard twice does nothing the second time."""

    def __init__(
        self,
        pool: Pool,
        providers: Mapping[str, Provider[Any]],
        *,
        slots: Slots,
        hearing: Hearing | None = None,
        soft: SoftRule | None = None,
    ) -> None:
        """*providers* are those that can be asked, by their labels."""
        self._pool = pool
        self._providers = providers
        self._slots = slots
        self._hearing = hearing
        self._soft = soft or SoftRule()

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Ask about the messages of *jobs*, in lists by account; and about those of which nothing is known, later."""
        by_label: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            by_label[job.args["integration"]].append(job)
        for label, some in by_label.items():
            await self._ask(label, some)

    async def _ask(self, label: str, jobs: Sequence[Job]) -> None:
        reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
        jobs = [job for job in jobs if job not in reasons]
        provider = self._providers.get(label)
        asked = {UUID(hex=hex): Asked(UUID(hex=hex), id) for job in jobs for hex, id, _ in job.args["asked"]}
        answer = await provider.ask(list(asked.values())) if provider is not None else Heard((), ())
        found: list[Found] = []
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection, connection.transaction():
                lost = await settle.bury(connection, reasons, slot=slot)
                if isinstance(answer, Heard):
                    found = await self._hear(connection, label, jobs, answer, slot)
                else:
                    old = [job for job in jobs if _waited(job) > _PATIENCE]
                    later = {job: answer.after or _SOON for job in jobs if job not in old}
                    again = [
                        PutOff(job=job, after=after, error=answer.reason, spent=False) for job, after in later.items()
                    ]
                    await settle.put_off(connection, again, slot=slot)
                    await settle.settle(connection, old, slot=slot)
                if self._hearing is not None:
                    await self._hearing.buried(connection, reasons, lost)
        if self._hearing is not None:
            self._hearing.ring()
        tell(found)
        await late_failures.count(self._pool, found)

    async def _hear(
        self, connection: Connection, label: str, jobs: Sequence[Job], heard: Heard, slot: int
    ) -> list[Found]:
        told = [Told(integration=label, report=report) for report in heard.reports]
        found = await take(connection, told, slot=slot, hearing=self._hearing, soft=self._soft) if told else []
        digests = {UUID(hex=hex): digest for job in jobs for hex, _, digest in job.args["asked"]}
        dead = [
            (one.told.report.message_id, digests[one.told.report.message_id], storable(one.told.report.reason or ""))
            for one in found
            if one.told.report.feedback is Feedback.DEAD_TOKEN and one.finding.fate in (Fate.APPLIED, Fate.IGNORED)
        ]
        if dead:
            log.info("device.disabled", devices=await devices.disable_used(connection, dead))
        await add.add_many(connection, list(_again(label, jobs, {one.message_id.hex for one in heard.missing})))
        await settle.settle(connection, jobs, slot=slot)
        return found


def _again(label: str, jobs: Sequence[Job], missing: Collection[str]) -> list[NewJob]:
    """Jobs for those of which nothing is known yet, after as long as they have waited; none where that is too long."""
    found = []
    for job in jobs:
        rest = [one for one in job.args["asked"] if one[0] in missing]
        waited = _waited(job)
        if rest and waited > _PATIENCE:
            messages = [ids.show(ids.Prefix.MESSAGE, UUID(hex=one[0])) for one in rest]
            log.info("receipt.never_came", integration=label, messages=messages)
        elif rest:
            found.append(_job(job.tenant_id, label, rest, job.args["since"], max(waited, _SOON)))
    return found


def _waited(job: Job) -> timedelta:
    """Since its messages were handed over."""
    return clock.now() - datetime.fromisoformat(job.args["since"])


def _job(tenant_id: UUID, label: str, asked: Sequence[Sequence[str]], since: str, after: timedelta) -> NewJob:
    args = {"integration": label, "asked": asked, "since": since}
    return NewJob(queue=QUEUE, kind=KIND, tenant_id=tenant_id, run_at=clock.now() + after, args=args)
