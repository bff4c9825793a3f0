"""What comes in from brokers, over HTTP: sources, what became of each message, quarantine and its way out."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.support.api import Api, open_api
from tests.support.ingest import SOURCE, message
from tests.support.things import publish

from clarion import clock
from clarion.brokers.base import Delivery
from clarion.domain.binding import Binding
from clarion.domain.source import BullSource
from clarion.flows.act import Act
from clarion.flows.bindings import make_ready
from clarion.flows.definitions import Definitions
from clarion.flows.ingest import Answer, Ingest
from clarion.flows.reading import Origin
from clarion.flows.verify import verify
from clarion.ids import Prefix, show
from clarion.store import bindings, quarantine, sources

SPEC = BullSource(queue="orders")


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        await publish(api, "welcome", "one")
        yield api


def greets(**trigger: Any) -> Binding:
    do = {"workflow": "welcome", "recipients": [{"id": "data.to"}], **trigger}
    return Binding(key="greets", on=SPEC, do=[{"trigger": do}])


async def bind(api: Api, binding: Binding) -> None:
    async with api.pool.acquire() as connection, connection.transaction():
        wanted = {binding.key: (binding.content_hash, binding.to_json())}
        await bindings.publish(connection, api.tenants["one"], wanted)


async def take(api: Api, binding: Binding, deliveries: list[Delivery]) -> list[Answer]:
    async with api.pool.acquire() as connection:
        number = await sources.number_of(connection, api.tenants["one"], SPEC.name)
    origin = Origin(tenant_id=api.tenants["one"], source=SPEC.name, number=number)
    ingest = Ingest(api.pool, Act(Definitions()), worker="w1", wake=lambda _: None)
    return await ingest(origin, [make_ready(binding)], deliveries)


async def quarantined(api: Api) -> dict[str, str]:
    """Ids in quarantine by the ids of the messages."""
    reply = await api.call("GET", "/v1/quarantine")
    return {item["message_id"]: item["id"] for item in reply.json["items"]}


async def test_sources_and_how_they_look(api: Api) -> None:
    assert (await api.call("GET", "/v1/sources")).json == {"items": []}
    tenant = api.tenants["one"]
    async with api.pool.acquire() as connection:
        number = await sources.number_of(connection, tenant, SOURCE)
        sign = sources.Sign(
            tenant_id=tenant,
            source=number,
            state="away",
            since=clock.now(),
            in_hand=3,
            trouble="refused",
            accepted=5,
            repeated=1,
            last_message_at=clock.now(),
        )
        await sources.signs(connection, "w1", [sign])
        await sources.signs(connection, "w1", [sign])
    (one,) = (await api.call("GET", "/v1/sources")).json["items"]
    assert (one["name"], one["state"], one["accepted"], one["repeated"]) == (SOURCE, "away", 10, 2)
    (worker,) = one["workers"]
    assert (worker["worker"], worker["state"], worker["in_hand"], worker["trouble"]) == ("w1", "away", 3, "refused")
    assert (await api.call("GET", "/v1/sources", tenant="two")).json == {"items": []}
    async with api.pool.acquire() as connection:
        await sources.leave(connection, "w1")
    (one,) = (await api.call("GET", "/v1/sources")).json["items"]
    assert (one["state"], one["accepted"], one["workers"]) == ("stopped", 10, [])


async def test_metrics_tell_of_the_sources_of_who_asks(api: Api) -> None:
    """What came, what came again, what lies in quarantine, who reads it; and of no other tenant's."""
    at = clock.now()
    async with api.pool.acquire() as connection:
        for tenant, name in (("one", SPEC.name), ("two", "nats:nats/secret/plans")):
            number = await sources.number_of(connection, api.tenants[tenant], name)
            for worker, state in (("w1", "connected"), ("w2", "away")):
                sign = sources.Sign(
                    tenant_id=api.tenants[tenant],
                    source=number,
                    state=state,
                    since=at,
                    in_hand=3,
                    accepted=5,
                    repeated=2,
                    quarantined=1,
                    last_message_at=at,
                )
                await sources.signs(connection, worker, [sign])
        silent = await sources.number_of(connection, api.tenants["one"], "bullmq:redis/bull/silent")
        assert silent
    text = (await api.call("GET", "/metrics")).body.decode()
    name = f'source="{SPEC.name}"'
    for line in (
        f'clarion_source_messages_total{{outcome="accepted",{name}}} 10.0',
        f'clarion_source_messages_total{{outcome="repeated",{name}}} 4.0',
        f'clarion_source_messages_total{{outcome="quarantined",{name}}} 2.0',
        f"clarion_source_in_hand{{{name}}} 6.0",
        f'clarion_source_workers{{{name},state="connected"}} 1.0',
        f'clarion_source_workers{{{name},state="away"}} 1.0',
        'clarion_source_messages_total{outcome="accepted",source="bullmq:redis/bull/silent"} 0.0',
    ):
        assert line in text.splitlines(), line
    (last,) = [line for line in text.splitlines() if line.startswith("clarion_source_last_message_timestamp_seconds{")]
    assert abs(float(last.rpartition(" ")[2]) - at.timestamp()) < 1
    assert "secret" not in text
    assert "nats:nats/secret/plans" in (await api.call("GET", "/metrics", tenant="two")).body.decode()


