"""From a trigger to the messages of its recipients, page by page behind a cursor.

The cursor moves in the transaction that writes the page's runs, messages and jobs, so a worker that dies loses nothing
and doubles nothing. The job for the next page is put among the page's own messages, at its middle: when it is reached,
half the page has been taken, so that a million recipients need the room of a thousand and senders never run dry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from clarion import ids
from clarion.domain.expression import Scope
from clarion.errors import LostLease
from clarion.flows.caps import Caps
from clarion.flows.contexts import Contexts
from clarion.flows.expand_page import KIND, QUEUE, Page, write_next, write_run
from clarion.flows.handover import Handover
from clarion.flows.hearing import Hearing
from clarion.flows.marks import Marks
from clarion.flows.published import Published, Version
from clarion.flows.quarantine import quarantine
from clarion.flows.rows import Rows, recipient_of
from clarion.flows.slots import Slots
from clarion.flows.variables import trigger_variables
from clarion.flows.verified import Verified
from clarion.queue import add, settle
from clarion.queue.job import Job, first_claim
from clarion.store import few, triggers
from clarion.store.chats import of_people
from clarion.store.database import Connection, Pool
from clarion.turns import Turns

__all__ = ["KIND", "QUEUE", "Expand"]

log = structlog.get_logger()

#: How many recipients are planned between two looks at whether others should have the loop.
_PIECE = 20

#: A trigger with at most this many ids and no topic is expanded together with others.
_SMALL = 100

#: So many recipients the first page of a large one has: the first messages are on their way while the next is planned.
_FIRST_PAGE = 200


class Expand:
    """The handler of `expand` jobs; a job's id is its trigger's."""

    def __init__(
        self,
        pool: Pool,
        published: Published,
        *,
        page: int,
        first_page: int = _FIRST_PAGE,
        wake: Callable[[str], None],
        slots: Slots,
        turns: Turns,
        handover: Handover,
        contexts: Contexts,
        hearing: Hearing | None = None,
        marks: Marks | None = None,
        caps: Caps | None = None,
        verified: Verified | None = None,
    ) -> None:
        """*page* is how many recipients go into one transaction, *first_page* into a trigger's first.

        *wake* is told which queues have new jobs. What few recipients come to goes to the consumers of this process by
        *handover*, and *contexts* are spared the look for what is in hand here.
        """
        self._pool = pool
        self._published = published
        self._page = page
        self._first_page = min(page, first_page)
        self._wake = wake
        self._slots = slots
        self._turns = turns
        self._hearing = hearing
        self._handover = handover
        self._contexts = contexts
        self._marks = marks or Marks()
        self._caps = caps or Caps()
        self._verified = verified or Verified()

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Expand a page of each job's trigger: the small ones together, the large ones one after the other."""
        async with self._pool.acquire() as connection:
            with self._turns.first(len(jobs) < _PIECE):
                by_trigger = {job.id: job for job in await quarantine(connection, jobs, hearing=self._hearing)}
                loaded = await triggers.load(connection, by_trigger)
            ended = [job for id, job in by_trigger.items() if not _is_open(loaded.get(id))]
            await settle.settle(connection, ended)
            for number, group in enumerate(_groups([row for row in loaded.values() if _is_open(row)])):
                now = await connection.fetchval("SELECT clock_timestamp()") if number else group[0]["now"]
                with self._slots.lend() as slot, self._turns.first(_is_short(group)):
                    await self._expand(connection, group, [by_trigger[row["id"]] for row in group], now, slot)

    async def _expand(
        self, connection: Connection, group: Sequence[Mapping[str, Any]], jobs: Sequence[Job], now: datetime, slot: int
    ) -> None:
        versions = await self._published.get(connection, {row["workflow_version_id"] for row in group})
        size = self._page if group[0]["cursor"] else self._first_page
        pushes = any(version.pushes for version in versions.values())
        hooks = any(version.hooks for version in versions.values())
        names = [row["id"] for row in group]
        recipients = await triggers.page(connection, names, size, with_devices=pushes, with_webhooks=hooks)
        asking = {
            row["id"]: row["tenant_id"]
            for row in group
            if self._verified.asks(versions[row["workflow_version_id"]].workflow)
        }
        if asking:
            recipients = await self._verified.only(connection, recipients, asking)
        page = Page(rows=Rows(now), fences={job.id: job.fence for job in jobs})
        found: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
        for recipient in recipients:
            found[recipient["trigger_id"]].append(recipient)
        writing = {row["id"]: row["tenant_id"] for row in group if versions[row["workflow_version_id"]].chats}
        rooms = await _chats(connection, writing, recipients) if writing else {}
        for row in group:
            mine = found[row["id"]]
            await self._write(page, row, versions[row["workflow_version_id"]], mine, rooms, last=len(mine) < size)
        try:
            claimed = await self._commit(connection, page, jobs, slot)
        except LostLease:
            log.warning("expand.lost_lease", triggers=[str(job.id) for job in jobs])
            return
        except triggers.Overtaken:  # a cancel came in between: whoever claims them again sees which
            await settle.release(connection, jobs, slot=slot)
            return
        if claimed:
            self._contexts.keep((row, versions[row["workflow_version_id"]]) for row in group)
        for queue in page.rows.queues - self._handover.give(claimed):
            self._wake(queue)
        log.info(
            "trigger.expanded",
            triggers=[ids.show(ids.Prefix.TRIGGER, row["id"]) for row in group[:10]],
            recipients=len(recipients),
            messages=len(page.rows.messages),
        )

    async def _write(
        self,
        page: Page,
        row: Mapping[str, Any],
        version: Version,
        recipients: Sequence[Mapping[str, Any]],
        chats: Mapping[tuple[UUID, str], Sequence[str]],
        *,
        last: bool,
    ) -> None:
        """Add one trigger's page: a run for each recipient, and what each comes to."""
        known = [r for r in recipients if r["known"]]
        scope = _scope(row) if version.has_expressions else None
        more = version.pushes * sum(len(r["devices"]) for r in known) if version.pushes else 0
        more += version.chats * sum(len(chats.get((row["id"], r["recipient_id"]), ())) for r in known) if chats else 0
        more += version.hooks * sum(len(r["webhooks"]) for r in known) if version.hooks else 0
        minted = iter(ids.new_many(len(known) * (len(version.steps) + 1) + more))
        first_job = len(page.rows.jobs)
        waiting, verified = False, self._verified.asks(version.workflow)
        for number, r in enumerate(known, 1):
            rooms = chats.get((row["id"], r["recipient_id"]), ()) if chats else ()
            recipient = recipient_of(r, r["devices"], rooms, r["webhooks"])
            waiting |= write_run(
                page.rows, row, version, recipient, scope, minted, self._marks, self._caps, verified=verified
            )
            if number % _PIECE == 0:
                await self._turns.take()
        cursor = recipients[-1]["recipient_id"] if recipients else row["cursor"]
        page.cursors.append(
            triggers.Expanded(
                id=row["id"], behind=row["cursor"], cursor=cursor, more=len(known), last=last, waits=waiting
            )
        )
        if not last:
            write_next(page, row, page.rows.jobs[first_job:])

    async def _commit(self, connection: Connection, page: Page, jobs: Sequence[Job], slot: int) -> list[Job]:
        """Write the page; the new jobs that are this worker's already. Raises `LostLease` and `Overtaken`."""
        if page.rows.few and all(cursor.last for cursor in page.cursors):
            return await self._commit_few(connection, page, slot)
        async with connection.transaction():
            if await settle.settle(connection, jobs, slot=slot):
                raise LostLease
            if not await triggers.expanded(connection, page.cursors):
                raise triggers.Overtaken
            await page.rows.write(connection, slot=slot)
            for job in page.next:
                await add.add(connection, job)
        return []

    async def _commit_few(self, connection: Connection, page: Page, slot: int) -> list[Job]:
        rows, handover = page.rows, self._handover
        claimed = await few.expand(
            connection,
            page.cursors,
            page.fences,
            runs=rows.runs,
            messages=rows.messages,
            jobs=rows.jobs,
            claim=handover.open(),
            worker=handover.worker,
            lease=handover.lease,
            slot=slot,
        )
        return [first_claim(*row) for row in rows.jobs if row[0] in claimed]  # type: ignore[arg-type]


