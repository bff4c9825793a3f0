"""What a worker of one queue of BullMQ does to its jobs, many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgpack  # type: ignore[import-untyped]

from clarion.brokers.bullmq import job as jobs
from clarion.brokers.bullmq import scripts
from clarion.brokers.bullmq.connection import Connection
from clarion.brokers.bullmq.job import Job
from clarion.brokers.bullmq.keys import Keys

#: At most so many jobs in one script: Redis does nothing else meanwhile, some 30 to 60 µs a job.
AT_ONCE = 100
#: Codes of moveToFinished: it waits for jobs of its own, or one of them failed.
_UNFINISHED = {-4: "it still waits for its children", -9: "one of its children failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What was there to be taken."""

    jobs: Sequence[Job]
    #: Until the queue's rate limit allows more; zero where nothing is in the way.
    limited: timedelta
    #: Until the next delayed job is due, None when there is none.
    due: timedelta | None
    #: Whether the queue has as many active jobs as it may have.
    full: bool


class Worker:
    """Moves jobs of the queue of *keys*. All of it raises `Disconnected`."""

    def __init__(self, connection: Connection, keys: Keys, *, name: str, lock: timedelta) -> None:
        """*name* stands in its jobs; *lock* is how long they are its own without being heard of."""
        self._connection = connection
        self._keys = keys
        self._name = name
        self._lock_ms = round(lock / timedelta(milliseconds=1))

    async def claim(self, count: int, token: str) -> Claim:
        """Make up to *count* waiting jobs active under the lock *token*. Delayed ones that are due wait from now on."""
        answer = await self._connection.run(
            scripts.ours("claim"),
            self._keys.moving,
            [self._keys.base, min(count, AT_ONCE), token, self._lock_ms, self._name],
        )
        now, limited, due, full, taken = msgpack.unpackb(answer, raw=True)
        return Claim(
            jobs=[jobs.read(id, token, fields) for id, fields in taken or ()],
            limited=timedelta(milliseconds=limited),
            due=timedelta(milliseconds=due - now) if due else None,
            full=bool(full),
        )

    async def complete(self, done: Sequence[tuple[Job, str]]) -> int:
        """Move each to completed with its value, which is JSON; how many were not ours any more."""
        lost = 0
        refused: list[tuple[Job, str]] = []
        for some in _pages(done):
            codes = await self._finish("completed", "removeOnComplete", some)
            refused += [
                (job, _UNFINISHED[code]) for (job, _), code in zip(some, codes, strict=True) if code in _UNFINISHED
            ]
            lost += sum(code < 0 and code not in _UNFINISHED for code in codes)
        return lost + await self.fail(refused)

    async def fail(self, failed: Sequence[tuple[Job, str]]) -> int:
        """Move each to failed with its reason, attempts left or not; how many were not ours any more."""
        lost = 0
        for some in _pages(failed):
            lost += sum(code < 0 for code in await self._finish("failed", "removeOnFail", some))
        return lost

    async def postpone(self, put_off: Sequence[Job], after: timedelta) -> int:
        """Give them back, to be taken again *after* that; how many were not ours any more."""
        delay = max(0, round(after / timedelta(milliseconds=1)))
        lost = 0
        for at in range(0, len(put_off), AT_ONCE):
            packed = msgpack.packb([(job.id, job.token) for job in put_off[at : at + AT_ONCE]])
            script = scripts.ours("postpone")
            codes = await self._connection.run(script, self._keys.postponing, [self._keys.base, delay, packed])
            lost += sum(code < 0 for code in msgpack.unpackb(codes))
        return lost

    async def extend(self, held: Sequence[Job]) -> set[str]:
        """Hold their locks for longer; the ids of those that are not ours any more."""
        if not held:
            return set()
        tokens, ids = msgpack.packb([job.token for job in held]), msgpack.packb([job.id for job in held])
        arguments = [self._keys.base, tokens, ids, self._lock_ms]
        lost = await self._connection.run(scripts.bullmqs("extendLocks-1"), self._keys.of("stalled"), arguments)
        return {id.decode(errors="replace") for id in lost}

    async def rescue(self, interval: timedelta) -> None:
        """Let jobs wait again whose worker has gone; at most once in *interval*, whoever of the workers does it."""
        ms = round(interval / timedelta(milliseconds=1))
        await self._connection.run(scripts.ours("rescue"), self._keys.rescuing, [self._keys.base, ms])

    async def tell(self, job: Job, percent: int) -> None:
        """Move its progress."""
        keys = self._keys.of(job.id, "events", "meta")
        await self._connection.run(scripts.bullmqs("updateProgress-3"), keys, [job.id, percent])

    async def _finish(self, target: str, remove: str, ended: Sequence[tuple[Job, str]]) -> list[int]:
        packed = msgpack.packb([(job.id, value, job.ending(remove)) for job, value in ended], use_bin_type=False)
        keys = self._keys.finishing(target)
        codes = await self._connection.run(scripts.ours("finish"), keys, [self._keys.base, target, packed])
        return [int(code) for code in msgpack.unpackb(codes)]


def _pages(ended: Sequence[tuple[Job, str]]) -> Iterator[Sequence[tuple[Job, str]]]:
    for at in range(0, len(ended), AT_ONCE):
        yield ended[at : at + AT_ONCE]
