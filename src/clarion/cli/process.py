"""Running one long-lived process: event loop, logs, signals, and the parent that may go away."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from clarion import logs
from clarion.config import Settings

#: What a process does until the event it is given is set.
Body = Callable[[asyncio.Event], Awaitable[None]]


def run(body: Body, settings: Settings, *, name: str, child: bool = False) -> None:
    """Run *body* until SIGTERM, SIGINT or, as a *child*, the end of standard input: then the parent is gone."""
    logs.configure(format=settings.log_format, level=settings.log_level, process=name)
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:  # not made for every platform
        runner = asyncio.Runner()
    with runner:
        runner.run(_run(body, child=child))


def tell_parent(**facts: object) -> None:
    """Say that this process is ready, and where: one line of JSON on standard output."""
    print(json.dumps(facts), flush=True)


async def _run(body: Body, *, child: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    watching = asyncio.create_task(_watch_parent(stopping)) if child else None
    try:
        await body(stopping)
    finally:
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def _watch_parent(stopping: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        await reader.read()
        stopping.set()
    finally:
        transport.close()