async def _chats(
    connection: Connection, writing: Mapping[UUID, UUID], recipients: Sequence[Mapping[str, Any]]
) -> dict[tuple[UUID, str], Sequence[str]]:
    """The chats of *recipients*, by trigger and recipient, of those triggers (by their tenants) that write to chats."""
    places = [(r["trigger_id"], r["recipient_id"]) for r in recipients if r["trigger_id"] in writing]
    found = await of_people(connection, [(writing[trigger], recipient) for trigger, recipient in places])
    return {place: chats for place, chats in zip(places, found, strict=True) if chats}


def _scope(row: Mapping[str, Any]) -> Scope:
    return Scope(payload=row["payload"], trigger=trigger_variables(row))


def _is_short(group: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it takes no turns: less than a piece."""
    return not any(row["topic_keys"] for row in group) and sum(len(row["recipient_ids"]) for row in group) < _PIECE


def _is_open(row: Mapping[str, Any] | None) -> bool:
    return row is not None and not row["tombstone"] and row["status"] in ("accepted", "expanding")


def _groups(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The small triggers together, each large one alone, so that a batch never holds more than a page or so."""
    small = [row for row in rows if not row["topic_keys"] and len(row["recipient_ids"]) <= _SMALL]
    for start in range(0, len(small), _SMALL):
        yield small[start : start + _SMALL]
    yield from ([row] for row in rows if row["topic_keys"] or len(row["recipient_ids"]) > _SMALL)
