"""A paused queue is not claimed from; what is already claimed goes on."""

from __future__ import annotations

from tests.support.queue import QUEUE, Rig

from clarion.queue import control, counts


async def test_nothing_is_claimed_while_paused(rig: Rig) -> None:
    await rig.add(2)
    running = await rig.claim_one()
    (other,) = await rig.add(queue="others")
    async with rig.pool.acquire() as connection:
        assert await control.pause(connection, QUEUE)
        assert not await control.pause(connection, QUEUE), "it is paused already"
        assert await control.paused(connection) == {QUEUE}
        assert (await counts.counts(connection, QUEUE)).paused

        assert await rig.claim() == []
        assert [job.id for job in await rig.claim(queue="others")] == [other]
        assert await rig.settle([running]) == set(), "what runs may finish"
        await rig.add()
        assert await rig.claim() == [], "what is added waits"

        assert await control.resume(connection, QUEUE)
        assert not await control.resume(connection, QUEUE)
        assert await control.paused(connection) == set()
    assert len(await rig.claim()) == 2


async def test_a_queue_can_be_paused_before_it_has_ever_had_a_job(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        await control.pause(connection, "new")
        await rig.add(queue="new")
        assert await rig.claim(queue="new") == []
        assert await counts.queues(connection) == ["new"]


async def test_a_pause_in_a_transaction_that_failed_is_none(rig: Rig) -> None:
    await rig.add()
    async with rig.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await control.pause(connection, QUEUE)
        await transaction.rollback()
    assert len(await rig.claim()) == 1
