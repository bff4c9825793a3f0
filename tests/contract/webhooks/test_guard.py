"""Where webhooks may be, and what those that are there may answer (BAD-INPUT 52 to 56): when saved, and when used."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import SECRET
from tests.support.endpoint import EndpointServer, Posted
from tests.support.hooks import HOST, register, somebody, tell
from tests.support.house import House

from clarion import clock, ids
from clarion.channels.webhook import WebhookProvider
from clarion.domain.vault import Vault
from clarion.flows.webhooks import Webhooks
from clarion.http.client import Client, Patience
from clarion.http.progress import MOST_READ
from clarion.http.url_guard import UrlGuard
from clarion.store import webhooks

#: For answers that never end.
SHORT = Patience(total=timedelta(seconds=0.5))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.1/", "https://0x7f000001/", "https://2130706433", "https://0177.0.0.1/", "https://localhost./"),
        *(
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://100.100.100.200/",
            "https://192.0.0.192/",
        ),
        *(
            "http://169.254.169.254/latest/",
            "file:/" + "//etc/passwd",
            "gopher://example.com/",
            "https://user:pass@example.com/",
        ),
        *(
            "https://93.184.215.14:22/",
            "https://93.184.215.14:6379/",
            "https://example.com/#fragment",
            "http://93.184.215.14/",
        ),
        f"https://example.com/{'x' * 5_000}",
    ],
)
async def test_where_a_webhook_may_not_be_is_refused_when_it_is_saved_and_when_it_is_used(
    house: House, url: str
) -> None:
    who = await somebody(house)
    path = f"/v1/recipients/{who}/webhooks"
    reply = await house.api.call("POST", path, {"url": url})
    assert (reply.status, reply.code, reply.pointers) == (422, "url_not_allowed", ["/url"])
    assert "user:pass" not in reply.body.decode()
    # As if it had come into the table by another way.
    which = webhooks.Which(house.api.tenants["one"], who, ids.new())
    async with house.api.pool.acquire() as connection, connection.transaction():
        keeper = Webhooks(Vault(SECRET), UrlGuard())
        sealed = keeper._seal(which, "whsec_" + "b" * 32)
        await webhooks.add(
            connection, which, url=url, description=None, workflows=None, secret=sealed, secret_end="whsec_••••bbbb"
        )
    message = await tell(house, who)
    assert (message["status"], message["reason"].partition(":")[0]) == ("failed", "url_not_allowed")


@pytest.mark.parametrize("url", ["https://example.com:22/", "https://example.com:6379/", "http://example.com/"])
async def test_a_name_is_held_to_the_internets_ports_where_only_this_machine_is_listed(house: House, url: str) -> None:
    path = f"/v1/recipients/{await somebody(house)}/webhooks"
    reply = await house.api.call("POST", path, {"url": url})
    assert (reply.status, reply.code, reply.pointers) == (422, "url_not_allowed", ["/url"])


async def test_a_name_is_judged_by_every_address_at_every_connect(
    house: House, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It resolves to where it may be, then to more than that, then elsewhere: only then was anything connected to."""
    answers = [[HOST], [HOST, "127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"]]
    loop, usual = asyncio.get_running_loop(), asyncio.get_running_loop().getaddrinfo

    async def lookup(host: Any, port: Any, **more: Any) -> Any:
        if host != "hooks.example":
            return await usual(host, port, **more)
        return [(2, 1, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(loop, "getaddrinfo", lookup)
    who = await somebody(house)
    await house.post(f"/v1/recipients/{who}/webhooks", {"url": "https://hooks.example/"}, status=201)
    plain = (
        f"http://hooks.example:{server.port}/"  # as if this machine had not been all that was listed when it was saved
    )
    await house.api.pool.execute("UPDATE webhook SET url = $1 WHERE recipient_id = $2", plain, who)
    assert (await tell(house, who))["status"] == "sent"
    assert server.posted[0].headers["host"] == f"hooks.example:{server.port}"
    for _ in range(3):
        message = await tell(house, who)
        assert (message["status"], message["reason"].partition(":")[0]) == ("failed", "url_not_allowed")
    assert (len(server.posted), server.connections, answers) == (1, 1, [])


async def test_a_name_that_looks_like_another_is_shown_as_dns_has_it(house: House) -> None:
    who = await somebody(house)
    body = {"url": "https://аpple.example/hook"}  # noqa: RUF001 - the first letter is Cyrillic
    made = await house.post(f"/v1/recipients/{who}/webhooks", body, status=201)
    assert made["url"] == "https://xn--pple-43d.example/hook"


async def test_what_answers_without_end_is_judged_by_its_status(
    house: House, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    async def flood(_: Posted, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while taken < 1_000_000_000:
            writer.write(bytes(65_536))
            await writer.drain()
            taken += 65_536

    async def drip(_: Posted, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Taken\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    who = await somebody(house)
    await register(house, who, server)
    server.answer = flood
    assert (await tell(house, who))["status"] == "sent"
    assert taken < 64 * MOST_READ
    defaults = WebhookProvider.__init__.__kwdefaults__ or {}
    assert defaults["deadline"] == timedelta(seconds=15)
    dripped = await somebody(house)
    await register(house, dripped, server)
    monkeypatch.setattr("clarion.http.client.Client", lambda **given: Client(**given | {"patience": SHORT}))
    server.answer, began = drip, clock.monotonic()
    assert (await tell(house, dripped))["status"] == "sent"
    assert clock.monotonic() - began < 10
