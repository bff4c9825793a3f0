"""How long the lists are that a consumer hands out: shorter for a while when a single job came between a crowd's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.support.queue import LONG_AGO, QUEUE, Rig, tenant_in
from tests.support.wait import wait_until

from clarion import clock
from clarion.queue.job import Job
from clarion.worker.consumer import Consumer
from clarion.worker.pace import Pace


async def test_lists_are_half_as_long_for_a_second_after_a_single_job(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[Sequence[Job]] = []
    done = asyncio.Event()

    async def handle(jobs: Sequence[Job]) -> None:
        mine = done
        lists.append(jobs)
        await mine.wait()
        await rig.settle(jobs)

    called, stopping = asyncio.Event(), asyncio.Event()
    pace = Pace(claim=200, batch=40, senders=1)
    consumer = Consumer(rig.pool, QUEUE, {"letter": handle}, worker="w", pace=pace, called=called)

    async def until(count: int) -> list[int]:
        await wait_until(lambda: len(lists) == count, 20, f"{count} lists are in hand")
        return [len(jobs) for jobs in lists]

    await rig.add(160, tenant_id=tenant_in(1))
    running = asyncio.create_task(consumer.run(stopping, pace.lease))
    try:
        assert await until(1) == [40]
        await rig.add(1, tenant_id=tenant_in(2))
        called.set()
        assert await until(2) == [40, 1], "one kept place is for what no crowd comes with"
        done.set()
        done = asyncio.Event()
        assert await until(3) == [40, 1, 20]
        monkeypatch.setattr(clock, "monotonic", lambda: time.monotonic() + 1.1)
        done.set()
        done = asyncio.Event()
        assert await until(4) == [40, 1, 20, 40]
    finally:
        stopping.set()
        done.set()
        await running


async def test_a_job_of_another_kind_among_a_crowd_does_not_shorten_its_lists(rig: Rig) -> None:
    """The page behind the one at work travels among the messages of its own broadcast: nobody waits behind that."""
    lists: list[Sequence[Job]] = []
    waiting: list[asyncio.Event] = []

    async def handle(jobs: Sequence[Job]) -> None:
        lists.append(jobs)
        waiting.append(asyncio.Event())
        await waiting[-1].wait()
        await rig.settle(jobs)

    called, stopping = asyncio.Event(), asyncio.Event()
    pace = Pace(claim=200, batch=40, senders=2)
    handlers = {"letter": handle, "page": handle}
    consumer = Consumer(rig.pool, QUEUE, handlers, worker="w", pace=pace, called=called)

    async def until(count: int) -> list[int]:
        await wait_until(lambda: len(lists) == count, 20, f"{count} lists are in hand")
        return [len(jobs) for jobs in lists]

    tenant = tenant_in(1)
    await rig.add(80, tenant_id=tenant)
    await rig.add(1, tenant_id=tenant, kind="page", at=LONG_AGO + timedelta(seconds=1))
    await rig.add(80, tenant_id=tenant, at=LONG_AGO + timedelta(seconds=2))
    running = asyncio.create_task(consumer.run(stopping, pace.lease))
    try:
        assert await until(2) == [40, 40]
        waiting[0].set()
        assert await until(3) == [40, 40, 1]
        waiting[2].set()
        assert await until(4) == [40, 40, 1, 40]
    finally:
        stopping.set()
        while not running.done():
            for each in waiting:
                each.set()
            await asyncio.sleep(0.01)
        await running


async def test_after_something_urgent_a_crowd_goes_one_list_at_a_time(rig: Rig) -> None:
    """The urgent one is by itself; a list of the crowd that takes its time keeps others back for a moment only."""
    lists: list[int] = []
    begun: list[float] = []
    done = asyncio.Event()

    async def handle(jobs: Sequence[Job]) -> None:
        lists.append(len(jobs))
        begun.append(clock.monotonic())
        await done.wait()
        await rig.settle(jobs)

    called, stopping = asyncio.Event(), asyncio.Event()
    pace = Pace(claim=200, batch=20, senders=3)
    consumer = Consumer(rig.pool, QUEUE, {"letter": handle}, worker="w", pace=pace, called=called)
    await rig.add(100, tenant_id=tenant_in(1))
    await rig.add(1, tenant_id=tenant_in(1), priority=0)
    running = asyncio.create_task(consumer.run(stopping, pace.lease))
    try:
        await wait_until(lambda: len(lists) == 4, 20, "all places are taken, though nothing has come to its end")
        assert lists == [1, 20, 20, 20]
        assert begun[1] - begun[0] < 0.09 < begun[2] - begun[1]
    finally:
        stopping.set()
        done.set()
        await running
