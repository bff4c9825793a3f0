"""A pace is kept exactly, evenly, by all workers together; a pause holds for everybody."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from tests.support.queue import Rig, waiting_for_lock

from clarion.errors import Invalid
from clarion.queue import limits
from clarion.queue.limits import Refused, Reserved

SECOND = timedelta(seconds=1)
NOW = timedelta(0)


async def _reserve(rig: Rig, count: int) -> Reserved | Refused:
    async with rig.pool.acquire() as connection:
        return await limits.reserve(connection, "smtp", count)


async def _define(rig: Rig, per_second: float, burst: int = 1, name: str = "smtp") -> None:
    async with rig.pool.acquire() as connection:
        await limits.define(connection, name, per_second, burst)


async def test_what_has_no_pace_is_not_limited(rig: Rig) -> None:
    answer = await _reserve(rig, 1000)
    assert isinstance(answer, Reserved) and answer.delays == (NOW,) * 1000


async def test_slots_are_evenly_apart(rig: Rig) -> None:
    await _define(rig, 20)
    answer = await _reserve(rig, 100)
    assert isinstance(answer, Reserved)
    assert answer.delays == tuple(timedelta(milliseconds=50 * n) for n in range(21)), "those within a second"
    again = await _reserve(rig, 1)
    assert isinstance(again, Refused) and again.reason is None
    assert timedelta(seconds=0.3) < again.wait <= timedelta(seconds=0.56), "until half the horizon is free"


async def test_a_burst_goes_at_once_after_a_rest(rig: Rig) -> None:
    await _define(rig, 10, burst=5)
    answer = await _reserve(rig, 7)
    assert isinstance(answer, Reserved)
    assert answer.delays == (NOW,) * 5 + (timedelta(milliseconds=100), timedelta(milliseconds=200))


async def test_a_hundred_a_second_in_come_out_as_twenty_evenly(rig: Rig) -> None:
    """Four workers, each with more than enough to do; the slots that all of them were given, together."""
    await _define(rig, 20)
    slots: list[datetime] = []

    async def work() -> None:
        while len(slots) < 45:
            answer = await _reserve(rig, 25)
            if isinstance(answer, Reserved):
                slots.extend(answer.at + delay for delay in answer.delays)
            else:
                await asyncio.sleep(answer.wait.total_seconds())

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(work())
    gaps = [after - before for before, after in pairwise(sorted(slots))]
    assert min(gaps) >= timedelta(seconds=0.05) - timedelta(microseconds=len(gaps)), min(gaps)
    assert sorted(gaps)[len(gaps) * 9 // 10] < timedelta(seconds=0.051), "no holes between the shares of two workers"


async def test_exact_among_sixteen_clients(rig: Rig) -> None:
    """Whatever they ask for and whenever: never more than the pace allows, and, as somebody always asks, never less."""
    rate, burst = 2000.0, 10
    await _define(rig, rate, burst)
    granted: list[tuple[datetime, int]] = []
    until = asyncio.get_running_loop().time() + 0.7

    async def client(seed: int) -> None:
        choice = random.Random(seed)
        async with rig.pool.acquire() as connection:
            while asyncio.get_running_loop().time() < until:
                answer = await limits.reserve(connection, "smtp", choice.randint(1, 40), horizon=NOW)
                if isinstance(answer, Reserved):
                    assert max(answer.delays) <= timedelta(milliseconds=1)
                    granted.append((answer.at, len(answer.delays)))

    async with asyncio.TaskGroup() as group:
        for seed in range(16):
            group.create_task(client(seed))
    granted.sort()
    seconds = (granted[-1][0] - granted[0][0]).total_seconds()
    given = sum(count for _, count in granted)
    allowed = burst + rate * seconds
    assert given <= allowed + 1, f"{given} given, {allowed:.1f} allowed"
    # From every grant to every later one: no window may hold more than its length allows.
    for first in range(0, len(granted), 7):
        total = 0
        for at, count in granted[first:]:
            total += count
            assert total <= burst + rate * (at - granted[first][0]).total_seconds() + 1


async def test_the_clock_is_read_after_the_wait_for_the_row(rig: Rig) -> None:
    await _define(rig, 10)
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection:
        async with holder.transaction():
            await holder.execute("SELECT FROM rate_limit FOR UPDATE")
            answer = asyncio.ensure_future(limits.reserve(connection, "smtp", 1))
            await waiting_for_lock(rig, connection.get_server_pid())
            waited_until = await holder.fetchval("SELECT clock_timestamp()")
        reserved = await answer
    assert isinstance(reserved, Reserved) and reserved.at >= waited_until


async def test_several_paces_at_once(rig: Rig) -> None:
    await _define(rig, 10, name="provider")
    await _define(rig, 2, name="tenant")
    async with rig.pool.acquire() as connection:
        answer = await limits.reserve(connection, "provider", 50, also=["tenant", "unknown"])
        assert isinstance(answer, Reserved)
        assert answer.delays == tuple(timedelta(seconds=0.5 * n) for n in range(3))
        # What the tenant's pace did not let through is not lost to others at the provider.
        other = await limits.reserve(connection, "provider", 50)
    assert isinstance(other, Reserved) and len(other.delays) >= 7


async def test_a_pause_holds_for_everybody_and_is_never_shortened(rig: Rig) -> None:
    await _define(rig, 100)
    async with rig.pool.acquire() as connection:
        until = await limits.pause(connection, "smtp", timedelta(seconds=30), "421 too many")
        assert await limits.pause(connection, "smtp", timedelta(seconds=5), "450 later") == until
        refused = await _reserve(rig, 1)
        assert isinstance(refused, Refused) and refused.reason == "421 too many"
        assert timedelta(seconds=20) < refused.wait <= timedelta(seconds=30)
        await limits.define(connection, "smtp", 50)
        assert isinstance(await _reserve(rig, 1), Refused), "a new pace does not end the pause"
        assert (await limits.paused(connection, ["smtp", "other"])).keys() == {"smtp"}

        assert await limits.lift(connection, "smtp")
        assert not await limits.lift(connection, "smtp")
        assert isinstance(await _reserve(rig, 1), Reserved)


async def test_a_pause_ends_by_itself_and_slots_do_not_pile_up_meanwhile(rig: Rig) -> None:
    await _define(rig, 10, burst=2)
    async with rig.pool.acquire() as connection:
        await limits.pause(connection, "smtp", timedelta(seconds=10), "x")
        await connection.execute("UPDATE rate_limit SET paused_until = now() - interval '1 s', next_at = '2020-01-01'")
        answer = await limits.reserve(connection, "smtp", 100, horizon=NOW)
    assert isinstance(answer, Reserved) and len(answer.delays) == 2


async def test_what_has_no_pace_can_be_paused_too(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        await limits.pause(connection, "smtp", timedelta(seconds=10), "x\0y")
        refused = await limits.reserve(connection, "smtp", 5)
        assert isinstance(refused, Refused) and refused.reason == "x\ufffdy"
        await limits.lift(connection, "smtp")
        answer = await limits.reserve(connection, "smtp", 5, horizon=NOW)
        assert isinstance(answer, Reserved) and answer.delays == (NOW,) * 5


async def test_what_providers_ask_for_is_kept_within_reason(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        for after in (timedelta(seconds=-5), timedelta(seconds=10**9)):
            until = await limits.pause(connection, "smtp", after, "x")
            now = await connection.fetchval("SELECT clock_timestamp()")
            assert now - SECOND < until <= now + limits.LONGEST_PAUSE


async def test_it_refuses_to_hold_its_row_in_a_long_transaction(rig: Rig) -> None:
    await _define(rig, 10)
    async with rig.pool.acquire() as connection, connection.transaction():
        with pytest.raises(RuntimeError, match="outside"):
            await limits.reserve(connection, "smtp", 1)


async def test_what_is_no_pace(rig: Rig) -> None:
    for rate, burst in ((0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (1e-9, 1), (1, 0)):
        with pytest.raises(Invalid):
            await _define(rig, rate, burst)


async def test_drop_ends_the_limit(rig: Rig) -> None:
    await _define(rig, 1)
    async with rig.pool.acquire() as connection:
        await limits.drop(connection, "smtp")
    answer = await _reserve(rig, 100)
    assert isinstance(answer, Reserved) and len(answer.delays) == 100
