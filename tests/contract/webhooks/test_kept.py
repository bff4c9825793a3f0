"""Webhooks as they are kept: how many, their secrets, and what the command line makes of them."""

from __future__ import annotations

import asyncio

from tests.support.api import SECRET
from tests.support.command import clarion
from tests.support.endpoint import EndpointServer, status
from tests.support.hooks import HOST, register, somebody
from tests.support.house import House

from clarion import ids
from clarion.domain.vault import Vault
from clarion.domain.webhook import MOST_WEBHOOKS
from clarion.flows.webhooks import Webhooks
from clarion.http.url_guard import UrlGuard
from clarion.store import webhooks


async def test_of_too_many_and_of_none(house: House) -> None:
    who = await somebody(house)
    path, body = f"/v1/recipients/{who}/webhooks", {"url": "https://shop.example/"}
    replies = await asyncio.gather(*(house.api.call("POST", path, body) for _ in range(MOST_WEBHOOKS + 3)))
    assert sorted(reply.status for reply in replies) == [201] * MOST_WEBHOOKS + [409] * 3
    assert {reply.code for reply in replies if reply.status == 409} == {"too_many_webhooks"}
    assert (await house.api.call("POST", "/v1/recipients/nobody/webhooks", body)).status == 404
    assert (await house.api.call("GET", "/v1/recipients/nobody/webhooks")).status == 404
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/test")):
        for id in ("whk_1", ids.show(ids.Prefix.WEBHOOK, ids.new()), replies[0].json["id"].replace("whk", "msg")):
            assert (await house.api.call(method, f"{path}/{id}{end}")).status == 404


async def test_secrets_outlive_a_change_of_the_installations_secret(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    made = await register(house, who, server)
    which = webhooks.Which(house.api.tenants["one"], who, ids.parse(ids.Prefix.WEBHOOK, made["id"]))
    new, guard = b"another secret, long enough to be one!", UrlGuard()

    async def opened(keeper: Webhooks) -> int:
        async with house.api.pool.acquire() as connection:
            row = await webhooks.get(connection, which)
        assert row is not None
        return len(keeper.secrets(which, row["secret"], row["old_secret"]))

    assert await opened(Webhooks(Vault(new, SECRET), guard)) == 1, "the old one is listed"
    assert await opened(Webhooks(Vault(new), guard)) == 0
    async with house.api.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        assert (await Webhooks(Vault(new), guard).reseal(connection))[1] > 0
        done, lost = await Webhooks(Vault(new, SECRET), guard).reseal(connection)
        assert (done > 0, lost) == (True, 0)
        row = await webhooks.get(connection, which)
        assert row is not None
        assert len(Webhooks(Vault(new), guard).secrets(which, row["secret"], None)) == 1
        other = which._replace(tenant_id=house.api.tenants["two"])
        assert Webhooks(Vault(new), guard).secrets(other, row["secret"], None) == (), "it is another tenant's"
        await transaction.rollback()


async def test_the_command_line_does_all_of_it(house: House, server: EndpointServer) -> None:
    who = await somebody(house)
    where = ("--url", f"http://127.0.0.1:{house.api.port}", "--api-key", house.api.keys["one"])
    url = f"http://{HOST}:{server.port}/"
    made = (await clarion("endpoints", "add", who, url, "--workflow", "told", "--json", *where)).json
    assert (made["workflows"], made["secret"][:6]) == (["told"], "whsec_")
    listed = await clarion("endpoints", "list", who, *where)
    assert made["id"] in listed.out
    assert made["secret"] not in listed.out
    assert (await clarion("endpoints", "test", who, made["id"], *where)).code == 0
    server.answer = status(500)
    failed = await clarion("endpoints", "test", who, made["id"], *where)
    assert (failed.code, "HTTP 500" in failed.out) == (1, True)
    rotated = (await clarion("endpoints", "rotate", who, made["id"], "--overlap", "1h", "--json", *where)).json
    assert (rotated["secret"] != made["secret"], rotated["old_secret_until"] is not None) == (True, True)
    off = (await clarion("endpoints", "disable", who, made["id"], "--reason", "moving", "--json", *where)).json
    assert off["disabled_reason"] == "moving"
    assert (await clarion("endpoints", "enable", who, made["id"], "--json", *where)).json["disabled_at"] is None
    assert (await clarion("endpoints", "delete", who, made["id"], *where)).code == 0
    assert "no webhooks" in (await clarion("endpoints", "list", who, *where)).err
    refused = await clarion("endpoints", "add", who, "http://127.1/", *where)
    assert (refused.code, "not written as four decimal numbers" in refused.err) == (1, True)
