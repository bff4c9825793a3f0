"""Feeds live, on real sockets: nothing is missed, nobody reads another's, and nobody takes all the room."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from tests.contract.test_api_feed import deliver, stand
from tests.support.api import SECRET, Api, open_api
from tests.support.http import Reply
from tests.support.sse import Stream, follow
from tests.support.wait import wait_until

from clarion import clock, ids
from clarion.api import server
from clarion.api.services import FeedLimits
from clarion.domain.feed_name import feed_name
from clarion.ids import Prefix
from clarion.inbox.tokens import Tokens
from clarion.store.feed_changes import Feed

PAGE = "https://app.example"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database, feeds=FeedLimits(origins=[PAGE], per_recipient=3, per_tenant=4)) as api:
        for id in ("ana", "bea"):
            await api.call("PUT", f"/v1/recipients/{id}", {})
        yield api


async def new_token(api: Api, recipient: str = "ana", tenant: str = "one") -> dict[str, str]:
    reply = await api.call("POST", f"/v1/recipients/{recipient}/feed/tokens", {}, tenant=tenant)
    assert reply.status == 201
    assert reply.headers["cache-control"] == "no-store"
    return {"authorization": f"Bearer {reply.json['token']}"}


async def ticket(api: Api, token: dict[str, str]) -> str:
    reply = await api.call("POST", "/v1/feed/tickets", headers=token)
    assert reply.status == 201
    return str(reply.json["token"])


async def put_in(api: Api, count: int, recipient: str = "ana") -> list[str]:
    """As a worker does: the rows, then the ring."""
    made = await deliver(api, count, recipient)
    api.services.wake(feed_name(api.tenants["one"], recipient))
    return [ids.show(Prefix.FEED, id) for id in made]


async def told(stream: Stream, count: int) -> list[Any]:
    """The states of items until *count* were told."""
    items: list[Any] = []
    while len(items) < count:
        items += (await stream.event()).data["items"]
    return items


async def test_what_comes_is_told_at_once_and_what_is_read_elsewhere_too(api: Api) -> None:
    token = await new_token(api)
    async with follow(api.port, f"/v1/feed/events?ticket={await ticket(api, token)}") as one:
        assert one.reply.status == 200
        assert one.reply.headers["content-type"] == "text/event-stream"
        first = await one.event()
        assert (first.name, first.id, first.data["items"]) == ("changes", 0, [])
        async with follow(api.port, "/v1/feed/events", token) as two:  # another tab
            await two.event()
            made = await put_in(api, 2)
            assert [item["id"] for item in await told(one, 2)] == made
            assert [item["id"] for item in await told(two, 2)] == made
            marked = await api.call("POST", "/v1/feed/read", {"ids": made[:1]}, headers=token)
            assert stand(marked) == {"changed": 1, "total": 2, "unseen": 1, "unread": 1}
            for tab in (one, two):
                event = await tab.event()
                assert [(item["id"], bool(item["read_at"])) for item in event.data["items"]] == [(made[0], True)]
                assert (event.data["unread"], event.id) == (1, 3)


async def test_who_comes_back_is_told_what_was_missed_whatever_it_was(api: Api) -> None:
    token = await new_token(api)
    made = await put_in(api, 3)
    async with follow(api.port, "/v1/feed/events?since=0", token) as stream:
        known = (await stream.event()).id
    assert known == 3
    await api.call("POST", "/v1/feed/archive", {"ids": made[:1]}, headers=token)
    made += await put_in(api, 1)
    await api.call("POST", "/v1/feed/seen", {"ids": made[1:2]}, headers=token)
    async with follow(api.port, "/v1/feed/events", {**token, "last-event-id": str(known)}) as stream:
        event = await stream.event()
        states = [(i["id"], bool(i["archived_at"]), bool(i["seen_at"])) for i in event.data["items"]]
        assert states == [(made[0], True, False), (made[3], False, False), (made[1], False, True)]
    asked = await api.call("GET", f"/v1/feed/changes?since={known}", headers=token)
    assert asked.json == event.data
    assert (await api.call("GET", f"/v1/recipients/ana/feed/changes?since={known}")).json == event.data


async def test_too_much_is_told_as_such_and_so_is_what_was_set_back(api: Api) -> None:
    token = await new_token(api)
    await deliver(api, 101)
    for since, count in ((0, None), (1, 100), (500, None)):
        async with follow(api.port, f"/v1/feed/events?since={since}", token) as stream:
            event = await stream.event()
            assert (event.id, event.data["total"]) == (101, 101)
            assert (None if event.data["items"] is None else len(event.data["items"])) == count
        asked = (await api.call("GET", f"/v1/feed/changes?since={since}", headers=token)).json
        assert (None if asked["items"] is None else len(asked["items"])) == count


async def test_what_nobody_rings_for_is_found_by_looking(database: str) -> None:
    async with open_api(database, poll_s=0.05) as api:
        await api.call("PUT", "/v1/recipients/ana", {})
        token = await new_token(api)
        async with follow(api.port, "/v1/feed/events", token) as stream:
            await stream.event()
            made = await deliver(api, 1)
            assert [item["id"] for item in await told(stream, 1)] == [ids.show(Prefix.FEED, made[0])]


async def test_a_ticket_opens_one_stream_and_nothing_else(api: Api) -> None:
    token = await new_token(api)
    given = await ticket(api, token)
    async with follow(api.port, f"/v1/feed/events?ticket={given}") as stream:
        assert stream.reply.status == 200
    async with follow(api.port, f"/v1/feed/events?ticket={given}") as stream:
        assert (stream.reply.status, stream.reply.code) == (401, "unauthorized")
    as_token = await api.call("GET", "/v1/feed", headers={"authorization": f"Bearer {await ticket(api, token)}"})
    assert as_token.status == 401
    as_ticket = token["authorization"].removeprefix("Bearer ")
    assert (await api.call("GET", f"/v1/feed/events?ticket={as_ticket}")).status == 401
    async with follow(api.port, "/v1/feed/events") as stream:
        assert stream.reply.status == 401


def forged() -> dict[str, str]:
    """Tokens that open nothing, by what is wrong with them; ``{tenant}`` has to be filled in."""
    now = int(clock.now().timestamp())
    good: dict[str, Any] = {"aud": "clarion:feed", "sub": "ana", "tenant": "0" * 32, "iat": now, "exp": now + 60}
    good["jti"] = "1" * 32
    key = Tokens(SECRET)._keys[0]
    return {
        "another secret": Tokens(b"another").token(Feed(ids.new(), "ana"), timedelta(minutes=1)).text,
        "expired": jwt.encode({**good, "exp": now - 1}, key, algorithm="HS256"),
        "for another use": jwt.encode({**good, "aud": "clarion"}, key, algorithm="HS256"),
        "without a name": jwt.encode({k: v for k, v in good.items() if k != "jti"}, key, algorithm="HS256"),
        "for ever": jwt.encode({k: v for k, v in good.items() if k != "exp"}, key, algorithm="HS256"),
        "not signed": jwt.encode(good, "", algorithm="none"),
        "by another algorithm": jwt.encode(good, key * 2, algorithm="HS512"),
        "nothing": "",
    }


@pytest.mark.parametrize("what", sorted(forged()))
async def test_what_is_not_a_token_opens_nothing(api: Api, what: str) -> None:
    for path in ("/v1/feed", "/v1/feed/events"):
        reply = await api.call("GET", path, headers={"authorization": f"Bearer {forged()[what]}"})
        assert (reply.status, reply.code) == (401, "unauthorized")


async def test_a_token_reads_the_own_feed_and_an_api_key_is_none(api: Api) -> None:
    token = await new_token(api)
    (mine,) = await put_in(api, 1)
    (theirs,) = await put_in(api, 1, "bea")
    assert [item["id"] for item in (await api.call("GET", "/v1/feed", headers=token)).json["items"]] == [mine]
    marked = await api.call("POST", "/v1/feed/read", {"ids": [theirs]}, headers=token)
    assert marked.json["changed"] == 0
    for path in ("/v1/recipients/bea/feed", "/v1/recipients/ana/feed", "/v1/messages"):
        assert (await api.call("GET", path, headers=token)).status == 401
    assert (await api.call("GET", "/v1/feed")).status == 401  # with a key that may do everything
    assert (await api.call("POST", "/v1/recipients/ana/feed/tokens", {}, tenant="two")).status == 404
    only_writes = await api.new_key("one", ["feed:write"])
    refused = await api.call(
        "POST", "/v1/recipients/ana/feed/tokens", {}, headers={"authorization": f"Bearer {only_writes}"}
    )
    assert refused.status == 403


async def test_pages_of_other_origins_read_only_where_they_are_named(api: Api) -> None:
    token = await new_token(api)
    asks = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    for origin, status in ((PAGE, 204), ("https://evil.example", 403), ("null", 403)):
        reply = await api.call("OPTIONS", "/v1/feed", headers={"origin": origin, "authorization": "", **asks})
        assert reply.status == status
        assert (reply.headers.get("access-control-allow-origin") == origin) == (status == 204)
        for path in ("/v1/feed", "/v1/feed/counts"):
            reply = await api.call("GET", path, headers={**token, "origin": origin})
            assert reply.status == (200 if status == 204 else 403)
            assert reply.headers.get("access-control-allow-origin") == (origin if status == 204 else None)
    async with follow(api.port, "/v1/feed/events", {**token, "origin": "https://evil.example"}) as stream:
        assert (stream.reply.status, stream.reply.code) == (403, "origin_not_allowed")
    other = await api.call("GET", "/v1/messages", headers={"origin": PAGE})
    assert "access-control-allow-origin" not in other.headers


async def test_nobody_takes_all_the_room(api: Api) -> None:
    mine, theirs = await new_token(api), await new_token(api, "bea")
    async with (
        follow(api.port, "/v1/feed/events", mine) as one,
        follow(api.port, "/v1/feed/events", mine) as two,
        follow(api.port, "/v1/feed/events", mine) as three,
    ):
        assert [tab.reply.status for tab in (one, two, three)] == [200] * 3
        async with follow(api.port, "/v1/feed/events", mine) as fourth:
            assert (fourth.reply.status, fourth.reply.code) == (429, "too_many_requests_at_once")
        async with follow(api.port, "/v1/feed/events", theirs) as other:
            assert other.reply.status == 200
            async with follow(api.port, "/v1/feed/events", theirs) as fifth:
                assert fifth.reply.status == 429
        assert len(api.services.live) >= 3
        measured = (await api.call("GET", "/metrics")).body
        assert b"clarion_inbox_connections" in measured
    await wait_until(lambda: not len(api.services.live))  # whoever is gone takes no room
    async with follow(api.port, "/v1/feed/events", mine) as again:
        assert again.reply.status == 200


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux tells who reads nothing")
async def test_who_reads_nothing_any_more_is_cut_off(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_S", 0.3)
    async with open_api(database) as api:
        await api.call("PUT", "/v1/recipients/ana", {})
        token = await new_token(api)
        with socket.socket() as tab:
            tab.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            tab.connect(("127.0.0.1", api.port))
            head = f"GET /v1/feed/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token['authorization']}\r\n\r\n"
            tab.sendall(head.encode())
            await wait_until(lambda: len(api.services.live))
            async with follow(api.port, "/v1/feed/events", token) as other:
                await other.event()
                await put_in(api, 99)
                assert len((await other.event()).data["items"]) == 99
                await wait_until(lambda: len(api.services.live) == 1)
                await put_in(api, 1)
                await other.event()  # who reads is told on


async def test_a_stream_ends_with_its_token_and_with_the_process(api: Api) -> None:
    minted = api.services.tokens.token(Feed(api.tenants["one"], "ana"), timedelta(seconds=2))
    short = {"authorization": f"Bearer {minted.text}"}
    given = await ticket(api, short)
    async with follow(api.port, f"/v1/feed/events?ticket={given}") as stream:
        await stream.event()
        assert await stream.is_over()
    async with follow(api.port, "/v1/feed/events", await new_token(api)) as stream:
        await stream.event()
        api.services.closing.set()
        assert await stream.is_over()


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("?since=-1", "", 422),
        ("?since=x", "", 422),
        ("?sense=1", "", 422),
        ("", "x", 422),
        ("", "9" * 30, 422),
        ("?ticket=" + "x" * 1_001, "", 422),
        ("?ticket=x&ticket=y", "", 422),
    ],
)
async def test_a_stream_says_what_is_wrong_with_a_request(api: Api, path: str, header: str, status: int) -> None:
    headers = {**await new_token(api), "last-event-id": header}
    reply: Reply = await api.call("GET", f"/v1/feed/events{path}", headers=headers)
    assert reply.status == status
    assert reply.json["errors"]
