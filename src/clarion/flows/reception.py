"""Taking in what providers tell: what comes in the same moment is one list, as anything else is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from clarion.domain.callback import Fate
from clarion.domain.suppression import SoftRule
from clarion.errors import Unavailable
from clarion.flows import late_failures
from clarion.flows.callback import QUEUE, Found, Told, take, tell
from clarion.flows.hearing import Hearing
from clarion.flows.slots import Slots
from clarion.store.database import Pool, is_away

#: So many transactions at once; one takes no more requests along once it has so many reports.
_AT_ONCE: Final = 2
_ENOUGH: Final = 500


@dataclass(slots=True)
class _Waiting:
    """The reports of one request."""

    told: Sequence[Told]
    answer: asyncio.Future[list[Found]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    in_line: bool = True


class Reception:
    """Takes in reports of providers, in a transaction for all that wait.

    There is nothing that runs beside the requests: whoever comes to the front takes those behind along.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        wake: Callable[[str], None],
        hearing: Hearing | None = None,
        soft: SoftRule | None = None,
        patience_s: float = 5.0,
    ) -> None:
        """*soft* is when soft bounces suppress; *patience_s* how long a connection to the database is waited for."""
        self._pool = pool
        self._wake = wake
        self._hearing = hearing
        self._soft = soft or SoftRule()
        self._patience_s = patience_s
        self._slots = Slots()
        self._line: deque[_Waiting] = deque()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def take(self, told: Sequence[Told]) -> list[Found]:
        """What became of *told*, the reports of one request: it is committed when this returns.

        Raises what the database raises; then nothing of them was done.
        """
        mine = _Waiting(told)
        self._line.append(mine)
        try:
            async with self._turn:
                while mine.in_line:
                    await self._take_along()
        except BaseException:
            if mine.in_line:
                self._line.remove(mine)
            if not mine.answer.cancel():
                mine.answer.exception()  # nobody asks for it any more
            raise
        return await mine.answer

    async def _take_along(self) -> None:
        """Take in those at the front of the line, each answered or told why not."""
        batch: list[_Waiting] = []
        reports = 0
        while self._line and reports < _ENOUGH:
            one = self._line.popleft()
            one.in_line = False
            batch.append(one)
            reports += len(one.told)
        try:
            await self._take_together(batch)
        finally:
            for one in batch:  # broken off: nobody else would answer them
                _refuse(one, Unavailable("this was broken off: send it again"))

    async def _take_together(self, batch: Sequence[_Waiting]) -> None:
        try:
            found = await self._commit([told for one in batch for told in one.told])
        except Exception as error:
            if len(batch) == 1 or is_away(error):
                for one in batch:
                    _refuse(one, error)
            else:  # one of them may be the cause: the others must not suffer for it
                for one in batch:
                    await self._take_together([one])
            return
        rest = iter(found)
        for one in batch:
            of_one = list(islice(rest, len(one.told)))
            if not one.answer.done():
                one.answer.set_result(of_one)

    async def _commit(self, told: Sequence[Told]) -> list[Found]:
        hearing = self._hearing
        if hearing is not None:
            await hearing.keep_up()
        with self._slots.lend() as slot:
            async with self._pool.acquire(timeout=self._patience_s) as connection, connection.transaction():
                found = await take(connection, told, slot=slot, hearing=hearing, soft=self._soft)
        if hearing is not None:
            hearing.ring()
        if any(one.finding.fate is Fate.EARLY for one in found):
            self._wake(QUEUE)
        tell(found)
        await late_failures.count(self._pool, found)
        return found


def _refuse(one: _Waiting, error: Exception) -> None:
    if not one.answer.done():
        one.answer.set_exception(error)
