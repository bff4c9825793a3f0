"""Long work shares the turns of the event loop: what else has to be done waits for one share, not for all of it."""

from __future__ import annotations

import asyncio

import pytest

from clarion import clock
from clarion.turns import Turns

SHARE_S = 0.01


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic time, which only moves when a test says so."""
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    return now


async def test_all_long_work_together_has_one_share_of_a_turn(times: list[float]) -> None:
    turns = Turns(SHARE_S)
    begun = 0

    async def long_work() -> None:
        nonlocal begun
        for _ in range(5):
            await turns.take()
            begun += 1
            times[0] += SHARE_S / 2

    workers = [asyncio.create_task(long_work()) for _ in range(4)]
    looks = 0
    while begun < 20:
        await asyncio.sleep(0)
        looks += 1
    await asyncio.gather(*workers)
    assert 9 <= looks <= 12, "two pieces a turn, and no turn is lost while there is work"


async def test_a_piece_that_takes_longer_than_a_share_ends_it(times: list[float]) -> None:
    turns = Turns(SHARE_S)
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    async def long_work() -> None:
        for _ in range(2):
            await turns.take()
            times[0] += 10 * SHARE_S
            order.append("piece")

    await asyncio.gather(long_work(), note("other"))
    assert order == ["piece", "other", "piece"]


async def test_who_comes_alone_does_not_wait(times: list[float]) -> None:
    turns = Turns(SHARE_S)
    for _ in range(3):
        taking = turns.take()
        with pytest.raises(StopIteration):
            taking.send(None)
        times[0] += 1
        await asyncio.sleep(0)


async def test_one_who_gives_up_holds_nobody_up(times: list[float]) -> None:
    turns = Turns(SHARE_S)
    await turns.take()
    times[0] += SHARE_S
    waiting = asyncio.create_task(turns.take())
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        await turns.take()


class Hold:
    """Short work that lasts until it is told to end."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        self._end.set()
        await self._task

    async def _run(self) -> None:
        with self._turns.first(True):
            await self._end.wait()


async def _begins(turns: Turns) -> bool:
    """Whether a piece of long work begins at once."""
    taking = asyncio.create_task(turns.take())
    for _ in range(4):
        await asyncio.sleep(0)
    began = taking.done()
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    return began


async def test_no_piece_begins_while_something_short_is_on_its_way() -> None:
    turns = Turns(longest_s=60)
    one, other = Hold(turns), Hold(turns)
    await asyncio.sleep(0)
    assert not await _begins(turns)
    await one.end()
    assert not await _begins(turns), "the other is still on its way"
    await other.end()
    assert await _begins(turns)


async def test_what_is_not_short_holds_nobody_up() -> None:
    turns = Turns(longest_s=60)
    with turns.first(False):
        await turns.take()


async def test_short_work_that_stands_still_holds_others_up_for_so_long_at_most() -> None:
    turns = Turns(longest_s=0.02)
    with turns.first(True):
        async with asyncio.timeout(30):
            await turns.take()


async def test_a_steady_trickle_holds_others_up_for_a_part_of_the_time(times: list[float]) -> None:
    turns = Turns(SHARE_S, held_up=0.2, longest_s=1.0)
    held_s = 0.0
    for _ in range(1_000):
        hold = Hold(turns)
        await asyncio.sleep(0)
        held = not await _begins(turns)
        times[0] += 0.05
        held_s += 0.05 if held else 0
        await hold.end()
        times[0] += 0.05
    whole_s = times[0]
    assert 0.1 * whole_s < held_s < 0.22 * whole_s
