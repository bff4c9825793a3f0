"""Doing what actions say: triggers, as rows and jobs of the caller's transaction."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.support.api import Api, open_api

from clarion import clock
from clarion.domain.action import Trigger
from clarion.domain.attachment import Rules, id_of
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel, ChannelStep, Workflow
from clarion.errors import Invalid
from clarion.flows import trigger_action
from clarion.flows.act import Act, Deed, Doings
from clarion.flows.attaching import Allowed
from clarion.flows.definitions import Definitions
from clarion.store import attachments, recipients, tenants, topics, workflows
from clarion.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=4, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    """One with the workflow `welcome`, the recipients `ana` and `bob`, and both in the topic `guests`."""
    return await _make_tenant(pool, "one")


async def _make_tenant(pool: Pool, name: str) -> UUID:
    steps = (ChannelStep(key="email", channel=Channel.EMAIL, template="email"),)
    definition = Workflow(key="welcome", steps=steps).to_json()
    async with pool.acquire() as connection, connection.transaction():
        tenant = await tenants.ensure(connection, name)
        await workflows.publish(connection, tenant, "welcome", hash="h", definition=definition, bundle={})
        await recipients.put_many(connection, tenant, [Recipient(id="ana", name="Ana"), Recipient(id="bob")])
        await topics.put(connection, tenant, "guests", name=None)
        await topics.add_members(connection, tenant, "guests", ["ana", "bob"])
    return tenant


async def _act(pool: Pool, deeds: list[Deed]) -> Doings:
    async with pool.acquire() as connection, connection.transaction():
        return await Act(Definitions())(connection, deeds)


def _deed(tenant: UUID, recipients: Any = ("ana",), *, workflow: str = "welcome", **fields: Any) -> Deed:
    action = Trigger(workflow=workflow, recipients=recipients, **fields)
    return Deed(tenant_id=tenant, action=action, cause="test:1/0")


async def test_a_trigger_becomes_what_a_request_becomes(pool: Pool, tenant: UUID) -> None:
    later = clock.now() + timedelta(hours=1)
    people = [
        "ana",
        {"topic": "guests"},
        {"id": "cy", "email": "Cy@Example.com", "phone": "+31 6 12345678"},
        {"email": "d@example.com"},
    ]
    given: dict[str, Any] = {
        "metadata": {"order": 7},
        "transaction_id": "o-7",
        "priority": "high",
        "channels": ["email"],
    }
    deed = _deed(tenant, people, payload={"a": [1, None, "ß"]}, send_at=later, **given)
    doings = await _act(pool, [deed])
    assert doings.queues == {"expand"}
    id = doings.done[0].trigger_id
    row = await pool.fetchrow("SELECT * FROM trigger WHERE id = $1", id)
    assert row is not None
    assert (row["recipient_ids"], row["topic_keys"]) == (["ana", "cy", "d@example.com"], ["guests"])
    assert (row["payload"], row["metadata"]) == ({"a": [1, None, "ß"]}, {"order": 7})
    assert (row["transaction_id"], row["priority"], row["channels"]) == ("o-7", 1, ["email"])
    assert (row["total"], row["send_at"], row["status"]) == (5, later, "accepted")
    assert row["expires_at"] == later + timedelta(days=3)
    job = await pool.fetchrow("SELECT * FROM job WHERE id = $1", id)
    assert job is not None
    assert (job["queue"], job["kind"], job["run_at"], job["priority"]) == ("expand", "expand", later, 1)
    contacts = await pool.fetch("SELECT channel, address FROM contact WHERE recipient_id = 'cy' ORDER BY channel")
    assert list(map(tuple, contacts)) == [("email", "Cy@example.com"), ("sms", "+31612345678")]


async def test_one_that_cannot_be_done_leaves_the_others_be(pool: Pool, tenant: UUID) -> None:
    deeds = [
        _deed(tenant),
        _deed(tenant, workflow="nothing"),
        _deed(tenant, workflow="no\0thing"),
        _deed(tenant, ["ana", "nobody"]),
        _deed(tenant, [{"topic": "nowhere"}]),
        _deed(tenant, [{"email": "not an address"}]),
        _deed(tenant, payload={"a": "\0"}),
        _deed(tenant, payload={"a": "\ud800"}),
        _deed(tenant, payload={"a": 2**70}),
        _deed(tenant, channels=["in_app"]),
        _deed(tenant, transaction_id="a\0b"),
        _deed(tenant, expires_at=clock.now() - timedelta(seconds=1)),
        _deed(tenant, payload={"a": "\\u0000"}),
    ]
    doings = await _act(pool, deeds)
    codes = [done.error.code if done.error else None for done in doings.done]
    assert codes == [
        None,
        *("not_found", "not_found", "unknown_recipient", "unknown_topic", "invalid_email"),
        *("nul", "invalid_unicode", "invalid_number", "unknown_channel", "invalid", "out_of_range", None),
    ]
    assert await pool.fetchval("SELECT count(*) FROM trigger") == 2
    assert await pool.fetchval("SELECT count(*) FROM job") == 2


async def test_deeds_follow_each_other(pool: Pool, tenant: UUID) -> None:
    """Who is described by one is known to the next; of one that fails nothing stays."""
    deeds = [
        _deed(tenant, ["eve"]),
        _deed(tenant, [{"id": "eve", "name": "Eve", "data": {"a": 1, "b": 1}}]),
        _deed(tenant, ["eve"]),
        _deed(tenant, [{"id": "eve", "email": "eve@example.com", "data": {"b": 2}}]),
        _deed(tenant, [{"id": "zoe"}], workflow="nothing"),
        _deed(tenant, ["zoe"]),
    ]
    doings = await _act(pool, deeds)
    assert [done.error.code if done.error else None for done in doings.done] == [
        *("unknown_recipient", None, None, None, "not_found", "unknown_recipient")
    ]
    async with pool.acquire() as connection:
        stored = await recipients.get(connection, tenant, "eve")
        assert await recipients.get(connection, tenant, "zoe") is None
    assert stored is not None
    assert (stored.recipient.name, stored.recipient.email) == ("Eve", "eve@example.com")
    assert stored.recipient.data == {"a": 1, "b": 2}


async def test_tenants_do_not_see_each_other(pool: Pool, tenant: UUID) -> None:
    async with pool.acquire() as connection:
        other = await tenants.ensure(connection, "two")
    third = await _make_tenant(pool, "three")
    deeds = [_deed(other), _deed(tenant, [{"id": "mia"}]), _deed(third, ["mia"]), _deed(third)]
    doings = await _act(pool, deeds)
    assert [done.error.code if done.error else None for done in doings.done] == [
        *("not_found", None, "unknown_recipient", None)
    ]
    rows = await pool.fetch("SELECT tenant_id FROM trigger")
    assert {row["tenant_id"] for row in rows} == {tenant, third}


async def test_nothing_stays_of_a_transaction_that_fails(pool: Pool, tenant: UUID) -> None:
    with pytest.raises(ZeroDivisionError):
        async with pool.acquire() as connection, connection.transaction():
            await Act(Definitions())(connection, [_deed(tenant, [{"id": "tom"}])])
            raise ZeroDivisionError
    assert await pool.fetchval("SELECT count(*) FROM trigger") == 0
    assert await pool.fetchval("SELECT count(*) FROM recipient WHERE id = 'tom'") == 0


async def test_the_same_people_at_once_from_two_sides(pool: Pool, tenant: UUID) -> None:
    """Locks are taken in one order, whatever order people are named in."""
    names = [{"id": f"p{n}", "data": {"n": n}} for n in range(50)]
    deeds = [_deed(tenant, names), _deed(tenant, names[::-1])]
    await asyncio.gather(*(_act(pool, deeds[::step]) for step in (1, -1) * 4))
    assert await pool.fetchval("SELECT count(*) FROM trigger") == 16


BAD: list[Any] = [
    *([], "ana", [7], [None], [[]], [""], ["a b"], [".."], ["ana", {"topic": "a b"}], [{"topic": 1}]),
    *([{"topic": "a", "id": "b"}], [{}], [{"id": None}], [{"id": ""}], [{"id": 3}], [{"name": "x"}]),
    *([{"email": "a@b"}], [{"email": "a\nb@c.de"}], [{"email": ""}], [{"email": 1}], [{"id": "a", "name": ""}]),
    *([{"id": "a", "name": "x" * 201}], [{"id": "a", "name": "x\ny"}], [{"id": "a", "locale": "english!"}]),
    *([{"phone": "0612345678"}], [{"phone": "+1 900 234 5678"}], [{"phone": 31612345678}], [{"phone": None}]),
    *([{"id": "a", "timezone": "../etc/passwd"}], [{"id": "a", "data": []}], [{"id": "a", "data": None}]),
    *([{"id": "a", "data": {str(n): n for n in range(101)}}], [{"id": "a", "mail": "x"}], [{"id": "a", "x/~": 1}]),
    *([{"id": "a", "name": "A"}, {"id": "a", "name": "B"}], [{"email": "bad", "name": "x\n", "q": 1}]),
]


async def test_what_is_wrong_is_said_as_over_http(api: Api) -> None:
    """The same code at the same place, whichever way the recipients came."""
    for bad in BAD:
        with pytest.raises(Invalid) as raised:
            trigger_action.read(Trigger(workflow="welcome", recipients=bad), clock.now(), Allowed())
        told = {(fault.pointer, fault.code) for fault in raised.value.faults}
        answer = await api.call("POST", "/v1/workflows/welcome/trigger", {"recipients": bad})
        assert answer.status == 422, (bad, answer)
        assert told == {(error["pointer"], error["code"]) for error in answer.json["errors"]}, bad


def test_more_people_than_a_request_may_name_are_refused() -> None:
    with pytest.raises(Invalid) as raised:
        trigger_action.read(Trigger(workflow="welcome", recipients=["x"] * 1_001), clock.now(), Allowed())
    assert raised.value.code == "too_many"


BAD_FILES: list[Any] = [
    *("x", {}, [7], ["att_1"], [{}], [{"id": None}], [{"id": "att_1"}], [{"id": 7}], [{"url": ""}], [{"url": []}]),
    *([{"id": f"att_{'0' * 64}", "url": "https://files.shop.example/a"}], [{"url": "https://elsewhere.example/a"}]),
    *([{"url": "http://169.254.169.254/"}], [{"url": f"https://files.shop.example/{'x' * 2_000}"}], [{"name": "a"}]),
    *([{"url": "https://files.shop.example/a.exe"}], [{"url": "https://files.shop.example/a", "name": "a\r\nX: y"}]),
    *([{"url": "https://files.shop.example/a", "inline": "a b"}], [{"url": "https://files.shop.example/a", "q": 1}]),
    *([{"url": "https://files.shop.example/a", "inline": "a"}] * 2, [{"url": "https://files.shop.example/a"}] * 21),
    *([{"url": "https://files.shop.example/a", "name": ""}], [{"url": "https://files.shop.example/a", "type": 7}]),
]


async def test_what_is_wrong_with_files_is_said_as_over_http(database: str) -> None:
    rules = Rules(hosts=["files.shop.example"])
    async with open_api(database, attachments=rules) as api:
        for bad in BAD_FILES:
            action = Trigger(workflow="welcome", recipients=["ana"], attachments=bad)
            told: set[tuple[str, str]] = set()
            try:
                trigger_action.read(action, clock.now(), Allowed(rules=rules))
            except Invalid as error:
                told = {(fault.pointer, fault.code) for fault in error.faults}
            answer = await api.call(
                "POST", "/v1/workflows/welcome/trigger", {"recipients": ["ana"], "attachments": bad}
            )
            said = {(error["pointer"], error["code"]) for error in answer.json.get("errors", ())}
            assert (told, bool(told)) == (said, True), bad


async def test_files_of_a_deed_are_its_tenants_and_stay_for_those_that_were_accepted(pool: Pool, tenant: UUID) -> None:
    other = await _make_tenant(pool, "two")
    contents = {name: name.encode() * 400 for name in ("a", "b")}
    files = {}
    async with pool.acquire() as connection:
        for name, content in contents.items():
            digest = hashlib.sha256(content).digest()
            about = {"name": f"{name}.pdf", "type": "application/pdf"}
            await attachments.put(connection, tenant, digest, content=content, **about)
            files[name] = {"id": id_of(digest)}
    a, b = files["a"], files["b"]
    deeds = [
        _deed(tenant, attachments=[a, b | {"name": "mine.pdf", "inline": "logo"}]),
        _deed(tenant, attachments=[a]),
        _deed(other, attachments=[a]),
        _deed(tenant, attachments=[a, {"id": f"att_{'0' * 64}"}]),
        _deed(tenant, ["nobody"], attachments=[b]),
        _deed(tenant, attachments=[{"url": "https://files.shop.example/terms.pdf"}]),
        _deed(tenant, attachments=[a, b, {"url": "https://elsewhere.example/terms.pdf"}]),
        _deed(tenant),
    ]
    allowed = Allowed(rules=Rules(hosts=["files.shop.example"], largest=1_000))
    async with pool.acquire() as connection, connection.transaction():
        doings = await Act(Definitions(), allowed)(connection, deeds)
    assert [done.error.code if done.error else None for done in doings.done] == [
        *(None, None, "unknown_attachment", "unknown_attachment", "unknown_recipient", None, "url_not_allowed", None)
    ]
    rows = {row["id"]: row["attachments"] for row in await pool.fetch("SELECT id, attachments FROM trigger")}
    named = [rows[done.trigger_id] for done in doings.done if done.trigger_id is not None]
    pdf = {"type": "application/pdf"}
    assert named == [
        [{**a, "name": "a.pdf", **pdf}, {**b, "name": "mine.pdf", "inline": "logo", **pdf}],
        [{**a, "name": "a.pdf", **pdf}],
        [{"url": "https://files.shop.example/terms.pdf", "name": "terms.pdf"}],
        [],
    ]
    kept = await pool.fetch("SELECT trigger_id FROM attachment_use")
    assert sorted(row["trigger_id"] for row in kept) == sorted(
        [doings.done[0].trigger_id, doings.done[0].trigger_id, doings.done[1].trigger_id]  # type: ignore[type-var]
    )
    too_large = Allowed(rules=Rules(largest=700))
    async with pool.acquire() as connection, connection.transaction():
        (done,) = (await Act(Definitions(), too_large)(connection, deeds[:1])).done
    assert done.error is not None
    assert done.error.code == "too_large"
