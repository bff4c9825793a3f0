"""Devices over HTTP: registered, seen again, moved, bounded, forgotten; and their tokens shown to nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.command import clarion

from clarion.domain.device import LONGEST_TOKEN, MOST_DEVICES, Dead
from clarion.store import devices

TOKEN = "cRA0mXyFQ-Sg:APA91bH0123456789abcdef"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        for id in ("ann", "ben"):
            await api.call("PUT", f"/v1/recipients/{id}", {})
        yield api


async def _ids(api: Api, who: str = "ann") -> list[str]:
    return [one["id"] for one in (await api.call("GET", f"/v1/recipients/{who}/devices")).json["items"]]


async def test_a_device_is_put_shown_and_forgotten(api: Api) -> None:
    path = "/v1/recipients/ann/devices/phone"
    assert (await api.call("GET", path)).code == "not_found"
    created = await api.call("PUT", path, {"token": TOKEN, "provider": "fcm", "platform": "android"})
    assert created.status == 201
    shown = (await api.call("GET", path)).json
    assert shown == created.json
    assert shown["token"] == "••••cdef"
    assert (shown["provider"], shown["platform"], shown["disabled_at"]) == ("fcm", "android", None)
    again = await api.call("PUT", path, {"token": TOKEN, "platform": "android"})
    assert again.status == 200
    assert again.json["created_at"] == shown["created_at"] <= shown["seen_at"] < again.json["seen_at"]
    assert (await api.call("GET", "/v1/recipients/ann/devices")).json == {"items": [again.json]}
    assert (await api.call("DELETE", path)).status == 204
    assert (await api.call("DELETE", path)).status == 404
    assert await _ids(api) == []


async def test_of_a_recipient_that_is_not_there_nothing_is_known(api: Api) -> None:
    for method, path in (("GET", ""), ("GET", "/phone"), ("PUT", "/phone"), ("DELETE", "/phone")):
        body = {"token": TOKEN} if method == "PUT" else None
        assert (await api.call(method, f"/v1/recipients/nobody/devices{path}", body)).status == 404
    assert await api.pool.fetchval("SELECT count(*) FROM device") == 0


async def test_a_token_is_that_of_who_registered_it_last(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/ann/devices/phone", {"token": TOKEN})
    await api.call("PUT", "/v1/recipients/ann/devices/phone-anew", {"token": TOKEN})
    assert await _ids(api) == ["phone-anew"], "one installation, whatever it is called"
    assert (await api.call("PUT", "/v1/recipients/ben/devices/phone", {"token": TOKEN})).status == 201
    assert await _ids(api) == []
    assert await _ids(api, "ben") == ["phone"]
    await api.call("PUT", "/v1/recipients/ann", {}, tenant="two")
    await api.call("PUT", "/v1/recipients/ann/devices/phone", {"token": TOKEN}, tenant="two")
    assert await _ids(api, "ben") == ["phone"], "what another tenant registers takes nothing away"


async def test_a_new_token_takes_the_place_of_the_old(api: Api) -> None:
    path = "/v1/recipients/ann/devices/phone"
    await api.call("PUT", path, {"token": TOKEN, "platform": "android"})
    replaced = await api.call("PUT", path, {"token": TOKEN + "new!"})
    assert (replaced.status, replaced.json["token"], replaced.json["platform"]) == (200, "••••new!", None)
    assert await api.pool.fetchval("SELECT count(*) FROM device") == 1


async def test_of_too_many_the_one_goes_that_was_not_seen_for_longest(api: Api) -> None:
    for number in range(MOST_DEVICES):
        await api.call("PUT", f"/v1/recipients/ann/devices/d{number}", {"token": f"{TOKEN}{number}"})
    await api.call("PUT", "/v1/recipients/ann/devices/d0", {"token": f"{TOKEN}0"})
    await api.call("PUT", "/v1/recipients/ann/devices/last", {"token": f"{TOKEN}last"})
    found = await _ids(api)
    assert len(found) == MOST_DEVICES
    assert found[:2] == ["last", "d0"]
    assert "d1" not in found


async def test_who_come_at_the_same_time_come_one_after_the_other(api: Api) -> None:
    puts = [
        api.call("PUT", f"/v1/recipients/{who}/devices/d{n}", {"token": TOKEN})
        for who in ("ann", "ben")
        for n in range(5)
    ]
    assert {reply.status for reply in await asyncio.gather(*puts)} == {201}
    assert await api.pool.fetchval("SELECT count(*) FROM device") == 1
    puts = [
        api.call("PUT", f"/v1/recipients/ann/devices/{n}", {"token": f"{TOKEN}{n}"}) for n in range(MOST_DEVICES + 10)
    ]
    assert {reply.status for reply in await asyncio.gather(*puts)} == {201}
    assert len(await _ids(api)) == MOST_DEVICES


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing", "/token"),
        ({"token": ""}, "invalid_token", "/token"),
        ({"token": "a b"}, "invalid_token", "/token"),
        ({"token": "a\r\nb"}, "invalid_token", "/token"),
        ({"token": "töken"}, "invalid_token", "/token"),
        ({"token": "x" * (LONGEST_TOKEN + 1)}, "invalid_token", "/token"),
        ({"token": 7}, "type", "/token"),
        ({"token": TOKEN, "provider": "pigeon"}, "not_allowed", "/provider"),
        ({"token": TOKEN, "platform": "toaster"}, "not_allowed", "/platform"),
        ({"token": TOKEN, "disabled_at": None}, "unknown_field", "/disabled_at"),
    ],
)
async def test_what_is_wrong_is_named_and_the_token_is_not_repeated(
    api: Api, body: dict[str, object], code: str, pointer: str
) -> None:
    reply = await api.call("PUT", "/v1/recipients/ann/devices/phone", body)
    assert (reply.status, reply.code, reply.pointers) == (422, code, [pointer])
    token = body.get("token")
    assert not isinstance(token, str) or len(token) < 3 or token not in reply.body.decode()
    assert await _ids(api) == []


async def test_the_longest_token_is_kept(api: Api) -> None:
    longest = "x" * LONGEST_TOKEN
    assert (await api.call("PUT", "/v1/recipients/ann/devices/phone", {"token": longest})).status == 201
    assert await api.pool.fetchval("SELECT token FROM device") == longest


async def test_a_dead_token_disables_the_device_that_has_it_and_no_other(api: Api) -> None:
    for device, token in (("phone", TOKEN), ("tablet", f"{TOKEN}2")):
        await api.call("PUT", f"/v1/recipients/ann/devices/{device}", {"token": token})
    tenant = api.tenants["one"]
    async with api.pool.acquire() as connection:
        assert await devices.disable(connection, []) == 0
        assert await devices.disable(connection, [(api.tenants["two"], Dead(TOKEN, "gone"))]) == 0
        dead = [(tenant, Dead(TOKEN, "gone")), (tenant, Dead(TOKEN, "gone")), (tenant, Dead("unheard of", "gone"))]
        assert await devices.disable(connection, dead) == 1
        assert await devices.disable(connection, dead) == 0
    phone = (await api.call("GET", "/v1/recipients/ann/devices/phone")).json
    assert (phone["disabled_reason"], phone["disabled_at"] is None) == ("gone", False)
    assert (await api.call("GET", "/v1/recipients/ann/devices/tablet")).json["disabled_at"] is None
    back = await api.call("PUT", "/v1/recipients/ann/devices/phone", {"token": TOKEN})
    assert (back.json["disabled_at"], back.json["disabled_reason"]) == (None, None)


SUBSCRIPTION: dict[str, Any] = {
    "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABh",
    "expirationTime": None,
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg==",
    },
}


async def test_a_browsers_subscription_is_a_token_however_it_is_written(api: Api) -> None:
    path = "/v1/recipients/ann/devices/browser"
    for token in (SUBSCRIPTION, json.dumps(SUBSCRIPTION, separators=(",", ":"))):
        put = await api.call("PUT", path, {"token": token, "provider": "webpush", "platform": "web"})
        assert put.status in (200, 201), put.json
        assert put.json["token"] == '••••Bh"}'
    stored = json.loads(await api.pool.fetchval("SELECT token FROM device"))
    assert stored["endpoint"] == SUBSCRIPTION["endpoint"]
    assert stored["keys"]["auth"] == "BTBZMqHH6r4Tts7J_aSIgg"


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("cRA0mXyFQ-Sg:APA91bHun4", "expected the JSON of a browser's subscription"),
        ("[]", "expected the JSON of a browser's subscription"),
        ({**SUBSCRIPTION, "keys": None}, "expected the JSON of a browser's subscription"),
        ({**SUBSCRIPTION, "endpoint": 7}, "its `endpoint` is missing"),
        ({**SUBSCRIPTION, "endpoint": "http://push.example/x"}, "it is not https"),
        ({**SUBSCRIPTION, "endpoint": "https://10.0.0.7/x"}, "10.0.0.7 is not in the internet"),
        ({**SUBSCRIPTION, "endpoint": "https://127.1/x"}, "not written as four decimal numbers"),
        ({**SUBSCRIPTION, "endpoint": "https://localhost/x"}, "which is not in the internet"),
        ({**SUBSCRIPTION, "endpoint": "https://me:secret@push.example/x"}, "it has a user or a password"),
        ({**SUBSCRIPTION, "endpoint": "https://push.example/" + "x" * 1_900}, "it is longer than"),
        ({**SUBSCRIPTION, "keys": {"auth": "AAAA", "p256dh": "AAAA"}}, "`p256dh` is not 65 octets"),
        ({**SUBSCRIPTION, "keys": {**SUBSCRIPTION["keys"], "auth": "AAAA"}}, "`auth` is not 16 octets"),
        ({**SUBSCRIPTION, "keys": {**SUBSCRIPTION["keys"], "p256dh": "B" + "A" * 86}}, "no point of P-256"),
        ({**SUBSCRIPTION, "keys": {**SUBSCRIPTION["keys"], "p256dh": ["x"]}}, "`p256dh` is not 65 octets"),
    ],
)
async def test_a_subscription_that_cannot_be_used_is_refused(api: Api, token: object, says: str) -> None:
    reply = await api.call(
        "PUT", "/v1/recipients/ann/devices/browser", {"token": token, "provider": "webpush", "platform": "web"}
    )
    assert (reply.status, reply.code, reply.pointers) == (422, "invalid_token", ["/token"]), reply.json
    assert says in str(reply.json)
    assert "secret" not in str(reply.json)
    assert await api.pool.fetchval("SELECT count(*) FROM device") == 0


async def test_a_token_of_apples_is_hexadecimal(api: Api) -> None:
    path, token = "/v1/recipients/ann/devices/phone", "AB" * 32
    put = await api.call("PUT", path, {"token": token, "provider": "apns", "platform": "ios"})
    assert put.status == 201
    assert await api.pool.fetchval("SELECT token FROM device") == token.lower()
    for wrong in (TOKEN, "ab" * 31, "ab" * 101, "xy" * 32):
        reply = await api.call("PUT", path, {"token": wrong, "provider": "apns"})
        assert (reply.status, reply.code, reply.pointers) == (422, "invalid_token", ["/token"])


async def test_the_command_line_lists_and_forgets_them(api: Api) -> None:
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    await api.call("PUT", "/v1/recipients/ann/devices/phone", {"token": TOKEN, "platform": "ios"})
    (listed,) = (await clarion("devices", "list", "ann", "--json", *where)).lines
    assert (listed["id"], listed["platform"], listed["token"]) == ("phone", "ios", "••••cdef")
    shown = await clarion("devices", "list", "ann", *where)
    assert "phone" in shown.out
    assert TOKEN not in shown.out
    assert (await clarion("devices", "delete", "ann", "phone", *where)).code == 0
    assert (await clarion("devices", "delete", "ann", "phone", *where)).code == 3
    assert "no devices" in (await clarion("devices", "list", "ann", *where)).err


async def test_with_a_recipient_their_devices_are_forgotten(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/ann/devices/phone", {"token": TOKEN})
    await api.call("PUT", "/v1/recipients/ann", {"name": "Ann"})
    assert await _ids(api) == ["phone"], "what is said of a person leaves their devices alone"
    assert (await api.call("DELETE", "/v1/recipients/ann")).status == 204
    assert await api.pool.fetchval("SELECT count(*) FROM device") == 0
