"""Permits: so many at a time, short calls first, nobody for ever, and none lost when somebody gives up waiting."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from clarion.channels.email.permits import Permits


class Line:
    """Callers that wait for a permit, take it when it is their turn, and let go of it when told."""

    def __init__(self, permits: Permits) -> None:
        self._permits = permits
        self.came: list[str] = []
        self._go: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def enter(self, name: str, *, short: bool = False) -> None:
        self._go[name] = asyncio.Event()
        self._tasks[name] = asyncio.ensure_future(self._hold(name, short))
        await self._settle()

    async def leave(self, name: str) -> None:
        self._go[name].set()
        await self._tasks[name]
        await self._settle()

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[name]
        await self._settle()

    async def _hold(self, name: str, short: bool) -> None:
        async with self._permits.hold(short=short):
            self.came.append(name)
            await self._go[name].wait()

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_short_calls_go_first_and_long_ones_after_four_of_them() -> None:
    line = Line(Permits(1))
    await line.enter("holder")
    await line.enter("long")
    for number in range(6):
        await line.enter(f"short{number}", short=True)
    order = ["holder", "short0", "short1", "short2", "short3", "long", "short4", "short5"]
    for name in order:
        assert line.came[-1] == name
        await line.leave(name)
    assert line.came == order


async def test_long_calls_leave_one_for_a_short_one() -> None:
    line = Line(Permits(4))
    for name in ("a", "b", "c", "d"):
        await line.enter(name)
    assert line.came == ["a", "b", "c"]
    await line.enter("short", short=True)
    assert line.came == ["a", "b", "c", "short"], "it found the one that is kept"
    await line.leave("a")
    assert line.came == ["a", "b", "c", "short"], "what comes back is kept again"
    await line.leave("short")
    assert line.came == ["a", "b", "c", "short", "d"]
    for name in ("b", "c", "d"):
        await line.leave(name)


async def test_a_crowd_of_short_calls_does_not_keep_long_ones_out() -> None:
    line = Line(Permits(2))
    await line.enter("s1", short=True)
    await line.enter("s2", short=True)
    await line.enter("long")
    for number in range(3, 9):
        await line.enter(f"s{number}", short=True)
    for number in range(1, 5):
        await line.leave(f"s{number}")
    assert "long" not in line.came
    await line.leave("s5")
    assert line.came[-1] == "long"
    for name in ("s6", "long", "s7", "s8"):
        await line.leave(name)


async def test_no_more_than_there_are_and_none_is_lost() -> None:
    line = Line(Permits(2))
    for name in ("a", "b", "c", "d"):
        await line.enter(name)
    assert line.came == ["a", "b"]
    await line.give_up("c")  # it waited
    await line.give_up("a")  # it held one
    assert line.came == ["a", "b", "d"]
    await line.leave("b")
    await line.leave("d")
    await line.enter("e")
    await line.enter("f", short=True)
    assert line.came == ["a", "b", "d", "e", "f"]
    await line.leave("e")
    await line.leave("f")


async def test_one_that_gives_up_as_it_is_let_in_lets_the_next_in() -> None:
    permits = Permits(1)
    line = Line(permits)
    await line.enter("first")
    await line.enter("second")
    await line.enter("third")
    line._go["first"].set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await line.give_up("second")
    assert line.came[-1] == "third"
    await line.leave("third")
    assert not permits.wanted and not permits.wanted_shortly
