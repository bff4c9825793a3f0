"""Publishing: messages that were written down with their cause are handed to brokers and endpoints, list by list.

A job leaves only once its receiver has confirmed. Whatever dies in between leaves the job, so it is handed over again
with the same id, by which receivers tell the repeat: at least once, and effectively once.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
import structlog

from clarion import clock
from clarion.brokers.base import Publication, Sink
from clarion.domain.outcome import Outcome, Reject, Retry, Uncertain
from clarion.domain.publishing import Buried, Later, Patience, Published, after_publishing, cloud_event
from clarion.domain.verdict import quarantined
from clarion.errors import ConfigError
from clarion.flows.endings import PASSING
from clarion.flows.hearing import Hearing
from clarion.flows.lines import HANGS_S
from clarion.flows.slots import Slots
from clarion.queue import limits, settle
from clarion.queue.job import Job, PutOff
from clarion.queue.late import Late
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

Way = tuple[str, str | None]
Move = Published | Later | Buried


def pace_of(way: Way) -> str:
    """The name under which all workers share the pauses of one broker or endpoint."""
    kind, name = way
    return f"sink:{kind}/{name or ''}"


def paces_of_webhook(name: str, names: Sequence[str]) -> list[str]:
    """The names that the pauses of an endpoint may have: it needs none where it is the only one of *names*."""
    return [pace_of(("webhook", name)), *([pace_of(("webhook", None))] if len(names) == 1 else [])]


class PublishAll:
    """The handler of `publish` jobs."""

    def __init__(
        self,
        pool: Pool,
        sink_of: Callable[[str, str | None], Sink],
        *,
        patience: Patience,
        slots: Slots,
        hearing: Hearing | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """*sink_of* gives the sink for a kind and a broker's name, or raises `ConfigError`; *chance* is the jitter."""
        self._pool = pool
        self._sink_of = sink_of
        self._patience = patience
        self._slots = slots
        self._hearing = hearing
        self._chance = chance
        #: When (monotonic) each list began that is on its way.
        self._out: dict[Way, dict[object, float]] = defaultdict(dict)

    async def __call__(self, jobs: Sequence[Job]) -> Late | None:
        """Hand over what *jobs* say: each broker's in one call, the brokers at the same time.

        Those that hang are left behind: they hold up no other.
        """
        moves: dict[Job, Move] = {job: Buried(reason) for job in jobs if (reason := quarantined(job.rescues))}
        ways: dict[Way, list[Job]] = defaultdict(list)
        for job in jobs:
            if job not in moves:
                ways[job.args["kind"], job.args.get("broker")].append(job)
        await self._record(moves)
        going = {asyncio.create_task(self._publish(way, group)): group for way, group in ways.items()}
        if not going:
            return None
        done, left = await asyncio.wait(going, timeout=HANGS_S)
        if left:
            return Late([job for task in left for job in going[task]], _ended(going))
        await _ended(done)
        return None

    async def _publish(self, way: Way, jobs: Sequence[Job]) -> None:
        moves = await self._held_back(way, jobs)
        if moves is None:
            with self._on_the_way(way):
                outcomes = await self._hand_over(way, jobs)
            moves = {
                job: after_publishing(outcome, self._patience, tried=job.attempts, chance=self._chance())
                for job, outcome in zip(jobs, outcomes, strict=True)
            }
            await self._pause(way, outcomes)
        await self._record(moves)

    async def _held_back(self, way: Way, jobs: Sequence[Job]) -> dict[Job, Move] | None:
        """What becomes of *jobs* while everybody waits for this receiver, or it wants no more; None: go ahead."""
        async with self._pool.acquire() as connection:
            paused = (await limits.paused(connection, [pace_of(way)])).get(pace_of(way))
        if paused is None:
            hangs_s = clock.monotonic() - min(self._out[way].values(), default=clock.monotonic())
            if hangs_s < HANGS_S:
                return None
            wait = timedelta(seconds=hangs_s * (1 + 0.2 * self._chance()))
            return {job: Later(wait, "what was handed over before has no answer yet", spent=False) for job in jobs}
        reason = paused.reason or "paused"
        if paused.closed:
            return {job: Buried(f"closed: {reason}") for job in jobs}
        return {job: Later(paused.wait * (1 + 0.2 * self._chance()), reason, spent=False) for job in jobs}

    @contextmanager
    def _on_the_way(self, way: Way) -> Iterator[None]:
        one = object()
        self._out[way][one] = clock.monotonic()
        try:
            yield
        finally:
            del self._out[way][one]

    async def _hand_over(self, way: Way, jobs: Sequence[Job]) -> list[Outcome]:
        try:
            sink = self._sink_of(*way)
        except ConfigError as error:  # perhaps only this worker does not know it yet
            return [Retry(error.message) for _ in jobs]
        try:
            outcomes = await sink.publish([publication(job.args) for job in jobs])
            if len(outcomes) != len(jobs):
                raise RuntimeError(f"{len(outcomes)} outcomes for {len(jobs)} publications")
            return outcomes
        except Exception as error:
            log.exception("publication.sink_failed", sink=way[0], broker=way[1], publications=len(jobs))
            if len(jobs) == 1:
                return [Uncertain(f"the sink failed: {error!r}")]
        # One of them may be the cause: the others must not suffer for it.
        return [outcome for job in jobs for outcome in await self._hand_over(way, [job])]

    async def _pause(self, way: Way, outcomes: Sequence[Outcome]) -> None:
        """Make everybody wait when the receiver said so (PROMISES P11), or stop when it wants no more."""
        gone = next((o for o in outcomes if isinstance(o, Reject) and o.code == "gone"), None)
        asked = [o for o in outcomes if isinstance(o, Retry) and o.pause_provider and o.after is not None]
        if not gone and not asked:
            return
        try:
            async with self._pool.acquire() as connection:
                if gone:
                    await limits.close(connection, pace_of(way), gone.reason)
                    log.error("sink.closed", sink=way[0], broker=way[1], reason=gone.reason)
                else:
                    after, reason = max((retry.after or timedelta(0), retry.reason) for retry in asked)
                    until = await limits.pause(connection, pace_of(way), after, reason)
                    log.warning("sink.paused", sink=way[0], broker=way[1], until=until.isoformat(), reason=reason)
        except PASSING as error:  # the next list asks again
            log.warning("publication.record_failed", error=str(error), publications=len(outcomes), again_in_s=0)

    async def _record(self, moves: Mapping[Job, Move]) -> None:
        """Record what became of them, and again until it went through; who lost a lease meanwhile moves nothing."""
        if not moves:
            return
        pause = 0.05
        with self._slots.lend() as slot:
            while True:
                try:
                    async with self._pool.acquire() as connection, connection.transaction():
                        lost = await _record(connection, moves, slot, self._hearing)
                    break
                except PASSING as error:
                    log.warning(
                        "publication.record_failed", error=str(error), publications=len(moves), again_in_s=pause
                    )
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 5.0)
        if self._hearing is not None:
            self._hearing.ring()
        for job, move in moves.items():
            if job.id not in lost:
                _tell(job, move)


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for all, whatever becomes of one: what is on its way must be recorded."""
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        if error is not None:
            raise error


def publication(args: Mapping[str, Any]) -> Publication:
    """What a job's *args* say, as its sink takes it: the same bytes at every attempt."""
    target = dict(args.get("target", {}))
    body, content_type = args.get("body"), "application/json"
    if args["kind"] == "webhook" and "type" in target:
        body, content_type = cloud_event(args["id"], target["type"], args["at"], body), "application/cloudevents+json"
    return Publication(
        id=args["id"],
        target=target,
        body=orjson.dumps(body),
        content_type=content_type,
        headers=args.get("headers", {}),
        sandbox=args.get("sandbox", False),
    )


