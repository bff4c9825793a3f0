"""Parts of the product taken out, or put wrong, in a process started by `tests.support.crashing`.

Each stands for a promise's mechanism: without it the fault scenarios must fail, or they would prove nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from tests.support.crashing import replace


def mutate(name: str) -> None:
    """Install the mutation *name*; what stands behind a ``=`` is its argument."""
    key, _, argument = name.partition("=")
    mutation = MUTATIONS[key]
    mutation(argument) if argument else mutation()


def _send_first() -> None:
    """Hand mails over before their intent is committed."""
    from clarion.flows.deliver import Deliver

    outcomes: dict[Any, Any] = {}

    def intend(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def send_first(self: Any, connection: Any, jobs: Any, batch: Any, slot: int) -> Any:
            mails = list(batch.items.values())
            for mail, outcome in zip(mails, await self._provider.send(mails), strict=True):
                outcomes[mail.message_id] = outcome
            return await original(self, connection, jobs, batch, slot)

        return send_first

    def send(_original: Any) -> Callable[..., Awaitable[Any]]:
        async def remembered(_self: Any, mails: Any, _deadline: float) -> Any:
            return [outcomes[mail.message_id] for mail in mails]

        return remembered

    replace(Deliver, "_intend", intend)
    replace(Deliver, "_send", send)


def _certain() -> None:
    """Take a message found in `sending` for one that was certainly not sent."""
    from clarion.domain.outcome import Retry
    from clarion.store import messages

    def make(_original: Any) -> Callable[..., Awaitable[Any]]:
        async def nothing_happened(_connection: Any, rows: Mapping[Any, Any]) -> Any:
            return {id: Retry("it was certainly not sent") for id in rows}

        return nothing_happened

    replace(messages, "open_attempts", make)


#: What moves nothing, and only looks.
_READS = {"taken"}


def _no_fence() -> None:
    """Let whoever once had a job move it, whoever has it now."""
    from clarion.queue import settle
    from clarion.store import messages

    fenced = "job.fence = h.fence AND state <> 0"
    assert all(fenced in statement for name, statement in settle._SQL.items() if name not in _READS)
    assert fenced in messages._SQL["record"]

    def make(statements: Mapping[str, str]) -> Mapping[str, str]:
        return {name: statement.replace(fenced, "true") for name, statement in statements.items()}

    replace(settle, "_SQL", make)
    replace(messages, "_SQL", make)


def _no_polling() -> None:
    """Look for work only when called."""
    from clarion.worker.rest import Rest

    def make(_original: Any) -> Callable[..., Awaitable[bool]]:
        async def wait(self: Any, _at_most: float = 0) -> bool:
            await self.called.wait()
            return True

        return wait

    replace(Rest, "_wait", make)


def _no_notify() -> None:
    """Neither tell other processes of work nor hear of it: every NOTIFY is lost."""
    from clarion.queue.notify import Notifier

    def make(_original: Any) -> Callable[..., Awaitable[None]]:
        async def run(_self: Any) -> None:
            await asyncio.Event().wait()

        return run

    replace(Notifier, "_run", make)


def _clock_off(seconds: str) -> None:
    """This machine's clock is wrong from the start."""
    from clarion import clock

    off = float(seconds)
    wrong = SimpleNamespace(time=lambda: time.time() + off, monotonic=time.monotonic)
    replace(clock, "time", lambda _original: wrong)


def _clock_jumps(seconds: str) -> None:
    """This machine's clock is put forward or back by *seconds* once the process has begun to work."""
    from clarion import clock
    from clarion.queue.claim import Claimer

    off = 0.0
    wrong = SimpleNamespace(time=lambda: time.time() + off, monotonic=time.monotonic)
    replace(clock, "time", lambda _original: wrong)

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def claim(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal off
            jobs = await original(self, *args, **kwargs)
            if jobs:
                off = float(seconds)
            return jobs

        return claim

    replace(Claimer, "claim", make)


def _poison(recipient: str) -> None:
    """Rendering for one *recipient* takes the whole process with it."""
    from clarion.flows.contexts import Context

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def render(self: Any, message: Mapping[str, Any], *given: Any) -> Any:
            if message["recipient_id"] == recipient:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self, message, *given)

        return render

    replace(Context, "render", make)


def _poison_page(recipient: str) -> None:
    """Expanding the page with one *recipient* takes the whole process with it."""
    from clarion.store import triggers

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def page(*args: Any, **kwargs: Any) -> Any:
            found = await original(*args, **kwargs)
            if any(row["recipient_id"] == recipient for row in found):
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return page

    replace(triggers, "page", make)


def _impatient() -> None:
    """Come back to a server, or a domain, that asked for a pause after a third of a second: a test cannot wait for a
    minute."""
    from clarion.channels.email import opening, outcome
    from clarion.domain import destination
    from clarion.flows import destinations

    for module, name in ((outcome, "CLOSING"), (outcome, "LOCKED_OUT"), (opening, "LOCKED_OUT")):
        replace(module, name, lambda _original: timedelta(seconds=0.3))
    quick = {"park_for": timedelta(seconds=0.3), "longest": timedelta(seconds=1), "step": timedelta(0)}
    replace(destinations, "Limits", lambda original: partial(original, slowed=1_000.0, least=1_000.0, **quick))
    replace(destination, "PROBE", lambda _original: 10.0)


MUTATIONS: dict[str, Callable[..., None]] = {
    "send_first": _send_first,
    "certain": _certain,
    "no_fence": _no_fence,
    "no_polling": _no_polling,
    "no_notify": _no_notify,
    "clock_off": _clock_off,
    "clock_jumps": _clock_jumps,
    "poison": _poison,
    "poison_page": _poison_page,
    "impatient": _impatient,
}
