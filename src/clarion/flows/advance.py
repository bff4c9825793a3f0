"""Runs whose wait is over: they go on behind the step at which they waited.

A list at a time, each in one transaction: messages, counts, runs and jobs move together, so a worker that dies here
loses nothing and doubles nothing. A cancel that was committed before is seen; one that comes later waits for this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from clarion import ids
from clarion.domain.expression import Scope
from clarion.domain.plan import Plan, plan, skip_rest
from clarion.flows.caps import Caps
from clarion.flows.hearing import Hearing
from clarion.flows.marks import Marks
from clarion.flows.published import Published, Version
from clarion.flows.quarantine import quarantine
from clarion.flows.rows import Rows, recipient_of
from clarion.flows.slots import Slots
from clarion.flows.variables import trigger_variables
from clarion.flows.verified import Verified
from clarion.queue import settle
from clarion.queue.job import Job, PutOff
from clarion.store import chats, devices, messages, runs, triggers, webhooks
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is needed to let a list of runs go on, read together."""

    jobs: Mapping[UUID, Job]
    #: Those that wait, of the jobs' ids. A job without one is of a run that ended.
    waiting: Mapping[UUID, _Row]
    triggers: Mapping[UUID, _Row]
    versions: Mapping[UUID, Version]
    now: datetime
    #: Of those whose workflow pushes, by the run.
    devices: Mapping[UUID, Sequence[str]]
    #: … and of those whose workflow writes to chats.
    chats: Mapping[UUID, Sequence[str]]
    #: Of those whose workflow has webhooks told, by the run.
    webhooks: Mapping[UUID, Sequence[UUID]]


