"""Runs a ``clarion`` command in which something goes wrong at a named point; the product has no hooks for it.

``python -m tests.support.crashing --at intent:after_commit --do kill --nth 3 --tell FILE -- worker --child``: the third
time that this process has committed intents it writes a line to FILE and kills itself. ``--mutate NAME`` takes a
part of the product out instead (see `tests.support.mutations`). Both may be given several times.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

#: What a process can do to itself.
ACTIONS = ("kill", "freeze", "raise")

#: The flow that a transaction belongs to.
_flow: ContextVar[str] = ContextVar("flow", default="")


class Injected(Exception):
    """What ``--do raise`` raises."""


class Strike:
    """Counts how often its point is passed, and acts the *nth* time."""

    def __init__(self, at: str, do: str, nth: int, tell: Path | None) -> None:
        self.at = at
        self.do = do
        self._left = nth
        self._tell = tell

    def __call__(self) -> None:
        self._left -= 1
        if self._left != 0:
            return
        if self._tell is not None:
            with self._tell.open("a") as file:
                file.write(f"{self.at} {self.do}\n")
        if self.do == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.do == "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            raise Injected(self.at)


def main() -> None:
    """Run the command that the arguments name, with the faults they name."""
    parser = argparse.ArgumentParser(description="Clarion, with faults.")
    parser.add_argument("--at", action="append", default=[], choices=sorted(POINTS))
    parser.add_argument("--do", action="append", default=[], choices=ACTIONS)
    parser.add_argument("--nth", action="append", default=[], type=int)
    parser.add_argument("--tell", type=Path)
    parser.add_argument("--mutate", action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    for at, do, nth in zip(options.at, options.do, options.nth, strict=True):
        POINTS[at](Strike(at, do, nth, options.tell))
    if options.mutate:
        from tests.support.mutations import mutate

        for mutation in options.mutate:
            mutate(mutation)
    from clarion.cli.main import run

    sys.argv = ["clarion", *options.command]
    run()


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put what *make* makes of the present attribute in its place."""
    setattr(owner, name, make(getattr(owner, name)))


def _in_flow(owner: Any, name: str, flow: str, wanted: Callable[..., bool] = lambda *_: True) -> None:
    """Mark what *owner.name* does as *flow*, where its arguments are *wanted*."""

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def marked(*args: Any, **kwargs: Any) -> Any:
            token = _flow.set(flow if wanted(*args) else "")
            try:
                return await original(*args, **kwargs)
            finally:
                _flow.reset(token)

        return marked

    replace(owner, name, make)