async def test_what_comes_in_is_shown_in_its_order_once(api: Api) -> None:
    begin = (await api.call("GET", "/v1/inbound")).json
    assert begin["items"] == []
    binding = greets()
    await take(api, binding, [message(1), message(2, raw=b"{")])
    seen: list[dict[str, Any]] = []
    cursor = begin["next"]
    for _ in range(100):
        page = (await api.call("GET", f"/v1/inbound?after={cursor}&limit=1")).json
        seen += page["items"]
        cursor = page["next"]
        if len(seen) == 2:
            break
    by_id = {one["message_id"]: one for one in seen}
    assert by_id["m-1"]["state"] == "accepted"
    assert by_id["m-1"]["workflows"] == ["welcome"]
    assert by_id["m-1"]["source"] == SPEC.name
    assert by_id["m-2"]["state"] == "quarantined"
    assert by_id["m-2"]["reason"].startswith("invalid_json: ")
    assert by_id["m-2"]["quarantined"] == (await quarantined(api))["m-2"]
    assert (await api.call("GET", f"/v1/inbound?after={cursor}")).json["items"] == []
    assert (await api.call("GET", f"/v1/inbound?after={begin['next']}&source=other")).json["items"] == []
    assert (await api.call("GET", "/v1/inbound", tenant="two")).json["items"] == []


async def test_a_row_that_commits_late_is_not_passed_over(api: Api) -> None:
    """One transaction is open while another one commits: neither is shown before both can be."""
    binding = greets()
    cursor = (await api.call("GET", "/v1/inbound")).json["next"]
    async with api.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO inbound (id, tenant_id, at, source, state, message_id)"
            " VALUES (gen_random_uuid(), $1, clock_timestamp(), 1, 0, 'late')",
            api.tenants["one"],
        )
        await take(api, binding, [message(1)])
        assert (await api.call("GET", f"/v1/inbound?after={cursor}")).json["items"] == []
    seen: list[str] = []
    for _ in range(200):
        page = (await api.call("GET", f"/v1/inbound?after={cursor}")).json
        seen += [one["message_id"] for one in page["items"]]
        cursor = page["next"]
        if len(seen) >= 2:
            break
    assert seen == ["late", "m-1"]


