"""Webhooks of recipients are told: signed, as the step says, each by itself, until they are forgotten."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from tests.support.endpoint import EndpointServer, Posted, status
from tests.support.hooks import HOST, register, shown, somebody, tell
from tests.support.house import House
from tests.support.wait import wait_until

from clarion.domain.webhook_body import MOST_BYTES


async def test_a_message_arrives_signed_and_its_secret_is_told_once(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server, "/hook?a=%20b", description="orders")
    now = await shown(house, who, made)
    assert now == made | {"secret": f"whsec_••••{made['secret'][-4:]}"}
    assert (await house.get(f"/v1/recipients/{who}/webhooks"))["items"] == [now]
    message = await tell(house, who, payload={"orderId": "12345"})
    assert (message["status"], message["address"], message["reason"]) == ("sent", made["id"], None)
    (posted,) = server.posted
    assert posted.line == "POST /hook?a=%20b HTTP/1.1"
    assert (posted.headers["webhook-id"], posted.headers["content-type"]) == (message["id"], "application/json")
    said = Webhook(made["secret"]).verify(posted.body, posted.headers)
    assert (said["type"], sorted(said)) == ("told", ["data", "timestamp", "type"])
    assert datetime.fromisoformat(said["timestamp"]).tzinfo is not None
    data = said["data"]
    assert (data["message_id"], data["workflow"]) == (message["id"], "told")
    assert (data["recipient"], data["payload"]) == ({"id": who}, {"orderId": "12345"})
    for secret, body in (("whsec_" + "c" * 32, posted.body), (made["secret"], posted.body + b" ")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, posted.headers)
    row = await house.api.pool.fetchrow("SELECT * FROM webhook WHERE recipient_id = $1", who)
    assert row is not None
    assert made["secret"].removeprefix("whsec_")[:-4] not in repr(dict(row)), "it is sealed"


async def test_the_data_is_what_the_step_says(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server)
    payload = {"orderId": 'x", "admin": true, "y": "', "lines": [{"sku": "a", "cents": 250}]}
    assert (await tell(house, who, "shaped", payload))["reason"] is None
    said = Webhook(made["secret"]).verify(server.posted[0].body, server.posted[0].headers)
    assert said["type"] == "order.shipped"
    assert said["data"] == {
        "order": payload["orderId"],
        "for": f"Ana <{who}@example.com>",
        "lines": [{"sku": "a", "each": 2.5}],
        "fixed": [1, True, None, "text"],
    }
    wrong = await tell(house, who, "shaped", {"orderId": "1"})
    assert wrong["status"] == "failed"
    assert "expression_failed: data/lines" in wrong["reason"]
    large = await tell(house, who, "large", {f"k{n}": "x" * 100_000 for n in range(3)})
    assert (large["status"], large["attempts"]) == ("failed", 0)
    assert large["reason"].startswith("too_large: ")
    assert f"{MOST_BYTES:,}" in large["reason"]
    assert len(server.posted) == 1


async def test_each_webhook_gets_a_message_of_its_own_if_it_wants_the_workflow(
    house: House, server: EndpointServer
) -> None:
    who = await somebody(house)
    nobody = await tell(house, who)
    assert (nobody["status"], nobody["reason"]) == ("skipped", "no webhook that wants it")
    await register(house, who, server, "/all")
    picky = await register(house, who, server, "/other", workflows=["other", "other"])
    assert picky["workflows"] == ["other"]
    off = await register(house, who, server, "/off")
    assert (await house.post(f"/v1/recipients/{who}/webhooks/{off['id']}/disable", {}))["disabled_reason"] == "by hand"
    await tell(house, who)
    assert [posted.line.split()[1] for posted in server.posted] == ["/all"]
    id = await house.trigger({"recipients": [who]}, "other")
    assert (await house.finished(id))["messages"]["sent"] == 2
    assert sorted(posted.line.split()[1] for posted in server.posted) == ["/all", "/all", "/other"]
    path = f"/v1/recipients/{who}/webhooks/{picky['id']}"
    moved = await house.put(path, {"url": f"http://{HOST}:{server.port}/moved", "workflows": ["told"]})
    assert (moved["url"][-6:], moved["workflows"], moved["secret"]) == (
        "/moved",
        ["told"],
        f"whsec_••••{picky['secret'][-4:]}",
    )
    id = await house.trigger({"recipients": [who]}, "told")
    await house.finished(id)
    assert {posted.line.split()[1] for posted in server.posted[3:]} == {"/all", "/moved"}


async def test_for_a_while_both_secrets_sign(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    first = await register(house, who, server)
    path = f"/v1/recipients/{who}/webhooks/{first['id']}/rotate"
    second = await house.post(path, {})
    assert second["secret"] != first["secret"]
    assert second["old_secret_until"] is not None

    async def verified() -> list[bool]:
        await tell(house, who)
        posted, found = server.posted[-1], []
        for secret in (first["secret"], second["secret"]):
            try:
                Webhook(secret).verify(posted.body, posted.headers)
                found.append(True)
            except WebhookVerificationError:
                found.append(False)
        return found

    assert await verified() == [True, True]
    await house.api.pool.execute("UPDATE webhook SET old_until = clock_timestamp() WHERE recipient_id = $1", who)
    assert await verified() == [False, True]
    second = await house.post(path, {"overlap_s": 0})
    assert second["old_secret_until"] is None
    assert await verified() == [False, True]


async def test_5xx_is_tried_again_under_the_same_id(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server)

    async def answer(posted: Posted, writer: asyncio.StreamWriter) -> None:
        await status(500 if len(server.posted) == 1 else 200)(posted, writer)

    server.answer = answer
    message = await tell(house, who, "again")
    assert (message["status"], message["attempts"], message["possible_duplicate"]) == ("sent", 2, True)
    first, second = server.posted
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message["id"]
    assert first.body == second.body
    for posted in server.posted:
        Webhook(made["secret"]).verify(posted.body, posted.headers)


async def test_what_is_forgotten_while_messages_wait_gets_none(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server)
    await house.post("/v1/queues/webhook/pause")
    try:
        id = await house.trigger({"recipients": [who]}, "told")

        async def is_made() -> bool:
            return bool((await house.get(f"/v1/messages?trigger={id}"))["items"])

        await wait_until(is_made, 10, "the message")
        assert (await house.api.call("DELETE", f"/v1/recipients/{who}/webhooks/{made['id']}")).status == 204
    finally:
        await house.post("/v1/queues/webhook/resume")
    await house.finished(id)
    (message,) = (await house.get(f"/v1/messages?trigger={id}"))["items"]
    assert (message["status"], message["reason"]) == ("skipped", "its webhook is gone, or disabled")
    assert server.posted == []