def _at_commit(flow: str, when: str, strike: Strike) -> None:
    """Strike before or after the outermost transaction of *flow* is committed."""
    from asyncpg.transaction import Transaction

    def make(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def leave(self: Any, kind: Any, error: Any, trace: Any) -> None:
            here = kind is None and not self._nested and _flow.get() == flow
            if here and when == "before_commit":
                try:
                    strike()
                except Injected as injected:
                    await original(self, Injected, injected, None)
                    raise
            await original(self, kind, error, trace)
            if here and when == "after_commit":
                strike()

        return leave

    replace(Transaction, "__aexit__", make)


def _at_statement(module: Any, name: str, flow: str, when: str, strike: Strike) -> None:
    """Strike before or after the statement *name* of *module*, where it is a transaction by itself within *flow*."""

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def statement(connection: Any, *args: Any, **kwargs: Any) -> Any:
            here = _flow.get() == flow and not connection.is_in_transaction()
            if here and when == "before_commit":
                strike()
            answer = await original(connection, *args, **kwargs)
            if here and when == "after_commit":
                strike()
            return answer

        return statement

    replace(module, name, make)


def _accept(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows import trigger

        _in_flow(trigger, "trigger", "accept")
        _at_commit("accept", when, strike)

    return install


def _before_reply(strike: Strike) -> None:
    from starlette.responses import Response

    def make(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def reply(self: Any, scope: Any, receive: Any, send: Any) -> None:
            if self.status_code == 202:
                strike()
            await original(self, scope, receive, send)

        return reply

    replace(Response, "__call__", make)


def _repeat(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.api import repeats

        _in_flow(repeats, "_together", "repeat")
        _at_commit("repeat", when, strike)

    return install


def _expand(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows.expand import Expand
        from clarion.store import few

        _in_flow(Expand, "_commit", "expand")
        _at_commit("expand", when, strike)
        _at_statement(few, "expand", "expand", when, strike)

    return install


def _ingest(when: str) -> Callable[[Strike], None]:
    """Around the commit of what a broker brought; right after it, the broker has not heard of it yet."""

    def install(strike: Strike) -> None:
        from clarion.flows.ingest_settle import Settle

        _in_flow(Settle, "_commit", "ingest")
        _at_commit("ingest", when, strike)

    return install


def _fire(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows.fire import Fire

        _in_flow(Fire, "__call__", "fire")
        _at_commit("fire", when, strike)

    return install


def _before_fire(strike: Strike) -> None:
    from clarion.flows.fire import Fire

    def make(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def fire(self: Any, jobs: Any) -> None:
            strike()
            await original(self, jobs)

        return fire

    replace(Fire, "__call__", make)


def _page(strike: Strike) -> None:
    from clarion.store import triggers

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def page(*args: Any, **given: Any) -> Any:
            found = await original(*args, **given)
            strike()
            return found

        return page

    replace(triggers, "page", make)


def _intent(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows.deliver import Deliver
        from clarion.store import messages

        _in_flow(Deliver, "_intend", "intent", lambda _self, _connection, _jobs, batch, _slot: bool(batch.items))
        _at_statement(messages, "intend", "intent", when, strike)

    return install


def _record(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows import deliver
        from clarion.store import messages

        _in_flow(deliver, "record_surely", "record")
        _at_commit("record", when, strike)
        _at_statement(messages, "record", "record", when, strike)

    return install


def _in_app(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows.deliver_in_app import DeliverInApp

        _in_flow(DeliverInApp, "_deliver", "in_app")
        _at_commit("in_app", when, strike)

    return install


def _advance(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows.advance import Advance

        _in_flow(Advance, "_advance", "advance")
        _at_commit("advance", when, strike)

    return install


def _sweep(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows import cancel

        _in_flow(cancel, "_sweep", "sweep")
        _at_commit("sweep", when, strike)

    return install


def _schedules(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.flows.run_schedules import RunSchedules

        _in_flow(RunSchedules, "_commit", "schedules")
        _at_commit("schedules", when, strike)

    return install


def _claimed(strike: Strike) -> None:
    from clarion.queue.claim import Claimer

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def claim(self: Any, *args: Any, **kwargs: Any) -> Any:
            jobs = await original(self, *args, **kwargs)
            if self.queue == "email" and jobs:
                strike()
            return jobs

        return claim

    replace(Claimer, "claim", make)


def _send(when: str) -> Callable[[Strike], None]:
    def install(strike: Strike) -> None:
        from clarion.channels.email.smtp import SmtpProvider

        def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def send(self: Any, mails: Any) -> Any:
                if when == "before":
                    strike()
                outcomes = await original(self, mails)
                if when == "after":
                    strike()
                return outcomes

            return send

        replace(SmtpProvider, "send", make)

    return install


def _write(when: str) -> Callable[[Strike], None]:
    """In the middle of a message, or right behind its final dot, which is then with the operating system."""

    def install(strike: Strike) -> None:
        from clarion.channels.email.connection import Connection

        def make(original: Callable[..., bool]) -> Callable[..., bool]:
            def write(self: Any, data: bytes) -> bool:
                end = data.find(b"\r\n.\r\n")
                if end < 0 or self._transport is None or self._transport.is_closing():
                    return original(self, data)
                # Past the event loop, which would not write before this has returned.
                socket = self._transport.get_extra_info("socket").fileno()
                sent = os.write(socket, data[: end // 2] if when == "in_data" else data)
                strike()
                return original(self, data[sent:]) if data[sent:] else True

            return write

        replace(Connection, "write", make)

    return install


#: How each point is installed. In the order of one notification's way.
POINTS: dict[str, Callable[[Strike], None]] = {
    "accept:before_commit": _accept("before_commit"),
    "accept:after_commit": _accept("after_commit"),
    "accept:before_reply": _before_reply,
    "repeat:before_commit": _repeat("before_commit"),
    "repeat:after_commit": _repeat("after_commit"),
    "ingest:before_commit": _ingest("before_commit"),
    "ingest:after_commit": _ingest("after_commit"),
    "expand:page": _page,
    "expand:before_commit": _expand("before_commit"),
    "expand:after_commit": _expand("after_commit"),
    "claimed": _claimed,
    "intent:before_commit": _intent("before_commit"),
    "intent:after_commit": _intent("after_commit"),
    "send:before": _send("before"),
    "send:in_data": _write("in_data"),
    "send:after_dot": _write("after_dot"),
    "send:after": _send("after"),
    "record:before_commit": _record("before_commit"),
    "record:after_commit": _record("after_commit"),
    "in_app:before_commit": _in_app("before_commit"),
    "in_app:after_commit": _in_app("after_commit"),
    "fire:before": _before_fire,
    "fire:before_commit": _fire("before_commit"),
    "fire:after_commit": _fire("after_commit"),
    "advance:before_commit": _advance("before_commit"),
    "advance:after_commit": _advance("after_commit"),
    "sweep:before_commit": _sweep("before_commit"),
    "sweep:after_commit": _sweep("after_commit"),
    "schedules:before_commit": _schedules("before_commit"),
    "schedules:after_commit": _schedules("after_commit"),
}

if __name__ == "__main__":
    main()