class Advance:
    """The handler of `advance` jobs; a job's id is its run's. It is claimed when the wait is over, or was cut short."""

    def __init__(
        self,
        pool: Pool,
        published: Published,
        *,
        wake: Callable[[str], None],
        slots: Slots,
        hearing: Hearing | None = None,
        marks: Marks | None = None,
        caps: Caps | None = None,
        verified: Verified | None = None,
    ) -> None:
        """*wake* is told which queues have new jobs."""
        self._pool = pool
        self._published = published
        self._wake = wake
        self._slots = slots
        self._hearing = hearing
        self._marks = marks or Marks()
        self._caps = caps or Caps()
        self._verified = verified or Verified()

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Take the next steps of all these runs."""
        async with self._pool.acquire() as connection:
            with self._slots.lend() as slot:
                left = await quarantine(connection, jobs, of=ids.Prefix.RUN, slot=slot, hearing=self._hearing)
                if left:
                    await self._advance(connection, await self._read(connection, left), slot)

    async def _read(self, connection: Connection, jobs: Sequence[Job]) -> _Batch:
        by_id = {job.id: job for job in jobs}
        waiting = {row["id"]: row for row in await runs.load(connection, list(by_id))}
        versions = await self._published.get(connection, {row["workflow_version_id"] for row in waiting.values()})
        asking = {
            row["trigger_id"]: row["tenant_id"]
            for row in waiting.values()
            if self._verified.asks(versions[row["workflow_version_id"]].workflow)
        }
        if asking:
            waiting = {row["id"]: row for row in await self._verified.only(connection, [*waiting.values()], asking)}
        pushing = [row for row in waiting.values() if versions[row["workflow_version_id"]].pushes]
        writing = [row for row in waiting.values() if versions[row["workflow_version_id"]].chats]
        rooms = await chats.of_people(connection, [(row["tenant_id"], row["recipient_id"]) for row in writing])
        hooking = [row for row in waiting.values() if versions[row["workflow_version_id"]].hooks]
        keys = {row["id"]: versions[row["workflow_version_id"]].workflow.key for row in hooking}
        return _Batch(
            jobs=by_id,
            waiting=waiting,
            triggers=await triggers.load(connection, {row["trigger_id"] for row in waiting.values()}),
            versions=versions,
            devices=await devices.of_runs(connection, pushing) if pushing else {},
            chats={row["id"]: found for row, found in zip(writing, rooms, strict=True)},
            webhooks=await webhooks.of_runs(connection, hooking, keys) if hooking else {},
            now=await connection.fetchval("SELECT clock_timestamp()"),
        )

    async def _advance(self, connection: Connection, batch: _Batch, slot: int) -> None:
        plans, rows = _plans(batch, self._verified), Rows(batch.now)
        async with connection.transaction():
            cancelled = await messages.lock_and_find_cancelled(connection, list(batch.triggers))
            plans = {id: one for id, one in plans.items() if batch.waiting[id]["trigger_id"] not in cancelled}
            lost = await _leave(connection, batch, plans, slot)
            moves = _write(
                rows, batch, {id: one for id, one in plans.items() if id not in lost}, self._marks, self._caps
            )
            ended = [runs.Move(id=id, status="cancelled") for id in batch.waiting.keys() - plans.keys() - lost]
            await runs.move(connection, [*moves, *ended], slot=slot)
            await rows.write(connection, slot=slot)
        await runs.release(connection, batch.triggers)
        for queue in rows.queues:
            self._wake(queue)
        if lost:
            log.warning("run.lost_lease", runs=[ids.show(ids.Prefix.RUN, id) for id in [*lost][:10]])
        log.info("run.advanced", runs=len(moves), messages=len(rows.messages), cancelled=len(ended))


def _plans(batch: _Batch, verified: Verified) -> dict[UUID, Plan]:
    """What each run comes to; none for those whose trigger is gone."""
    scopes: dict[UUID, Scope] = {}
    plans = {}
    for row in batch.waiting.values():
        trigger, version = batch.triggers.get(row["trigger_id"]), batch.versions[row["workflow_version_id"]]
        if trigger is None:
            continue
        channels, start = trigger["channels"], row["step"] + 1
        recipient = recipient_of(
            row,
            batch.devices.get(row["id"]),
            batch.chats.get(row["id"], ()),
            batch.webhooks.get(row["id"]),
        )
        if not row["known"]:
            why = "its recipient was deleted"
            plans[row["id"]] = Plan(skip_rest(version.steps, recipient, why, channels=channels, start=start))
            continue
        if version.has_expressions and trigger["id"] not in scopes:
            scopes[trigger["id"]] = Scope(payload=trigger["payload"], trigger=trigger_variables(trigger))
        deadline = trigger["expires_at"] if trigger["expires_given"] else None
        scope = scopes.get(trigger["id"])
        plans[row["id"]] = plan(
            version.steps,
            recipient,
            scope,
            now=batch.now,
            deadline=deadline,
            channels=channels,
            start=start,
            verified=verified.asks(version.workflow),
        )
    return plans


def _write(rows: Rows, batch: _Batch, plans: Mapping[UUID, Plan], marks: Marks, caps: Caps) -> list[runs.Move]:
    """Add what the runs come to; where they are then."""
    minted = iter(ids.new_many(sum(len(planned.messages) for planned in plans.values())))
    moves = []
    for id, planned in plans.items():
        row = batch.waiting[id]
        trigger, workflow = batch.triggers[row["trigger_id"]], batch.versions[row["workflow_version_id"]].workflow
        # A deadline that was named holds; any other counts from here.
        expires_at = trigger["expires_at"] if trigger["expires_given"] else rows.now + workflow.expires_after
        rows.add_messages(
            trigger,
            id,
            row["recipient_id"],
            planned.messages,
            expires_at=expires_at,
            minted=minted,
            pace=marks.of(trigger["tenant_id"], workflow),
            caps=caps.of(workflow),
        )
        if planned.wait is None:
            moves.append(runs.Move(id=id, status="completed", step=len(workflow.steps)))
        else:
            moves.append(runs.Move(id=id, status="running", step=planned.wait.step))
    return moves


async def _leave(connection: Connection, batch: _Batch, plans: Mapping[UUID, Plan], slot: int) -> set[UUID]:
    """The jobs of those that wait again are put off, all others go; the ids of those that are no longer ours."""
    again = {id: one.wait for id, one in plans.items() if one.wait is not None}
    puts = [PutOff(job=batch.jobs[id], after=wait.until - batch.now, spent=False) for id, wait in again.items()]
    lost = await settle.put_off(connection, puts, slot=slot)
    return lost | await settle.settle(connection, [job for id, job in batch.jobs.items() if id not in again], slot=slot)
