"""Feeds over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from tests.support.api import Api, open_api
from tests.support.http import Reply

from clarion import ids
from clarion.domain.content import InAppContent
from clarion.ids import Prefix
from clarion.store import feed_delivery
from clarion.store.feed_delivery import NewItem

PATH = "/v1/recipients/ana/feed"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        await api.call("PUT", "/v1/recipients/ana", {})
        yield api


def stand(reply: Reply) -> dict[str, int]:
    """The counts of *reply*, without the number of the last change."""
    return {name: value for name, value in reply.json.items() if name != "rev"}


async def deliver(api: Api, count: int, recipient: str = "ana") -> list[UUID]:
    made = ids.new_many(count)
    items = [
        NewItem(
            tenant_id=api.tenants["one"],
            recipient_id=recipient,
            message_id=id,
            workflow_key="welcome",
            category=None,
            content=InAppContent(
                title=f"Item {index}", body="1 < 2 <b>x</b>", url="https://example.com/", data={"n": index}
            ),
        )
        for index, id in enumerate(made)
    ]
    async with api.pool.acquire() as connection:
        await feed_delivery.deliver(connection, items)
    return made


async def test_a_feed_is_listed_newest_first_page_by_page(api: Api) -> None:
    made = await deliver(api, 7)
    seen: list[str] = []
    path = f"{PATH}?limit=3&status=all"
    pages = 0
    while path:
        page = await api.call("GET", path)
        assert page.status == 200
        seen += [item["id"] for item in page.json["items"]]
        pages += 1
        link = page.headers.get("link", "")
        assert bool(link) == bool(page.json["next"])
        assert not link or ("limit=3" in link and "status=all" in link and link.endswith('rel="next"'))
        path = link.partition("<")[2].partition(">")[0]
    assert seen == [ids.show(Prefix.FEED, id) for id in reversed(made)]
    assert pages == 3


async def test_no_words_of_a_feed_can_become_an_element(api: Api) -> None:
    await deliver(api, 1)
    for path in (PATH, f"{PATH}/changes"):
        (item,) = (await api.call("GET", path)).json["items"]
        assert item["body"] == "1 < 2 &lt;b>x&lt;/b>"


async def test_a_page_stays_where_it_is_while_new_items_come(api: Api) -> None:
    made = await deliver(api, 4)
    first = (await api.call("GET", f"{PATH}?limit=2")).json
    await deliver(api, 5)
    second = (await api.call("GET", f"{PATH}?limit=2&after={first['next']}")).json
    assert [item["seq"] for item in [*first["items"], *second["items"]]] == [4, 3, 2, 1]
    assert second["next"] is None
    assert second["items"][-1]["message"] == ids.show(Prefix.MESSAGE, made[0])


async def test_marking_moves_the_counts_with_the_items(api: Api) -> None:
    made = await deliver(api, 5)
    shown = [ids.show(Prefix.FEED, id) for id in made]
    assert stand(await api.call("GET", f"{PATH}/counts")) == {"total": 5, "unseen": 5, "unread": 5}
    read = await api.call("POST", f"{PATH}/read", {"ids": shown[:2]})
    assert stand(read) == {"changed": 2, "total": 5, "unseen": 3, "unread": 3}
    again = await api.call("POST", f"{PATH}/read", {"ids": shown[:3]})
    assert stand(again) == {"changed": 1, "total": 5, "unseen": 2, "unread": 2}
    away = await api.call("POST", f"{PATH}/archive", {"ids": [shown[0], shown[4]]})
    assert stand(away) == {"changed": 2, "total": 3, "unseen": 1, "unread": 1}
    unread = (await api.call("GET", f"{PATH}?status=unread")).json["items"]
    assert [item["id"] for item in unread] == [shown[3]]
    archived = (await api.call("GET", f"{PATH}?status=archived")).json["items"]
    assert [item["id"] for item in archived] == [shown[4], shown[0]]
    assert len((await api.call("GET", PATH)).json["items"]) == 3
    late = await api.call("POST", f"{PATH}/read", {"ids": [shown[4]]})
    assert stand(late) == {"changed": 1, "total": 3, "unseen": 1, "unread": 1}
    everything = await api.call("POST", f"{PATH}/read", {"all": True})
    assert stand(everything) == {"changed": 1, "total": 3, "unseen": 0, "unread": 0}
    everything = await api.call("POST", f"{PATH}/archive", {"all": True})
    assert stand(everything) == {"changed": 3, "total": 0, "unseen": 0, "unread": 0}


async def test_items_of_another_feed_are_passed_over(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/bea", {})
    (theirs,) = await deliver(api, 1, "bea")
    reply = await api.call("POST", f"{PATH}/read", {"ids": [ids.show(Prefix.FEED, theirs)]})
    assert reply.json["changed"] == 0
    assert (await api.call("GET", "/v1/recipients/bea/feed/counts")).json["unread"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing"),
        ({"ids": ["x"], "all": True}, "missing"),
        ({"ids": []}, "too_few"),
        ({"all": False}, "not_allowed"),
        ({"ids": ["msg_" + "0" * 32]}, "invalid_id"),
        ({"ids": "all"}, "type"),
        ({"ids": ["fed_" + "0" * 32] * 1_001}, "too_many"),
    ],
)
async def test_a_selection_says_which(api: Api, body: object, code: str) -> None:
    assert (await api.call("POST", f"{PATH}/read", body)).code == code


async def test_a_feed_without_items_is_empty_and_one_without_recipient_is_none(api: Api) -> None:
    assert (await api.call("GET", PATH)).json == {"items": [], "next": None}
    assert stand(await api.call("GET", f"{PATH}/counts")) == {"total": 0, "unseen": 0, "unread": 0}
    assert (await api.call("POST", f"{PATH}/read", {"all": True})).json["changed"] == 0
    assert (await api.call("GET", "/v1/recipients/nobody/feed")).status == 404
    await deliver(api, 3)
    await api.call("DELETE", "/v1/recipients/ana")
    assert (await api.call("GET", PATH)).status == 404
    await api.call("PUT", "/v1/recipients/ana", {})
    assert (await api.call("GET", PATH)).json == {"items": [], "next": None}
