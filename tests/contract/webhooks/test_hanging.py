"""Webhooks that hang take nothing that others could use, are left alone for a while, and are found well again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from tests.support.endpoint import EndpointServer, Posted, hang, status
from tests.support.hooks import HOST, open_hooks, register, shown, somebody
from tests.support.house import House
from tests.support.postgres import Databases
from tests.support.wait import wait_until

#: Far more than the channel has senders.
HANGING = 60
WELL = 100
#: Of those that are well from the start, so many; nothing is known of them yet, as of those that hang.
EARLY = 10


@pytest.fixture
async def apart(databases: Databases, tmp_path: Path) -> AsyncIterator[House]:
    """A house of its own: what hangs in it is nobody else's."""
    async with databases.migrated() as url, open_hooks(url, tmp_path / "hooks") as house:
        yield house
        await house.check()


async def test_many_that_hang_take_nobodys_place(apart: House, server: EndpointServer) -> None:
    house = apart
    answering = asyncio.Event()

    async def answer(posted: Posted, writer: asyncio.StreamWriter) -> None:
        if posted.line.startswith("POST /hangs") and not answering.is_set():
            await asyncio.wait([asyncio.ensure_future(answering.wait())], timeout=60)
        await status(200)(posted, writer)

    server.answer = answer
    stuck = []
    for _ in range(HANGING):
        who = await somebody(house)
        stuck.append((who, await register(house, who, server, "/hangs")))
    well = await somebody(house)
    await register(house, well, server, "/well")
    early = [await somebody(house) for _ in range(EARLY)]
    for who in early:
        await register(house, who, server, "/early")
    names = [*(who for who, _ in stuck), *early]
    began = monotonic()
    triggers = [await house.trigger({"recipients": names}, "told") for _ in range(8)]
    await wait_until(
        lambda: _asked(server, "/early") == EARLY * len(triggers), 20, "those in the same lists to be told"
    )
    assert monotonic() - began < 12, "the first moment is over before any of the others has run into its timeout"
    await wait_until(lambda: _asked(server, "/hangs") == HANGING, 20, "each of them to be asked once")
    began = monotonic()
    told = [await house.trigger({"recipients": [well]}, "told") for _ in range(WELL)]
    await wait_until(lambda: _asked(server, "/well") == WELL, 20, "one that is well to be told")
    assert monotonic() - began < 12, "before any of the others has run into its timeout"
    assert _asked(server, "/hangs") == HANGING, "who hangs is asked for one message at a time"
    for id in told:
        assert (await house.finished(id))["messages"]["sent"] == 1

    async def waiting() -> bool:
        found = await house.api.pool.fetchval("SELECT count(*) FROM job WHERE queue = 'webhook' AND pace IS NOT NULL")
        return int(found) == HANGING * (len(triggers) - 1)

    await wait_until(waiting, 20, "the others' further messages to wait in lanes of their own")
    limits = {one["limit"] for one in (await house.get("/v1/limits"))["items"]}
    assert {f"webhook:{webhook['id']}" for _, webhook in stuck} <= limits
    answering.set()
    for id in triggers:
        assert (await house.finished(id))["messages"]["sent"] == HANGING + EARLY
    assert _asked(server, "/hangs") == HANGING * len(triggers), "and nothing is posted twice"
    assert await house.api.pool.fetchval("SELECT max(attempts) FROM message") <= 2, "one of them in vain, at most"


async def test_one_that_is_disabled_lets_go_what_waits_for_it(apart: House, server: EndpointServer) -> None:
    house = apart
    who = await somebody(house)
    made = await register(house, who, server)
    server.answer = hang
    first = await house.trigger({"recipients": [who]}, "told")
    await wait_until(lambda: len(server.posted) == 1, 10, "the request")
    pace = f"webhook:{house.api.tenants['one']}/{made['id']}"

    async def parked() -> bool:
        return bool(await house.api.pool.fetchval("SELECT until FROM destination WHERE name = $1", pace))

    await wait_until(parked, 10, "it to be parked")
    second = await house.trigger({"recipients": [who]}, "told")

    async def waits() -> Any:
        return await house.api.pool.fetchval("SELECT count(*) FROM job WHERE pace = $1", pace)

    await wait_until(waits, 10, "the second to wait for it")
    await house.post(f"/v1/recipients/{who}/webhooks/{made['id']}/disable", {"reason": "enough"})
    assert (await house.finished(second))["messages"]["skipped"] == 1
    assert (await shown(house, who, made))["disabled_reason"] == "enough"
    assert await house.api.pool.fetchval("SELECT count(*) FROM rate_limit WHERE name = $1", pace) == 0
    assert HOST in made["url"] and first != second


def _asked(server: EndpointServer, path: str) -> int:
    return sum(posted.line.startswith(f"POST {path}") for posted in server.posted)
