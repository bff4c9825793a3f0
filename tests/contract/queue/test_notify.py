"""Rings wake consumers here at once and elsewhere soon; without them everything still works."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from tests.support.queue import LEASE, QUEUE, Rig
from tests.support.wait import wait_until

import clarion
from clarion import clock
from clarion.queue import add, buried, control, limits, notify, rescue, retention, settle
from clarion.queue.job import Connection, PutOff
from clarion.queue.notify import CHANNEL, Notifier

Connect = Callable[[], Awaitable["asyncpg.Connection[Any]"]]


@asynccontextmanager
async def _open(connect: Connect) -> AsyncIterator[Notifier]:
    async with Notifier(connect) as notifier:
        await wait_until(lambda: notifier.connected, what="the notifier listens")
        yield notifier


def _to(rig: Rig) -> Connect:
    return lambda: asyncpg.connect(rig.url)


async def _rung(event: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await event.wait()
    event.clear()


async def test_a_ring_wakes_this_process_at_once_and_others_soon(rig: Rig) -> None:
    async with _open(_to(rig)) as here, _open(_to(rig)) as there:
        mine, theirs, unconcerned = here.subscribe("a"), there.subscribe("a"), there.subscribe("b")
        here.ring("a")
        assert mine.is_set(), "at once, without a turn of the event loop"
        await _rung(theirs)
        assert not unconcerned.is_set()
        there.ring("b")
        await _rung(unconcerned)


async def test_many_rings_are_few_notifications(rig: Rig) -> None:
    """At most 100 a second, several queues in one, and the last of them is never lost."""
    listener = await asyncpg.connect(rig.url)
    heard: list[str] = []
    await listener.add_listener(CHANNEL, lambda *call: heard.append(call[3]))
    try:
        async with _open(_to(rig)) as here, _open(_to(rig)) as there:
            began = clock.monotonic()
            while clock.monotonic() - began < 0.3:
                for n in range(20):
                    here.ring(f"queue-{n}")
                await asyncio.sleep(0)
            last = there.subscribe("last")
            here.ring("last")
            await _rung(last)
            seconds = clock.monotonic() - began
            assert 2 <= len(heard) <= 100 * seconds + 2, f"{len(heard)} in {seconds:.2f} s"
            assert any(f"queue-{n}" in heard[-2] for n in range(20))
    finally:
        await listener.close()


async def test_a_ring_while_another_is_being_told_is_told_too(rig: Rig) -> None:
    """However the two fall together: after each ring, the other process wakes once more."""
    async with _open(_to(rig)) as here, _open(_to(rig)) as there:
        event = there.subscribe("a")
        for _ in range(60):
            event.clear()
            here.ring("a")
            await asyncio.sleep(0)
            await _rung(event)


async def test_a_lost_connection_is_replaced_and_everybody_looks_again(rig: Rig) -> None:
    async with _open(_to(rig)) as here, _open(_to(rig)) as there:
        theirs = there.subscribe("a")
        await rig.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        await _rung(theirs)  # nobody rang: it was not listening for a moment
        await wait_until(lambda: here.connected and there.connected, what="both listen again")
        theirs.clear()
        here.ring("a")
        await _rung(theirs)


async def test_without_a_database_rings_still_wake_this_process_and_are_told_later(rig: Rig) -> None:
    attempts = 0

    async def connect() -> asyncpg.Connection[Any]:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OSError("refused, for now")
        return await asyncpg.connect(rig.url)

    async with _open(_to(rig)) as there:
        theirs = there.subscribe("a")
        async with Notifier(connect) as here:
            mine = here.subscribe("a")
            await wait_until(lambda: here.trouble is not None, what="the first try has failed")
            assert not here.connected and here.trouble == "refused, for now"
            here.ring("a")
            assert mine.is_set()
            await _rung(theirs)
            assert here.connected and here.trouble is None and attempts == 3


async def test_nothing_that_goes_wrong_reaches_the_caller() -> None:
    failures = [RuntimeError("a bug"), ValueError("bad address"), TimeoutError()]

    async def connect() -> asyncpg.Connection[Any]:
        raise failures[0]

    while failures:
        async with Notifier(connect) as notifier:
            event = notifier.subscribe("a")
            await wait_until(lambda: notifier.trouble, what="it has tried")
            notifier.ring("a")
            assert event.is_set() and not notifier.connected
        failures.pop(0)


async def test_odd_payloads_and_odd_names_do_no_harm(rig: Rig) -> None:
    async with _open(_to(rig)) as here, _open(_to(rig)) as there:
        for payload in ("", "no json", "{}", "[[1], null, 3]", '"a"'):
            await rig.pool.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        for name in ("x" * 100_000, "\ud800", "'; DROP TABLE job; --", *("y" * 900 + str(n) for n in range(30))):
            here.ring(name)
        event = there.subscribe('quote"d name é')
        here.ring('quote"d name é')
        await _rung(event)
        assert here.connected and there.connected


async def test_who_no_longer_cares_is_forgotten(rig: Rig) -> None:
    async with _open(_to(rig)) as notifier:
        for _ in range(100):
            notifier.subscribe("a")
        gc.collect()
        assert len(notifier._events["a"]) == 0


async def test_a_clean_stop_leaves_no_connection(rig: Rig) -> None:
    async with _open(_to(rig)) as notifier:
        notifier.ring("a")
    assert not notifier.connected
    notifier.ring("a")  # too late to be told, and no error

    async def gone() -> bool:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> 'tests' AND backend_type = 'client backend'"
        )
        return bool(await rig.pool.fetchval(query) == 0)

    condition: Callable[[], bool | Awaitable[bool]] = gone
    await wait_until(condition, what="its connection is closed")


class Watch:
    """Tells which server processes notify, and which of them do so from within a transaction."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, bool]] = []

    def log(self, connection: asyncpg.Connection[Any]) -> asyncpg.Connection[Any]:
        def record(query: Any) -> None:
            self.statements.append((query.query, connection.is_in_transaction()))

        connection.add_query_logger(record)
        return connection

    def inside_transactions(self) -> list[str]:
        return [text for text, inside in self.statements if inside and re.search(r"(?i)\bpg_notify\b|\bnotify\b", text)]