async def _record(connection: Connection, moves: Mapping[Job, Move], slot: int, hearing: Hearing | None) -> set[Any]:
    published = [job for job, move in moves.items() if isinstance(move, Published)]
    results = {
        job.id: {"status": "published", "id": job.args["id"], "receipt": move.receipt}
        for job, move in moves.items()
        if isinstance(move, Published)
    }
    later = [
        PutOff(job=job, after=move.after, error=move.reason, spent=move.spent)
        for job, move in moves.items()
        if isinstance(move, Later)
    ]
    buried = {job: move.reason for job, move in moves.items() if isinstance(move, Buried)}
    lost = await settle.settle(connection, published, slot=slot, keep=True, results=results)
    lost |= await settle.put_off(connection, later, slot=slot)
    lost |= await settle.bury(connection, buried, slot=slot)
    if hearing is not None and buried:
        await hearing.buried(connection, buried, lost)
    return lost


def _tell(job: Job, move: Move) -> None:
    about = {"publication": job.args.get("id"), "sink": job.args.get("kind"), "broker": job.args.get("broker")}
    match move:
        case Published():
            log.debug("publication.published", **about, attempt=job.attempts)
        case Later(after, reason, _):
            log.warning(
                "publication.put_off", **about, attempt=job.attempts, reason=reason, again_in_s=after.total_seconds()
            )
        case Buried(reason):
            log.error("publication.buried", **about, attempt=job.attempts, reason=reason)
