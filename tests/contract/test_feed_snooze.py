"""Items that are put off: out of sight and of the counts until their time, then new again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.test_api_feed import deliver, stand
from tests.support.api import Api, open_api
from tests.support.clock import pass_time_for_jobs

from clarion import clock, ids
from clarion.flows.slots import Slots
from clarion.flows.snoozes import QUEUE, Wake
from clarion.ids import Prefix
from clarion.queue.claim import Claimer

PATH = "/v1/recipients/ana/feed"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        await api.call("PUT", "/v1/recipients/ana", {})
        yield api


async def run(api: Api) -> int:
    """Do the jobs that are due; how many there were."""
    async with api.pool.acquire() as connection:
        jobs = await Claimer(QUEUE, worker="w", lease=timedelta(minutes=1)).claim(connection, 100)
    await Wake(api.pool, wake=api.services.wake, slots=Slots())(jobs)
    return len(jobs)


async def pass_time(api: Api, by: timedelta) -> None:
    await pass_time_for_jobs(api.pool, by)
    await api.pool.execute("UPDATE feed_item SET snoozed_until = snoozed_until - $1::interval", by)


def until(hours: int) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


async def ids_of(api: Api, status: str) -> list[str]:
    items: list[dict[str, Any]] = (await api.call("GET", f"{PATH}?status={status}")).json["items"]
    return [item["id"] for item in items]


async def test_an_item_is_away_until_its_time_and_then_new(api: Api) -> None:
    one, two = (ids.show(Prefix.FEED, id) for id in await deliver(api, 2))
    await api.call("POST", f"{PATH}/read", {"ids": [one]})
    put_off = await api.call("POST", f"{PATH}/snooze", {"ids": [one], "until": until(2)})
    assert stand(put_off) == {"changed": 1, "total": 1, "unseen": 1, "unread": 1}
    assert (await ids_of(api, "inbox"), await ids_of(api, "snoozed")) == ([two], [one])
    await pass_time(api, timedelta(hours=1))
    assert await run(api) == 0
    await pass_time(api, timedelta(hours=2))
    before = (await api.call("GET", f"{PATH}/counts")).json["rev"]
    assert await run(api) == 1
    assert (await ids_of(api, "inbox"), await ids_of(api, "snoozed")) == ([two, one], [])
    changes = (await api.call("GET", f"{PATH}/changes?since={before}")).json
    assert [(item["id"], item["read_at"], item["snoozed_until"]) for item in changes["items"]] == [(one, None, None)]
    assert (changes["total"], changes["unseen"], changes["unread"]) == (2, 2, 2)
    assert await run(api) == 0


async def test_the_last_time_counts_and_one_that_came_back_by_hand_stays_as_it_is(api: Api) -> None:
    one, two, three = (ids.show(Prefix.FEED, id) for id in await deliver(api, 3))
    await api.call("POST", f"{PATH}/snooze", {"ids": [one, two, three], "until": until(1)})
    await api.call("POST", f"{PATH}/snooze", {"ids": [one], "until": until(5)})
    await api.call("POST", f"{PATH}/unsnooze", {"ids": [two]})
    await api.call("POST", f"{PATH}/read", {"ids": [two]})
    archived = await api.call("POST", f"{PATH}/archive", {"ids": [three]})
    assert stand(archived) == {"changed": 1, "total": 1, "unseen": 0, "unread": 0}
    await pass_time(api, timedelta(hours=2))
    assert await run(api) == 2
    assert await ids_of(api, "snoozed") == [one]
    assert stand(await api.call("GET", f"{PATH}/counts")) == {"total": 1, "unseen": 0, "unread": 0}
    assert await ids_of(api, "archived") == [three]
    await pass_time(api, timedelta(hours=4))
    assert await run(api) == 1
    assert await ids_of(api, "inbox") == [two, one]


async def test_marks_can_be_taken_back(api: Api) -> None:
    (one,) = (ids.show(Prefix.FEED, id) for id in await deliver(api, 1))
    for word, counts in (
        ("seen", (1, 0, 1)),
        ("read", (1, 0, 0)),
        ("unread", (1, 0, 1)),
        ("archive", (0, 0, 0)),
        ("unarchive", (1, 0, 1)),
    ):
        for changed in (1, 0):
            reply = stand(await api.call("POST", f"{PATH}/{word}", {"ids": [one]}))
            assert reply == {"changed": changed, "total": counts[0], "unseen": counts[1], "unread": counts[2]}, word


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ids": ["fed_" + "0" * 32]}, "/until"),
        ({"ids": ["fed_" + "0" * 32], "until": "tomorrow"}, "/until"),
        ({"ids": ["fed_" + "0" * 32], "until": "2020-01-01T00:00:00Z"}, "/until"),
        ({"ids": ["fed_" + "0" * 32], "until": "2999-01-01T00:00:00Z"}, "/until"),
        ({"all": True, "until": "2999-01-01T00:00:00Z"}, "/all"),
    ],
)
async def test_a_snooze_says_what_is_wrong_with_it(api: Api, body: object, pointer: str) -> None:
    reply = await api.call("POST", f"{PATH}/snooze", body)
    assert reply.status == 422
    assert pointer in reply.pointers