async def test_the_notifier_never_opens_a_transaction(rig: Rig) -> None:
    watch = Watch()

    async def connect() -> asyncpg.Connection[Any]:
        return watch.log(await asyncpg.connect(rig.url))

    async with _open(connect) as here, _open(_to(rig)) as there:
        event = there.subscribe("a")
        here.ring("a")
        await _rung(event)
        # It is heard before the statement that sent it has returned and is logged.
        await wait_until(lambda: any("pg_notify" in text for text, _ in watch.statements), what="it is logged")
        assert not any(inside or "BEGIN" in text for text, inside in watch.statements)
        assert watch.inside_transactions() == []

    # The watch sees what it is for.
    connection = watch.log(await asyncpg.connect(rig.url))
    async with connection.transaction():
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, "[]")
        # What the watch notes of it is where the connection stands when it is told, a moment after.
        await wait_until(lambda: len(watch.inside_transactions()) == 1, what="it is logged")
    await connection.close()


async def test_nothing_that_the_queue_does_in_a_transaction_notifies(rig: Rig) -> None:
    """Every notification that is heard while all of the queue is used comes from the one who may."""
    listener = await asyncpg.connect(rig.url)
    heard: list[int] = []
    channels = [CHANNEL, "clarion"]
    for channel in channels:
        await listener.add_listener(channel, lambda _, pid, *rest: heard.append(pid))
    try:
        async with rig.pool.acquire() as connection:
            async with connection.transaction():
                await _use_everything(rig, connection)
            await limits.reserve(connection, "smtp", 1)
        async with _open(_to(rig)) as notifier:
            notifier.ring(QUEUE)
            await wait_until(lambda: heard, what="the ring is heard")
            assert notifier._connection is not None
            assert set(heard) == {notifier._connection.get_server_pid()}
    finally:
        await listener.close()


async def _use_everything(rig: Rig, connection: Connection) -> None:
    await add.add_many(connection, [rig.job() for _ in range(8)])
    await add.add(connection, rig.job())
    await add.set_by_key(connection, rig.job(key="k"))
    await add.cancel_by_key(connection, rig.tenant, QUEUE, "k")
    await connection.execute("UPDATE job SET run_at = now() - interval '1 s'")
    jobs = await rig.claimer().claim(connection, 7)
    await settle.extend(connection, jobs, LEASE)
    await settle.settle(connection, jobs[:2], keep=True)
    await settle.settle(connection, jobs[2:3])
    await settle.put_off(connection, [PutOff(job=jobs[3], after=LEASE)])
    await settle.release(connection, jobs[4:5])
    await settle.bury(connection, {jobs[5]: "no"})
    await rescue.rescue(connection)
    await buried.redrive(connection, QUEUE)
    await control.pause(connection, QUEUE)
    await control.resume(connection, QUEUE)
    await limits.define(connection, "smtp", 1)
    await limits.pause(connection, "smtp", LEASE, "x")
    await limits.lift(connection, "smtp")
    await retention.prune_done(connection, LEASE)
    await retention.compact_tally(connection)


async def test_only_the_notifier_knows_how_to_notify() -> None:
    """A trigger, a function or a statement elsewhere could notify inside of anybody's transaction."""
    source = Path(clarion.__file__).parent
    found = [
        path.relative_to(source)
        for path in source.rglob("*")
        if path.suffix in (".sql", ".py")
        and path.with_suffix("") != Path(notify.__file__).with_suffix("")
        and re.search(r"\bpg_notify\b|(?m:^\s*NOTIFY\s+\w)|\"NOTIFY ", path.read_text())
    ]
    assert found == []
