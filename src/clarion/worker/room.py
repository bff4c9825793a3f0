"""Where claimed jobs wait for their turn under the same limits, and leave one by one at times that were reserved."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from clarion import clock
from clarion.domain.rate import Permits, Rate
from clarion.queue.job import Job
from clarion.queue.limits import Refused, Reserved
from clarion.worker.backlog import CROWD, Backlog

log = structlog.get_logger()

#: A time that was missed by more is lost: a tenth of a second's work is the most that may come at once.
_TOLERANCE_S = 0.1
#: Who must wait longer than this gives its jobs back meanwhile …
_LONG_S = 2.0
#: … and asks again after this at the latest: the limit may be changed, a pause be lifted.
_ASK_AGAIN_S = 5.0
#: Of a limit that is not known yet, so many jobs are taken.
USUAL = 20
#: Times are reserved no further ahead: who comes meanwhile, with something urgent, waits no longer for one.
HORIZON = timedelta(seconds=0.5)
#: Those that come faster than this are let go together.
_TICK_S = 0.005
#: A room that was empty for this long is given up.
_KEPT_S = 60.0

#: So many times are asked for, urgently or not.
Reserve = Callable[[int, bool], Awaitable[Reserved | Refused]]


class Room:
    """Jobs under the same limits."""

    def __init__(
        self,
        reserve: Reserve,
        *,
        out: Callable[[Sequence[Job]], None],
        back: Callable[[Sequence[Job]], Awaitable[None]],
        call: Callable[[], None],
        most: int,
        rate: Rate | None = None,
    ) -> None:
        """*reserve* asks for times. Jobs whose time has come go *out*; those that wait for long go *back*.

        *call* says that there is room again; no more than *most* are wanted at a time. *rate* as far as it is
        known before.
        """
        self._reserve = reserve
        self._out = out
        self._back = back
        self._call = call
        self._most = most
        self._waiting, self._permits = Backlog(), Permits(_TOLERANCE_S)
        self._rate = rate or Rate(per_second=USUAL)
        self._target = min(self._rate.within(1), most)
        #: Let go and not begun. If nobody begins them no more are let go, or they would all go at once later.
        self._unbegun: set[UUID] = set()
        self._ask_at = self._ask_urgently_at = self._shut_until = -math.inf
        self._used_at = clock.monotonic()
        self._stir, self._closed = asyncio.Event(), False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nobody has needed it for long."""
        now = clock.monotonic()
        return not self._waiting and not self._unbegun and now - self._used_at > _KEPT_S and now > self._shut_until

    @property
    def wanted(self) -> int:
        """How many more jobs its limits can use soon; many at once, or none."""
        missing = self._target - len(self._waiting)
        return 0 if self.is_shut or missing < (self._target + 1) // 2 else missing

    @property
    def wanted_urgently(self) -> int:
        """How many more urgent jobs are wanted: these never wait behind others that are here."""
        return 0 if self.is_shut else max(self.wanted, USUAL)

    @property
    def is_packed(self) -> bool:
        """Whether there is no use in any job now that is not urgent."""
        return len(self._waiting) > 2 * self._target + self.spare

    @property
    def spare(self) -> int:
        """How many more it takes at a time although it has enough: of lanes that it has few of, or urgent ones."""
        return min(USUAL, self._target)

    @property
    def is_shut(self) -> bool:
        """Whether there is no use in any job now, however urgent."""
        return clock.monotonic() < self._shut_until or self._waiting.urgent > 2 * self._target + USUAL

    def crowded(self) -> set[tuple[int, int]]:
        """The lanes that it has many jobs of: of a slow limit, few are many."""
        return self._waiting.crowded(max(1, min(CROWD, self._target // 2)))

    def add(self, jobs: Sequence[Job]) -> None:
        """More jobs that are to wait."""
        self._waiting.add(jobs)
        self._used_at = clock.monotonic()
        self._stir.set()

    def begun(self, ids: set[UUID]) -> None:
        """These jobs have been begun, by whatever way they came."""
        if not self._unbegun.isdisjoint(ids):
            self._unbegun -= ids
            self._stir.set()

    def drop(self, ids: set[UUID]) -> set[UUID]:
        """These jobs are no longer ours; those of them that waited."""
        self.begun(ids)
        return self._waiting.drop(ids)

    def close(self) -> None:
        """Let nobody go any more; `run` ends as soon as it has had its answers."""
        self._closed = True
        self._stir.set()

    def take_all(self) -> list[Job]:
        """Everything that waits."""
        return self._waiting.take_all()

    async def run(self) -> None:
        """Let jobs go at their times until nobody has needed the room for long."""
        while not (self._closed or self.is_idle):
            self._stir.clear()
            self._let_go()
            if self._urgent_without > 0 and clock.monotonic() >= self._ask_urgently_at:
                await self._ask_urgently()
                continue
            if self._must_ask():
                await self._ask()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest()):
                    await self._stir.wait()

    def _let_go(self) -> None:
        # However many are not begun yet: a handler is kept for what is urgent.
        count = self._permits.due(clock.monotonic(), min(max(self._free, self._waiting.urgent), len(self._waiting)))
        if not count:
            return
        jobs: list[Job] = []
        while len(jobs) < count:
            jobs += self._waiting.take(count - len(jobs))
        self._unbegun.update(job.id for job in jobs)
        self._used_at = clock.monotonic()
        self._out(jobs)
        if len(self._waiting) <= self._target // 2:
            self._call()

    @property
    def _free(self) -> int:
        """How many may be let go before others of them are begun."""
        return max(0, self._rate.within(_TOLERANCE_S) - len(self._unbegun))

    def _must_ask(self) -> bool:
        """Times are asked for many at once, before those that are there have run out; not while nobody uses them."""
        return (
            self._free > 0
            and len(self._waiting) > len(self._permits)
            and len(self._permits) <= self._target // 4
            and clock.monotonic() >= self._ask_at
        )

    @property
    def _urgent_without(self) -> int:
        """How many urgent jobs there is no time for yet. They take the next ones there are, whoever those were for."""
        return self._waiting.urgent - len(self._permits)

    async def _ask_urgently(self) -> None:
        """Refused, it goes on as for all: who is urgent has the next time in any case, and asks again."""
        answer = await self._times(self._urgent_without, urgent=True)
        if not isinstance(answer, Reserved):
            wait = 1 if answer is None else min(max(answer.wait.total_seconds(), _TICK_S), _LONG_S)
            self._ask_urgently_at = clock.monotonic() + wait * random.uniform(0.5, 1)  # noqa: S311

    async def _times(self, count: int, *, urgent: bool = False) -> Reserved | Refused | None:
        """Ask for so many times, and take those that are given; None: the database did not answer."""
        try:
            answer = await self._reserve(count, urgent)
        except Exception as error:
            log.warning("rate.not_reserved", error=repr(error))
            self._ask_at = clock.monotonic() + 1
            return None
        if isinstance(answer, Reserved):
            now = clock.monotonic()  # after the answer: a time may come late, never early
            self._permits.add(now + delay.total_seconds() for delay in answer.delays)
            if not urgent or math.isinf(answer.per_second):
                self._learn(answer)
        return answer

    async def _ask(self) -> None:
        wanted = len(self._waiting) - len(self._permits)
        answer = await self._times(wanted)
        now = clock.monotonic()
        if isinstance(answer, Reserved) and len(answer.delays) < wanted:  # there are no more: who has none asks first
            self._ask_at = now + HORIZON.total_seconds() / 2 * random.uniform(0.5, 1)  # noqa: S311
        if not isinstance(answer, Refused):
            return
        wait = answer.wait.total_seconds()
        # Asked again before whoever has times asks for more: or all of them would be theirs for ever.
        if wait <= _LONG_S or len(self._permits):  # times that were given stay given, for the second that they lie in
            self._ask_at = now + min(wait, 1 if len(self._permits) else _LONG_S) * random.uniform(0.5, 1)  # noqa: S311
            return
        self._ask_at = self._shut_until = now + min(wait, _ASK_AGAIN_S)
        self._target = 1  # to ask with
        await self._back(self._waiting.take_all())

    def _learn(self, answer: Reserved) -> None:
        """What there is room for: as much as goes in a second, so that workers share and lose little when they end."""
        if math.isinf(answer.per_second):
            self._rate, self._target = Rate(per_second=self._most / _TOLERANCE_S), self._most
        else:
            bursts = sum(1 for delay in answer.delays if delay <= timedelta(0))
            self._rate = Rate(per_second=answer.per_second, burst=max(1, bursts, self._rate.burst))
            self._target = min(self._rate.within(1), self._most)

    def _rest(self) -> float:
        """How long there is nothing to do, if nobody stirs."""
        now = clock.monotonic()
        until = now + _KEPT_S
        if now < self._shut_until:
            until = self._shut_until
        elif not self._waiting and self._target == 1:
            self._call()  # it has just been opened again
            until = now + _ASK_AGAIN_S
        if self._waiting and (self._free or self._waiting.urgent):
            until = min(until, self._permits.next)
        if self._free and len(self._waiting) > len(self._permits):
            until = min(until, max(self._ask_at, now + _TICK_S))
        if self._urgent_without > 0:
            until = min(until, max(self._ask_urgently_at, now + _TICK_S))
        return max(until - now, _TICK_S if self._rate.per_second > 1 / _TICK_S else 0.0005)
