"""The same POST again under one Idempotency-Key: route by route, it is done once and answered again as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import Api, Bell, open_api
from tests.support.http import Reply
from tests.support.postgres import Databases
from tests.support.things import Things, make_things

from clarion import clock
from clarion.api import repeats
from clarion.api.app import OPERATIONS
from clarion.api.feed import OWN_OPERATIONS
from clarion.api.idempotency import Once
from clarion.api.openapi import describe
from clarion.api.operation import Operation
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.twilio import TwilioFake
from clarion.flows.retention import tidy
from clarion.project.providers import read_accounts
from clarion.store import answers

TWILIO: Any = {"account_sid": "AC" + "0" * 32, "auth_token": "1" * 32}
POSTS = [one for one in (*OPERATIONS, *OWN_OPERATIONS) if one.method == "POST"]
KEEPS = [one for one in POSTS if one.once.keeps]
#: Those that are no business of this file, by what they are.
ITSELF, CHANGE_NOTHING = {"triggerWorkflow"}, {"previewWorkflow", "previewSchedule", "mintFeedToken"}

_ITEMS: Mapping[str, Any] = {"ids": ["fed_" + "0" * 32]}
_MARKS: Mapping[str, Any] = {
    **{verb: {"all": True} for verb in ("see", "read", "archive")},
    **dict.fromkeys(("unread", "unarchive", "unsnooze"), _ITEMS),
    "snooze": {**_ITEMS, "until": (clock.now() + timedelta(days=1)).isoformat()},
}
#: What each takes that takes something.
BODIES: Mapping[str, Any] = {
    **{f"{verb}{noun}": body for verb, body in _MARKS.items() for noun in ("Feed", "OwnFeed")},
    "addAddress": {"address": "another@example.com"},
    "createWebhook": {"url": "https://hooks.invalid/another"},
    "rotateWebhook": {},
    "disableWebhook": {},
    "putRecipients": {"recipients": [{"id": "bulk"}, {"id": "b a d"}]},
    "addSuppressions": {"suppressions": [{"address": "more@example.com"}, {"address": "?"}]},
    "redriveQuarantine": {},
    "redriveQueue": {},
    "cleanQueue": {},
    "testProvider": {"to": "+31612345678"},
    "runRetention": {},
}
#: What else could be asked for, where no path says of what.
OTHERS: Mapping[str, Any] = {
    **{f"{verb}OwnFeed": {"body": {"ids": ["fed_" + "1" * 32]}} for verb in _MARKS},
    "snoozeOwnFeed": {"body": {**_MARKS["snooze"], "ids": ["fed_" + "1" * 32]}},
    "putRecipients": {"body": {"recipients": [{"id": "another"}]}},
    "addSuppressions": {"body": {"suppressions": [{"address": "another@example.com"}]}},
    "redriveQuarantine": {"body": {"ids": ["qua_" + "0" * 32]}},
    "runRetention": {"body": {"dry_run": True}},
    "uploadAttachment": {"raw": b"another file"},
}
#: What must have happened before, so that it can be done.
BEFORE = {"uncancelTimer": "/v1/timers/{key}/cancel"}
#: What tells of the calls themselves.
_OF_CALLS = ("api_key", "kept_answer")


@pytest.fixture(scope="module")
async def sms() -> AsyncIterator[TwilioFake]:
    async with TwilioFake(**TWILIO) as fake:
        yield fake


@pytest.fixture(scope="module")
async def api(databases: Databases, sms: TwilioFake) -> AsyncIterator[Api]:
    table = {"kind": "twilio", "base_url": sms.url, "from": "+15017122661", **TWILIO}
    given: dict[str, Any] = {
        "accounts": read_accounts({"main": table}),
        "open_account": lambda account: open_provider(account.kind.channel, account),
    }
    async with databases.migrated() as url, open_api(url, **given) as api:
        yield api


async def state(api: Api) -> dict[str, str]:
    """What every table says."""
    async with api.pool.acquire() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        said = " UNION ALL ".join(
            f"SELECT '{name}', (SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{name}\" t)"
            for (name,) in tables
            if name not in _OF_CALLS
        )
        return dict(await connection.fetch(said))


async def own(api: Api, things: Things) -> dict[str, str]:
    """The header by which the recipient of *things* calls."""
    path = f"/v1/recipients/{things.ids['recipients']}/feed/tokens"
    return {"authorization": f"Bearer {(await api.call('POST', path, {})).json['token']}"}


def test_every_post_is_known() -> None:
    assert {one.id for one in POSTS if one.once is Once.ITSELF} == ITSELF
    assert {one.id for one in POSTS if one.once is Once.NEVER} == CHANGE_NOTHING
    assert {one.id for one in KEEPS if one.once is Once.CLAIMED} == {"testProvider", "testWebhook", "runRetention"}


def test_the_description_shows_the_header_where_it_counts() -> None:
    shown = {
        operation["operationId"]
        for path in describe(OPERATIONS)["paths"].values()
        for operation in path.values()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ()))
    }
    assert shown == {one.id for one in KEEPS} | ITSELF


@pytest.mark.parametrize("operation", KEEPS, ids=lambda one: one.id)
async def test_it_is_done_once_and_answered_twice(api: Api, sms: TwilioFake, operation: Operation[Any]) -> None:
    things = await make_things(api, "one", suffix=f"-{operation.id.lower()}")
    path, body, key = things.path(operation.path), things.body(BODIES.get(operation.id), operation.path), operation.id
    if before := BEFORE.get(operation.id):
        await api.call("POST", things.path(before))
    if operation.raw:
        path += "?name=a.pdf"
    caller = await own(api, things) if operation.own else {}
    given = {"raw": b"a file"} if operation.raw else {"body": body}

    async def call(at: str = path, **other: Any) -> Reply:
        return await api.call("POST", at, **{**given, **other}, headers={"idempotency-key": key, **caller})

    was = await state(api)
    async with api.pool.acquire() as connection, connection.transaction():
        caller_id = things.ids["recipients"] if operation.own else ""
        keyed = answers.Keyed(tenant_id=api.tenants["one"], caller=caller_id, key=key, hash=b"")
        assert await answers.lock(connection, keyed)
        busy = await call()
    assert (busy.status, busy.code, busy.headers["retry-after"]) == (409, "idempotency_in_flight", "1")
    wrong = await call(f"{path}{'&' if operation.raw else '?'}no_such_thing=1")
    assert wrong.status == 422
    if "{" in operation.path:
        assert (await call(things.unknown_path(operation.path))).status == 404
    assert await state(api) == was, "nothing was done, so nothing is kept, and the key is free"

    first = await call()
    assert first.status in operation.answers and "idempotency-replayed" not in first.headers, first
    after, sent, rung = await state(api), len(sms.taken), len(api.rung)
    again = await call()
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers.get("location") == first.headers.get("location")
    assert (await state(api), len(sms.taken), len(api.rung)) == (after, sent, rung), "it was done twice"

    elsewhere = things.unknown_path(operation.path) if "{" in operation.path else path
    other = await call(elsewhere, **OTHERS.get(operation.id, {}))
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    if not operation.own:
        apart = await call(tenant="two")
        assert "idempotency-replayed" not in apart.headers and apart.status in (*operation.answers, 404), apart


async def test_an_answer_is_sealed_and_kept_for_a_day(api: Api) -> None:
    """A secret that is told once is told once more to whoever lost the answer, and the database does not know it."""
    await api.call("PUT", "/v1/recipients/dora", {})
    path, headers = "/v1/recipients/dora/webhooks", {"idempotency-key": "a webhook"}
    body = {"url": "https://hooks.invalid/"}
    first = await api.call("POST", path, body, headers=headers)
    secret = first.json["secret"]
    assert (await api.call("POST", path, body, headers=headers)).json["secret"] == secret
    row = await api.pool.fetchrow("SELECT * FROM kept_answer WHERE key = 'a webhook'")
    assert row is not None and secret.encode() not in row["answer"] and b"hooks.invalid" not in row["answer"]
    left = row["expires_at"] - clock.now()
    assert repeats.LIFE - timedelta(minutes=5) < left <= repeats.LIFE
    swapped = "UPDATE kept_answer SET key = 'another' WHERE key = 'a webhook'"
    assert await api.pool.execute(swapped) == "UPDATE 1"
    lost = await api.call("POST", path, body, headers={"idempotency-key": "another"})
    assert (lost.status, lost.code) == (409, "answer_lost"), "a row opens in its own place alone"
    await api.pool.execute("UPDATE kept_answer SET expires_at = now() - interval '1 s' WHERE key = 'another'")
    anew = await api.call("POST", path, body, headers={"idempotency-key": "another"})
    assert anew.status == 201 and anew.json["secret"] != secret
    await api.pool.execute("UPDATE kept_answer SET expires_at = now() - interval '1 s' WHERE key = 'another'")
    async with api.pool.acquire() as connection:
        assert await tidy(connection) >= 1
    assert await api.pool.fetchval("SELECT count(*) FROM kept_answer WHERE key = 'another'") == 0


async def test_the_same_many_times_at_once_is_done_once(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/cem", {})
    path, headers = "/v1/recipients/cem/webhooks", {"idempotency-key": "at once"}
    body = {"url": "https://hooks.invalid/"}
    replies = await asyncio.gather(*(api.call("POST", path, body, headers=headers) for _ in range(16)))
    assert {reply.code for reply in replies if reply.status != 201} <= {"idempotency_in_flight"}
    assert len({reply.json["id"] for reply in replies if reply.status == 201}) == 1
    assert len((await api.call("GET", path)).json["items"]) == 1


async def test_whoever_died_with_a_claim_keeps_it_for_a_while(api: Api, sms: TwilioFake) -> None:
    path, body, headers = "/v1/providers/main/test", {"to": "+31612345678"}, {"idempotency-key": "died"}
    done = await api.call("POST", path, body, headers=headers)
    assert done.json["ok"]
    died = "UPDATE kept_answer SET answer = NULL, claim = gen_random_uuid(), expires_at = now() + $1 WHERE key = 'died'"
    await api.pool.execute(died, repeats.LEASE)
    sent = len(sms.taken)
    busy = await api.call("POST", path, body, headers=headers)
    assert (busy.code, len(sms.taken)) == ("idempotency_in_flight", sent)
    await api.pool.execute(died, -repeats.LEASE)
    again = await api.call("POST", path, body, headers=headers)
    assert (again.status, len(sms.taken)) == (200, sent + 1)
    refused = await api.call("POST", path, {"to": "x"}, headers={"idempotency-key": "refused"})
    assert refused.status == 422
    assert (await api.call("POST", path, body, headers={"idempotency-key": "refused"})).status == 200


async def test_workers_are_woken_when_it_is_committed(api: Api) -> None:
    things = await make_things(api, "one", suffix="-woken")
    idle: list[int] = []
    assert isinstance(api.rung, Bell)
    api.rung.hear("timers", lambda _: idle.append(api.pool.get_idle_size()))
    reply = await api.call("POST", things.path("/v1/timers/{key}/hurry"), headers={"idempotency-key": "wake"})
    assert (reply.status, idle) == (202, [api.pool.get_size()]), "no transaction is open any more"


async def test_recipients_have_keys_of_their_own(api: Api) -> None:
    things = [await make_things(api, "one", suffix=f"-own{number}") for number in range(2)]
    for one in things:
        headers = {**await own(api, one), "idempotency-key": "1"}
        reply = await api.call("POST", "/v1/feed/read", {"all": True}, headers=headers)
        assert (reply.status, reply.json["changed"]) == (200, 2)
        assert "idempotency-replayed" not in reply.headers
