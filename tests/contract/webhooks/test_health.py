"""How it goes with a webhook: what each answer means for it, when it is left alone, and when it is given up."""

from __future__ import annotations

import asyncio
from typing import Any

from standardwebhooks import Webhook
from tests.support.endpoint import EndpointServer, Posted, hang, status
from tests.support.hooks import HOST, register, shown, somebody, tell
from tests.support.house import House
from tests.support.wait import wait_until


async def test_a_redirect_fails_and_410_disables(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server)
    async with EndpointServer(host=HOST) as inside:
        for code in (301, 302, 307):
            server.answer = status(code, f"location: http://{HOST}:{inside.port}/")
            message = await tell(house, who)
            assert (message["status"], message["attempts"]) == ("failed", 1)
            assert message["reason"].startswith(f"redirect: HTTP {code}")
        assert inside.connections == 0
    failing = await shown(house, who, made)
    assert failing["failing_since"] is not None
    assert failing["last_error"].startswith("HTTP 307")
    server.answer = status(410)
    assert (await tell(house, who))["reason"].startswith("gone: HTTP 410")
    await _until_disabled(house, who, made, "HTTP 410: the endpoint wants no more")
    assert (await tell(house, who))["reason"] == "no webhook that wants it"
    server.answer = status(200)
    enabled = await house.post(f"/v1/recipients/{who}/webhooks/{made['id']}/enable")
    assert (enabled["disabled_at"], enabled["failing_since"], enabled["last_error"]) == (None, None, None)
    assert (await tell(house, who))["status"] == "sent"


async def _until_disabled(house: House, who: str, webhook: Any, reason: str) -> None:
    """It is disabled for *reason*, and a binding has heard of it."""

    async def is_disabled() -> bool:
        return (await shown(house, who, webhook))["disabled_at"] is not None

    await wait_until(is_disabled, 10, "the webhook to be disabled")
    assert reason in (await shown(house, who, webhook))["disabled_reason"]

    async def heard() -> bool:
        said = await house.api.pool.fetchval("SELECT metadata FROM timer WHERE key = $1", webhook["id"])
        return said is not None and said["data"]["webhook"]["recipient"] == who

    await wait_until(heard, 10, "the binding to hear of it")


async def test_what_fails_for_days_is_disabled_and_one_that_arrives_begins_anew(
    house: House, server: EndpointServer
) -> None:
    who = await somebody(house)
    made = await register(house, who, server)
    server.answer = status(404)
    await tell(house, who)
    await house.api.pool.execute("UPDATE webhook SET failing_since = failing_since - interval '6 days'")
    server.answer = status(200)
    await tell(house, who)

    async def is_well() -> bool:
        return (await shown(house, who, made))["failing_since"] is None

    await wait_until(is_well, 10, "it to be well")
    server.answer = status(404)
    await tell(house, who)
    assert (await shown(house, who, made))["disabled_at"] is None, "five days from now"
    await house.api.pool.execute("UPDATE webhook SET failing_since = failing_since - interval '6 days'")
    await tell(house, who)
    await _until_disabled(house, who, made, "nothing arrived there for 5d; the last failure: HTTP 404")


async def test_who_asks_to_be_left_alone_is_and_others_are_not(house: House, server: EndpointServer) -> None:
    who, other = await somebody(house), await somebody(house)
    made = await register(house, who, server, "/busy")
    await register(house, other, server, "/well")

    async def answer(posted: Posted, writer: asyncio.StreamWriter) -> None:
        busy = posted.line.startswith("POST /busy")
        await (status(429, "retry-after: 100") if busy else status(200))(posted, writer)

    server.answer = answer
    first = await house.trigger({"recipients": [who]}, "told")

    async def is_paused() -> bool:
        return (await shown(house, who, made))["paused_until"] is not None

    await wait_until(is_paused, 10, "the pause")
    second = await house.trigger({"recipients": [who]}, "told")
    assert (await tell(house, other))["status"] == "sent"

    async def waits() -> bool:
        (message,) = (await house.get(f"/v1/messages?trigger={second}"))["items"]
        return bool(message["reason"])

    await wait_until(waits, 10, "the second to be put off")
    assert [posted.line.split()[1] for posted in server.posted].count("/busy") == 1
    spent = await house.api.pool.fetch("SELECT attempts FROM job WHERE queue = 'webhook'")
    assert {row["attempts"] for row in spent} == {0}, "a wait spends no attempt"
    server.answer = status(200)
    await house.api.pool.execute("UPDATE webhook SET paused_until = NULL")
    await house.api.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = 'webhook'")
    for id in (first, second):
        assert (await house.finished(id))["messages"]["sent"] == 1


async def test_a_webhook_is_tried_at_once(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server)
    path = f"/v1/recipients/{who}/webhooks/{made['id']}"
    tried = await house.post(f"{path}/test")
    assert (tried["ok"], tried["reason"]) == (True, None)
    said = Webhook(made["secret"]).verify(server.posted[0].body, server.posted[0].headers)
    assert (said["type"], said["data"]) == ("test", {"webhook": made["id"], "recipient": who})
    server.answer = status(401, body=b"who are you?")
    tried = await house.post(f"{path}/test")
    assert (tried["ok"], tried["reason"]) == (False, "HTTP 401: who are you?")
    assert await house.api.pool.fetchval("SELECT count(*) FROM message WHERE recipient_id = $1", who) == 0
    assert (await shown(house, who, made))["failing_since"] is None


async def test_one_that_hangs_holds_up_no_other(house: House, server: EndpointServer) -> None:
    """They are of one trigger, and so of one list."""
    who = await somebody(house)
    await register(house, who, server, "/hangs")
    well = await register(house, who, server, "/well")

    async def answer(posted: Posted, writer: asyncio.StreamWriter) -> None:
        await (hang if posted.line.startswith("POST /hangs") else status(200))(posted, writer)

    server.answer = answer
    trigger = await house.trigger({"recipients": [who]}, "told")

    async def both() -> dict[str, str]:
        items = (await house.get(f"/v1/messages?trigger={trigger}"))["items"]
        return {message["address"]: message["status"] for message in items}

    async def is_sent() -> bool:
        return (await both()).get(well["id"]) == "sent"

    await wait_until(is_sent, 8, "the one that is well to be told")
    assert sorted((await both()).values()) == ["sending", "sent"]
