"""Between a claim and its handlers: jobs that fall under limits wait here, all others pass.

A job falls under the limits of its queue, and under its own (`Job.pace`). Handlers know nothing of it, and no sender
waits. Little is held here: what a second can use. The backlog stays in the queue, in its order, where it is seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import clock
from clarion.queue import limits
from clarion.queue.job import Job, Pool
from clarion.queue.limits import Refused, Reserved
from clarion.worker.rates import Rates
from clarion.worker.room import HORIZON, Room

#: Lanes of paced jobs are looked into so often while there are limits of workflows, and so often in any case.
_LOOK_S, _LOOK_ANYWAY_S = 0.02, 3.0
#: … while there are limits apart, which may be hundreds: each is one more to look for.
_LOOK_APART_S = 0.25

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Gate:
    """The rooms of one consumer: one for all of its queue when that is limited, one for each limited workflow."""

    def __init__(
        self,
        pool: Pool,
        rates: Rates,
        names: Sequence[str],
        *,
        most: int,
        missing: Callable[[Job], str | None] | None = None,
        apart: bool = False,
    ) -> None:
        """*names* of the limits that all jobs of the queue fall under; *most* jobs wait in a room.

        *missing* answers the pace that a job should have, where it has another; *apart*: there may be
        limits apart.
        """
        self._missing = missing
        self._apart = apart
        self._pool = pool
        self._rates = rates
        self._names = tuple(names)
        self._most = most
        self._rooms: dict[str | None, Room] = {}
        #: The lanes of the paces that are known; two may share one.
        self._lanes: dict[str, int] = {}
        self._tasks: dict[str | None, asyncio.Task[None]] = {}
        self._start: Start | None = None
        #: Hears what the limits answer, by the name of the first of them.
        self.asked: Callable[[str, Reserved | Refused], None] = _unheard
        self._looked = float("-inf")
        self._found = False

    def open(
        self,
        start: Start,
        *,
        out: Callable[[Sequence[Job]], None],
        back: Callable[[Sequence[Job]], Awaitable[None]],
        call: Callable[[], None],
    ) -> None:
        """From now on jobs wait: *start* starts a task; the others as `Room` has them."""
        self._start, self._out, self._back, self._call = start, out, back, call

    @property
    def whole(self) -> Room | None:
        """The room of all jobs of the queue; None when the queue is not limited."""
        if self._start is None or not (self._rates.any_of(self._names) or self._holds(None)):
            return None
        return self._room(None)

    def sizes(self) -> Mapping[str, tuple[int, int]]:
        """How many jobs are wanted of each pace that is known, and how many urgent ones."""
        return {pace: (room.wanted, room.wanted_urgently) for pace, room in self._rooms.items() if pace is not None}

    @property
    def lanes(self) -> Collection[int]:
        """The lanes of paced jobs that are known."""
        return set(self._lanes.values())

    def look_due(self, *, nothing_else: bool) -> bool:
        """Whether to look for paced jobs; *nothing_else*: there were no others."""
        passed = clock.monotonic() - self._looked
        if self._start is None:
            return True
        if self._apart and self._rates.apart:
            return passed >= _LOOK_APART_S
        usual = self._rates.marks or self._found
        return (usual and (nothing_else or passed >= _LOOK_S)) or passed >= _LOOK_ANYWAY_S

    def looked(self, jobs: Sequence[Job]) -> None:
        """It was looked for paced jobs, and these were found."""
        self._looked, self._found = clock.monotonic(), bool(jobs)

    def misplaced(self, jobs: Sequence[Job]) -> Mapping[Job, str]:
        """Those of *jobs* that should have another pace, with it: they do not belong into any room here."""
        if self._missing is None or self._start is None or not self._rates.marks:
            return {}
        return {job: pace for job in jobs if (pace := self._missing(job)) is not None}

    def admit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Those of *jobs* that no limit holds; the others wait."""
        whole = self.whole
        if self._start is None or (whole is None and not any(job.pace for job in jobs)):
            return jobs
        free = []
        for job in jobs:
            if job.pace is not None:
                self._lanes[job.pace] = job.lane
                self._room(job.pace).add([job])
            elif whole is not None:
                whole.add([job])
            else:
                free.append(job)
        return free

    def begun(self, jobs: Sequence[Job]) -> None:
        """*jobs* are being handled."""
        if self._rooms:
            ids = {job.id for job in jobs}
            for room in self._rooms.values():
                room.begun(ids)

    def drop(self, ids: set[UUID]) -> set[UUID]:
        """These are no longer ours; those of them that waited."""
        return {id for room in self._rooms.values() for id in room.drop(ids)}

    async def close(self, timeout: timedelta) -> list[Job]:
        """Nobody waits any more: the jobs that did. Times that were reserved for them are lost."""
        self._start = None
        rooms, tasks = list(self._rooms.values()), list(self._tasks.values())
        for room in rooms:
            room.close()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout.total_seconds())
            for task in late:
                task.cancel()
        return [job for room in rooms for job in room.take_all()]

    def _holds(self, pace: str | None) -> bool:
        return pace in self._rooms and len(self._rooms[pace]) > 0

    def _room(self, pace: str | None) -> Room:
        room = self._rooms.get(pace)
        if room is None:
            assert self._start is not None
            names = self._names if pace is None else (*limits.parts(pace), *self._names)

            async def reserve(count: int, urgent: bool) -> Reserved | Refused:
                async with self._pool.acquire() as connection:
                    answer = await limits.reserve(
                        connection, names[0], count, also=names[1:], horizon=HORIZON, urgent=urgent
                    )
                self.asked(names[0], answer)
                return answer

            rate = self._rates.slowest(self._names)
            room = Room(reserve, out=self._out, back=self._back, call=self._call, most=self._most, rate=rate)
            self._rooms[pace] = room
            self._tasks[pace] = self._start(self._run(pace, room))
        return room

    async def _run(self, pace: str | None, room: Room) -> None:
        """Until it is given up: nobody was in it then, and there is no moment between looking and leaving."""
        await room.run()
        del self._rooms[pace], self._tasks[pace]
        if pace is not None:
            self._lanes.pop(pace, None)


def _unheard(_: str, __: Reserved | Refused) -> None:
    """Nobody counts."""
