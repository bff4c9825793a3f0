"""Chats: registered over HTTP, shown without their address, a message for each; and that others pay nothing for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import SECRET, Api, open_api
from tests.support.chats import SLACK_HOOK
from tests.support.command import clarion
from tests.support.steps import Steps, open_steps

from clarion import ids
from clarion.domain.chat import LONGEST_ADDRESS, MOST_CHATS, Kept
from clarion.domain.device import Dead, shorten
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Reject
from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.domain.vault import Vault
from clarion.flows.chats import Chats
from clarion.flows.endings import dead_of
from clarion.store import chats, recipients
from clarion.store.database import Connection

PATH = "/v1/recipients/ann/chats/telegram"
GIVEN = {"provider": "telegram", "address": "-1001234567890"}
CHAT = ChannelStep(key="chat", channel=Channel.CHAT, template="chat")
MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
WAIT = DelayStep(key="wait", length=timedelta(hours=1))


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        for id in ("ann", "ben"):
            await api.call("PUT", f"/v1/recipients/{id}", {})
        yield api


@pytest.fixture
async def steps(database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        yield steps


async def test_a_chat_is_put_shown_moved_and_forgotten(api: Api) -> None:
    assert (await api.call("GET", PATH)).code == "not_found"
    created = await api.call("PUT", PATH, GIVEN)
    assert created.status == 201
    assert (await api.call("GET", PATH)).json == created.json
    assert (created.json["provider"], created.json["account"], created.json["address"]) == ("telegram", None, "••••")
    own = await api.call("PUT", PATH, {"provider": "telegram"})
    assert (own.status, own.json["address"]) == (200, None), "the account's own room"
    assert own.json["created_at"] == created.json["created_at"] <= created.json["seen_at"] < own.json["seen_at"]
    assert (await api.call("GET", "/v1/recipients/ann/chats")).json == {"items": [own.json]}
    assert (await api.call("PUT", "/v1/recipients/ben/chats/room", GIVEN)).status == 201
    assert (await api.call("PUT", PATH, GIVEN)).status == 200, "a room may be many people's"
    assert (await api.call("DELETE", PATH)).status == 204
    assert (await api.call("DELETE", PATH)).status == 404
    for method in ("GET", "PUT", "DELETE"):
        body = GIVEN if method == "PUT" else None
        assert (await api.call(method, "/v1/recipients/nobody/chats/telegram", body)).status == 404
    assert (await api.call("GET", "/v1/recipients/nobody/chats")).status == 404
    assert await api.pool.fetchval("SELECT count(*) FROM chat") == 1
    assert (await api.call("DELETE", "/v1/recipients/ben")).status == 204
    assert await api.pool.fetchval("SELECT count(*) FROM chat") == 0


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing", "/provider"),
        ({"provider": "pigeon"}, "unknown_provider", "/provider"),
        ({"provider": "twilio"}, "unknown_provider", "/provider"),
        ({"provider": "a\nb"}, "invalid_id", "/provider"),
        ({"provider": "telegram", "account": "nobody"}, "unknown_account", "/account"),
        ({"provider": "telegram", "address": ""}, "too_short", "/address"),
        ({"provider": "telegram", "address": "se cret"}, "invalid_address", "/address"),
        ({"provider": "telegram", "address": "@é"}, "invalid_address", "/address"),
        ({"provider": "telegram", "address": 7}, "type", "/address"),
        ({"provider": "telegram", "address": "x" * (LONGEST_ADDRESS + 1)}, "too_long", "/address"),
        ({**GIVEN, "disabled_at": None}, "unknown_field", "/disabled_at"),
    ],
)
async def test_what_is_wrong_is_named_and_the_address_is_not_repeated(
    api: Api, body: dict[str, object], code: str, pointer: str
) -> None:
    reply = await api.call("PUT", PATH, body)
    assert (reply.status, reply.code, reply.pointers) == (422, code, [pointer])
    address = body.get("address")
    assert not isinstance(address, str) or len(address) < 3 or address not in reply.body.decode()
    assert await api.pool.fetchval("SELECT count(*) FROM chat") == 0


async def test_of_too_many_the_one_goes_that_was_not_seen_for_longest(api: Api) -> None:
    for number in range(MOST_CHATS + 1):
        await api.call("PUT", f"/v1/recipients/ann/chats/c{number}", {**GIVEN, "address": str(number + 1)})
    found = [one["id"] for one in (await api.call("GET", "/v1/recipients/ann/chats")).json["items"]]
    assert (len(found), found[0], "c0" in found) == (MOST_CHATS, f"c{MOST_CHATS}", False)


async def test_a_room_that_is_gone_is_gone_for_all_who_had_it_and_for_no_other(api: Api) -> None:
    await api.call("PUT", PATH, GIVEN)
    await api.call("PUT", "/v1/recipients/ben/chats/room", GIVEN)
    await api.call("PUT", "/v1/recipients/ben/chats/other", {**GIVEN, "address": "5"})
    tenant, dead = api.tenants["one"], Dead("-1001234567890", "gone", "telegram")
    async with api.pool.acquire() as connection:
        assert await chats.disable(connection, []) == 0
        assert await chats.disable(connection, [(api.tenants["two"], dead)]) == 0
        assert await chats.disable(connection, [(tenant, dead._replace(provider="slack"))]) == 0
        assert await chats.disable(connection, [(tenant, dead), (tenant, dead)]) == 2
        assert await chats.disable(connection, [(tenant, dead)]) == 0
    shown = (await api.call("GET", PATH)).json
    assert (shown["disabled_reason"], shown["disabled_at"] is None) == ("gone", False)
    assert (await api.call("GET", "/v1/recipients/ben/chats/other")).json["disabled_at"] is None
    assert (await api.call("PUT", PATH, GIVEN)).json["disabled_at"] is None


async def test_the_command_line_registers_lists_and_forgets_them(api: Api) -> None:
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    put = await clarion("chats", "put", "ann", "home", "--provider", "telegram", "--address=-1001234567890", *where)
    assert (put.code, "-1001234567890" in put.out) == (0, False)
    (listed,) = (await clarion("chats", "list", "ann", "--json", *where)).lines
    assert (listed["id"], listed["provider"], listed["address"]) == ("home", "telegram", "••••")
    wrong = await clarion("chats", "put", "ann", "home", "--provider", "telegrm", *where)
    assert (wrong.code, "did you mean `telegram`?" in wrong.err) == (1, True)
    assert (await clarion("chats", "delete", "ann", "home", *where)).code == 0
    assert (await clarion("chats", "delete", "ann", "home", *where)).code == 3
    assert "no chats" in (await clarion("chats", "list", "ann", *where)).err


async def _register(steps: Steps, who: str, *names: str) -> None:
    async with steps.pool.acquire() as connection, connection.transaction():
        await recipients.merge_many(connection, steps.tenant_id, [Recipient(id=who, email=f"{who}@example.com")])
        for name in names:
            at = f"{len(name)}"
            await chats.put(connection, steps.tenant_id, who, name, provider="telegram", account=None, kept=Kept(at))


async def _addresses(steps: Steps) -> list[tuple[str, str | None, str]]:
    rows = await steps.pool.fetch(
        "SELECT recipient_id, address, status FROM message WHERE channel = 'chat' ORDER BY recipient_id, address, step"
    )
    return [tuple(row) for row in rows]


async def test_a_message_waits_for_each_chat_in_a_queue_of_its_own(steps: Steps) -> None:
    await _register(steps, "ana", "home", "work")
    await _register(steps, "ben")
    await steps.publish(CHAT, MAIL)
    await steps.publish(MAIL, key="mail")
    id = await steps.trigger(["ana", "ben"])
    await steps.trigger(["ana"], key="mail")
    assert await _addresses(steps) == [("ana", "home", "queued"), ("ana", "work", "queued"), ("ben", None, "skipped")]
    assert ("ben", 0, "skipped", "no chat") in await steps.messages(id)
    queues = await steps.pool.fetch("SELECT queue, count(*) FROM job GROUP BY queue ORDER BY queue")
    assert [tuple(row) for row in queues] == [("chat", 2), ("email", 3)]
    await steps.assert_well()


async def test_behind_a_delay_it_goes_to_the_chats_of_then(steps: Steps) -> None:
    await _register(steps, "ana", "home", "work")
    await steps.publish(WAIT, CHAT, MAIL)
    await steps.trigger(["ana"])
    async with steps.pool.acquire() as connection, connection.transaction():
        await chats.delete(connection, steps.tenant_id, "ana", "home")
    await _register(steps, "ana", "phone")
    assert await steps.time_comes() == 1
    assert await _addresses(steps) == [("ana", "phone", "queued"), ("ana", "work", "queued")]
    await steps.assert_well()


async def test_the_address_of_a_webhook_is_kept_sealed_and_opened_for_its_message_alone(api: Api) -> None:
    tenant, sealing = api.tenants["one"], Chats(Vault(SECRET))
    for who, chat, tenant_name in (("ann", "ops", "one"), ("ben", "team", "one"), ("ann", "ops", "two")):
        if tenant_name == "two":
            await api.call("PUT", "/v1/recipients/ann", {}, tenant="two")
        path = f"/v1/recipients/{who}/chats/{chat}"
        put = await api.call("PUT", path, {"provider": "slack", "address": SLACK_HOOK}, tenant=tenant_name)
        assert (put.status, put.json["address"]) == (201, shorten(SLACK_HOOK))
        assert (await api.call("GET", path, tenant=tenant_name)).json == put.json
    async with api.pool.acquire() as connection:
        assert SLACK_HOOK not in await dumped(connection)
        rows = {
            id: {"id": id, "tenant_id": tenant, "recipient_id": who, "address": chat, "channel": "chat"}
            for id, who, chat in ((ids.new(), "ann", "ops"), (ids.new(), "ben", "team"), (ids.new(), "ann", "none"))
        }
        reached = list((await sealing.reach(connection, rows)).values())
        assert [row["token"] for row in reached] == [SLACK_HOOK, SLACK_HOOK, None]
        lost = list((await Chats(Vault(b"another secret, long enough to be one")).reach(connection, rows)).values())
        assert [row.get("unreadable") for row in lost] == [True, True, None]
        dead = dead_of(Reject("gone", feedback=Feedback.DEAD_TOKEN), reached[0])
        assert dead is not None
        assert await chats.disable(connection, [(tenant, dead)]) == 2, "for all of the tenant who have it"
        (left,) = await connection.fetch("SELECT tenant_id FROM chat WHERE disabled_at IS NULL")
        assert left["tenant_id"] == api.tenants["two"]


async def test_what_lay_open_is_sealed_once_and_again_after_a_change_of_the_secret(api: Api) -> None:
    tenant, new = api.tenants["one"], b"another secret, long enough to be one"
    id = ids.new()
    row: dict[str, Any] = {"id": id, "tenant_id": tenant, "recipient_id": "ann", "address": "ops", "channel": "chat"}
    await api.call("PUT", PATH, GIVEN)

    async def opened(vault: Vault) -> str | None:
        async with api.pool.acquire() as connection:
            (reached,) = (await Chats(vault).reach(connection, {id: row})).values()
        token: str | None = reached["token"]
        return token

    async with api.pool.acquire() as connection:
        kept = Kept(SLACK_HOOK)  # as a version before has it
        await chats.put(connection, tenant, "ann", "ops", provider="slack", account=None, kept=kept)
        assert await opened(Vault(SECRET)) == SLACK_HOOK, "it is read all the same"
        assert (await api.call("GET", "/v1/recipients/ann/chats/ops")).json["address"] == shorten(SLACK_HOOK)
        assert await Chats(Vault(SECRET)).reseal(connection) == (1, 0)
        assert SLACK_HOOK not in await dumped(connection)
        assert await Chats(Vault(SECRET)).reseal(connection) == (0, 0)
        assert await Chats(Vault(new)).reseal(connection) == (0, 1), "nobody can"
        assert await Chats(Vault(new, SECRET)).reseal(connection) == (1, 0)
        assert await opened(Vault(new)) == SLACK_HOOK
        assert await connection.fetchval("SELECT address FROM chat WHERE provider = 'telegram'") == GIVEN["address"]


async def dumped(connection: Connection) -> str:
    """All that the database holds, but for what is sealed."""
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    rows = [await connection.fetch(f'SELECT t::text AS row FROM "{table["relname"]}" AS t') for table in tables]
    return "\n".join(row["row"] for some in rows for row in some)
