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
