"""Running one long-lived process: event loop, logs, signals, and the parent that may go away."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from clarion import logs
from clarion.config import Settings, wants_colour
from clarion.errors import Unavailable

T = TypeVar("T")

log = structlog.get_logger()

#: How long a process whose parent is gone may finish what it has begun. Leases free what it does not finish.
_ORPHANS_PATIENCE_S = 3.0
#: After so many more new objects than gone ones, and every so many of those times the older ones; Python: 700, 10, 10.
_COLLECT = (10_000, 20, 20)


def run(body: Callable[[asyncio.Event], Awaitable[T]], settings: Settings, *, name: str, child: bool = False) -> T:
    """Run *body*, which goes on until the event that it is given is set; what it answers.

    The event is set by SIGTERM, by SIGINT or, for a *child*, by the end of standard input: then the parent is gone.
    """
    logs.configure(format=settings.log_format, level=settings.log_level, process=name, colour=wants_colour())
    for name, (asked, most) in settings.lowered.items():
        log.warning("settings.lowered", setting=name, asked=asked, most=most)
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:  # not made for every platform
        runner = asyncio.Runner()
    with runner:
        return runner.run(_run(body, child=child))


def tell_parent(**facts: object) -> None:
    """Say that this process is ready, and where: one line of JSON on standard output."""
    print(json.dumps(facts), flush=True)


def open_many_files() -> None:
    """Let this process have as many connections as the system allows it: what a shell gives is often 1,024."""
    with suppress(ImportError, ValueError, OSError):  # not made for every platform, nor meant as it is said everywhere
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def spare_collector() -> None:
    """To be called when the start is over: what is there now stays, so the garbage collector need not look at it.

    Each full collection would stop the process for 30 to 90 ms to look through all that was imported. What comes after
    is mostly gone by itself, so it is looked for more rarely: in a broadcast to 10,000 that halves the time it takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


async def _run(body: Callable[[asyncio.Event], Awaitable[T]], *, child: bool) -> T:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    limit = asyncio.timeout(None)
    try:
        async with limit:
            watching = asyncio.create_task(_watch_parent(stopping, limit)) if child else None
            try:
                return await body(stopping)
            finally:
                if watching is not None:
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching
    except TimeoutError:
        if limit.expired():
            raise Unavailable("The process that had started this one is gone; it was cut short.") from None
        raise


async def _watch_parent(stopping: asyncio.Event, limit: asyncio.Timeout) -> None:
    """Stop when the parent is gone; and soon, as nobody is left who would end us, or who keeps the database up."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        await reader.read()
        if not stopping.is_set():
            log.warning("process.orphaned", stops_within_s=_ORPHANS_PATIENCE_S)
        limit.reschedule(loop.time() + _ORPHANS_PATIENCE_S)
        stopping.set()
    finally:
        transport.close()
