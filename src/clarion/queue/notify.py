"""Waking consumers: at once within the process, by LISTEN/NOTIFY across processes.

NOTIFY takes a lock on the whole database at commit, so it never stands in a transaction of ours: one connection a
process sends it, apart, for many jobs at a time. It is only a hint. Lost, late or swallowed by a proxy it costs speed
and nothing else, for consumers look for themselves every so often.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import asyncpg
import orjson

from clarion import sql

_SQL = sql.load(__file__)

CHANNEL = "clarion_queue"

#: The least time between two notifications: at most 100 a second.
_APART_S = 0.01
#: A payload may have 8,000 octets.
_PAYLOAD_LIMIT = 7500
#: A queue with a longer name is not told of.
_LONGEST_NAME = 1000
#: How long a connection may say nothing before it is asked whether it lives.
_CHECK_EVERY_S = 15.0
_TIMEOUT_S = 5.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 10.0

Connect = Callable[[], Awaitable["asyncpg.Connection[Any]"]]


class Notifier:
    """Rings for queues, and hears others ring. Open it with ``async with``; everything else never raises.

    All of it belongs to one event loop: not to be called from other threads.
    """

    def __init__(self, connect: Connect) -> None:
        """*connect* opens a connection that is the notifier's alone. It may fail: it is tried again, ever later."""
        self._connect = connect
        self._events: dict[str, WeakSet[asyncio.Event]] = {}
        self._hearers: list[tuple[str, Callable[[str | None], None]]] = []
        self._pending: set[str] = set()
        self._stirred = asyncio.Event()
        self._connection: asyncpg.Connection[Any] | None = None
        #: What went wrong last, while not connected; for health checks and logs.
        self.trouble: str | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether other processes are heard and told at present."""
        return self._connection is not None and not self._connection.is_closed()

    def subscribe(self, queue: str) -> asyncio.Event:
        """An event that is set whenever somebody rings for *queue*; whoever waits clears it before looking for work.

        It is also set after every new connection, for nobody knows what was missed. Forgotten with its last reference.
        """
        event = asyncio.Event()
        self._events.setdefault(queue, WeakSet()).add(event)
        return event

    def hear(self, prefix: str, heard: Callable[[str | None], None]) -> None:
        """Call *heard*, for ever, with each name that begins with *prefix* and is rung for.

        With None after every new connection, for nobody knows what was missed. It must not raise.
        """
        self._hearers.append((prefix, heard))

    def ring(self, queue: str) -> None:
        """There is work in *queue*: call it after the commit. Returns at once.

        Listeners here wake at once; other processes are told at once after a quiet moment, otherwise within 10 ms.
        """
        self._wake(queue)
        if _can_be_told(queue):
            self._pending.add(queue)
            self._stirred.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="queue-notifier")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; a ring that was not sent yet is dropped."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        """Hold a connection; when it is lost, wait a little longer each time, at random, and get another."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    connection = await self._connect()
                try:
                    await self._listen(connection)
                    failures = 0
                    await self._send(connection)
                finally:
                    self._connection = None
                    await _close(connection)
            except Exception as error:  # whatever it is, without it we are slower and no less right
                self.trouble = str(error) or type(error).__name__
            longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**failures)
            failures = min(failures + 1, 10)
            await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - only spreads processes out

    async def _listen(self, connection: asyncpg.Connection[Any]) -> None:
        connection.add_termination_listener(lambda _: self._stirred.set())
        async with asyncio.timeout(_TIMEOUT_S):
            await connection.add_listener(CHANNEL, self._heard)
        self._connection, self.trouble = connection, None
        for queue in list(self._events):
            self._wake(queue)
        for _, heard in self._hearers:
            heard(None)

    async def _send(self, connection: asyncpg.Connection[Any]) -> None:
        """Tell the others what is pending, as often as is allowed, until the connection is lost."""
        while not connection.is_closed():
            try:
                async with asyncio.timeout(_CHECK_EVERY_S):
                    await self._stirred.wait()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=_TIMEOUT_S)
                continue
            self._stirred.clear()
            while self._pending and not connection.is_closed():
                told = _some(self._pending)
                self._pending.difference_update(told)  # before it is sent: who rings meanwhile must be told of again
                payload = orjson.dumps(told).decode()
                try:
                    await connection.execute(_SQL["notify"], CHANNEL, payload, timeout=_TIMEOUT_S)
                except BaseException:
                    self._pending.update(told)
                    raise
                await asyncio.sleep(_APART_S)

    def _heard(self, connection: object, pid: int, channel: str, payload: object) -> None:
        own = self._connection is not None and pid == self._connection.get_server_pid()
        if own or not isinstance(payload, str):
            return
        with suppress(orjson.JSONDecodeError):
            queues = orjson.loads(payload)
            for queue in queues if isinstance(queues, list) else ():
                if isinstance(queue, str):
                    self._wake(queue)

    def _wake(self, queue: str) -> None:
        for event in self._events.get(queue, ()):
            event.set()
        for prefix, heard in self._hearers:
            if queue.startswith(prefix):
                heard(queue)


def _can_be_told(queue: str) -> bool:
    """Whether it fits into a payload: not too long, and no lone surrogates, which no encoding can carry."""
    try:
        return len(queue.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False


def _some(pending: set[str]) -> list[str]:
    """As many of *pending* as one payload holds, at least one."""
    told: list[str] = []
    size = 2
    for queue in pending:
        size += len(orjson.dumps(queue)) + 1
        if told and size > _PAYLOAD_LIMIT:
            break
        told.append(queue)
    return told


async def _close(connection: asyncpg.Connection[Any]) -> None:
    try:
        await connection.close(timeout=_TIMEOUT_S)
    except Exception:  # it was lost already
        connection.terminate()
