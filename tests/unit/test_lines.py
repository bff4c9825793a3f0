"""What one process has on its way to servers that users name, and what it tells of those that are slow."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta

import pytest

from clarion import ids
from clarion.flows import lines as of_lines
from clarion.flows.endpoints import Endpoints
from clarion.flows.lines import PLACES, Lines
from clarion.flows.rates import webhook_pace
from clarion.store.webhooks import Which

WHICH = Which(ids.new(), "shop", ids.new())
#: Answers after which it is known how quick one is.
ENOUGH = 20


async def test_a_quick_one_that_was_full_before_it_was_known_is_given_no_pace() -> None:
    """A crowd meets one that has answered a few times: most of it waits, and by then it is known to be quick."""
    lines = Lines()
    for _ in range(ENOUGH - 1):
        lines.answered(WHICH, 0.02)
    room = lines.room(WHICH)
    assert room is not None, "who is not known yet has bounds"
    lines.answered(WHICH, 0.02)
    assert lines.room(WHICH) is None, "who is quick has none"
    assert Endpoints().full(lines, [WHICH]) == {}


async def test_a_slow_one_that_is_full_is_given_what_it_gets_done() -> None:
    lines = Lines()
    for _ in range(ENOUGH):
        lines.answered(WHICH, 0.5)
    assert lines.wait(WHICH) <= timedelta(seconds=1)
    told = Endpoints().full(lines, [WHICH])
    assert told[webhook_pace(WHICH)].fits == PLACES / 0.5
    assert Endpoints().full(lines, [Which(ids.new(), "other", ids.new())]) == {}, "nothing is known of it"


async def test_those_whose_patience_ends_as_the_answer_comes_have_their_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in the queue still, and nobody lets them in: they must not wait for each other."""
    monkeypatch.setattr(of_lines, "HANGS_S", 0.05)
    lines, entered = Lines(), list[bool]()
    first = lines.enter(WHICH)
    assert await first.__aenter__()

    async def post() -> None:
        async with lines.enter(WHICH) as may:
            entered.append(may)

    def leave() -> None:
        with suppress(StopIteration):
            first.__aexit__(None, None, None).send(None)

    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(post())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.051, leave)
        time.sleep(0.1)  # noqa: ASYNC251 - all of them are due at once
    assert entered == [True] * 3