async def test_quarantine_is_listed_shown_and_redriven(api: Api) -> None:
    """The binding was wrong; when it is mended, what lies there becomes what it should have been."""
    wrong = greets(workflow="welcom")
    await take(api, wrong, [message(1), message(2, raw=b'{"to": \xff}')])
    listed = (await api.call("GET", f"/v1/quarantine?source={SPEC.name}&limit=1")).json
    assert len(listed["items"]) == 1
    assert listed["next"]
    ids = await quarantined(api)
    shown = (await api.call("GET", f"/v1/quarantine/{ids['m-2']}")).json
    assert base64.b64decode(shown["body_base64"]) == b'{"to": \xff}'
    assert (shown["body_text"], shown["size"]) == ('{"to": \ufffd}', 9)
    path = f"/v1/quarantine/{ids['m-1']}/redrive"
    assert (await api.call("POST", path)).code == "no_binding"
    await bind(api, wrong)
    still = (await api.call("POST", path)).json
    assert (still["redriven"], still["triggers"]) == (False, [])
    assert "welcom" in still["reason"]
    await bind(api, greets())
    done = (await api.call("POST", path)).json
    assert (done["redriven"], done["reason"], len(done["triggers"])) == (True, None, 1)
    assert "expand" in api.rung
    assert (await api.call("POST", path)).code == "already_redriven"
    shown = (await api.call("GET", f"/v1/quarantine/{ids['m-1']}")).json
    assert shown["redriven_at"]
    assert shown["triggers"] == done["triggers"]
    trigger = await api.pool.fetchrow("SELECT * FROM trigger")
    assert trigger is not None
    assert (show(Prefix.TRIGGER, trigger["id"]), trigger["recipient_ids"]) == (done["triggers"][0], ["guest1"])
    (again,) = await take(api, greets(), [message(1)])
    assert list(again.triggers) == [trigger["id"]], "delivered again, it is known by what it has become"
    assert list(await quarantined(api)) == ["m-2"]
    assert len((await api.call("GET", "/v1/quarantine?state=all")).json["items"]) == 2
    async with api.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_many_are_redriven_at_once(api: Api) -> None:
    await take(api, greets(workflow="welcom"), [message(n) for n in range(3)] + [message("bad", raw=b"{")])
    await bind(api, greets())
    ids = await quarantined(api)
    twos = (await api.call("POST", "/v1/quarantine/redrive", {"ids": list(ids.values())}, tenant="two")).json
    assert twos == {"redriven": 0, "still": 0}
    one = (await api.call("POST", "/v1/quarantine/redrive", {"ids": [ids["m-0"]]})).json
    assert one == {"redriven": 1, "still": 0}
    rest = (await api.call("POST", "/v1/quarantine/redrive", {})).json
    assert rest == {"redriven": 2, "still": 1}
    reply = await api.call("POST", "/v1/quarantine/redrive", {"ids": ["qua_x"]})
    assert (reply.status, reply.pointers) == (422, ["/ids/0"])


async def test_what_was_not_kept_whole_cannot_be_redriven(api: Api) -> None:
    await take(api, greets(), [message(1, raw=b'"' + b"x" * 2**20 + b'"')])
    await bind(api, greets())
    (id,) = (await quarantined(api)).values()
    shown = (await api.call("GET", f"/v1/quarantine/{id}")).json
    assert (shown["size"], len(shown["body_text"])) == (2**20 + 2, quarantine.KEPT)
    assert (await api.call("POST", f"/v1/quarantine/{id}/redrive")).code == "not_redrivable"
    assert (await api.call("POST", "/v1/quarantine/redrive", {})).json == {"redriven": 0, "still": 1}


async def test_two_who_redrive_the_same_act_once(api: Api) -> None:
    import asyncio

    await take(api, greets(workflow="welcom"), [message(1)])
    await bind(api, greets())
    (id,) = (await quarantined(api)).values()
    replies = await asyncio.gather(*(api.call("POST", f"/v1/quarantine/{id}/redrive") for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    count: int = await api.pool.fetchval("SELECT count(*) FROM trigger")
    assert count == 1
    assert isinstance(await api.pool.fetchval("SELECT triggers[1] FROM inbound"), UUID)
