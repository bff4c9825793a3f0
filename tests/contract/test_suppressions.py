"""Suppressions over HTTP, what providers' reports make of addresses, and that a retry by hand respects them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from tests.support.api import Api
from tests.support.callbacks import Scene, open_scene, report
from tests.support.things import publish

from clarion import clock, ids
from clarion.domain.feedback import Feedback
from clarion.domain.step import Channel, ChannelStep
from clarion.domain.suppression import Reason, SoftRule, Suppression
from clarion.domain.workflow import Workflow
from clarion.flows.feedback import Said, learn
from clarion.flows.retention import tidy
from clarion.flows.suppressed import Suppressed
from clarion.ids import Prefix
from clarion.store import messages, suppressions
from clarion.store.messages import Held
from clarion.store.suppressions import NewSuppression, Place

PATH = "/v1/suppressions"


@pytest.fixture
async def scene(database: str) -> AsyncIterator[Scene]:
    async with open_scene(database) as scene:
        yield scene


@pytest.fixture
async def api(scene: Scene) -> Api:
    return scene.api


async def add(api: Api, *items: object, tenant: str = "one") -> Any:
    reply = await api.call("POST", PATH, {"suppressions": list(items)}, tenant=tenant)
    assert reply.status == 200, reply.json
    return reply.json


async def listed(api: Api, query: str = "", tenant: str = "one") -> list[Any]:
    reply = await api.call("GET", PATH + query, tenant=tenant)
    assert reply.status == 200, reply.json
    return list(reply.json["items"])


async def to(scene: Scene, address: str, count: int = 1, recipient: str = "ann") -> list[UUID]:
    """Messages to *address* that the provider took."""
    made = await scene.sent(count)
    await scene.api.pool.execute(
        "UPDATE message SET address = $2, recipient_id = $3 WHERE id = ANY ($1)", made, address, recipient
    )
    return made


async def test_each_item_is_answered_by_itself(api: Api) -> None:
    done = await add(
        api,
        {"address": "Ann@EXAMPLE.com", "detail": "asked for it"},
        {"address": "+31 6 1234-5678", "category": "news", "reason": "unsubscribe"},
        {"address": "ann@example.COM"},
        {"address": "nobody"},
        {"address": "x@y.example", "channel": "sms"},
        {"address": "x@y.example", "expires_at": "2020-01-01T00:00:00Z", "category": "a:b"},
        {"address": "x@y.example", "expires_at": "2020-01-01T00:00:00Z"},
        {"adress": "x@y.example"},
        7,
    )
    assert [one["status"] for one in done["results"]] == ["created", "created", *["invalid"] * 7]
    assert (done["created"], done["updated"], done["invalid"]) == (2, 0, 7)
    codes = [[fault["code"] for fault in one.get("errors", ())] for one in done["results"][2:]]
    assert codes[0] == ["duplicate_id"]
    assert codes[1:3] == [["invalid_phone"], ["invalid_phone"]]
    assert codes[4] == ["out_of_range"]
    assert set(codes[5]) == {"missing", "unknown_field"}
    phone, ann = await listed(api)
    assert (ann["address"], ann["channel"], ann["category"], ann["reason"]) == (
        "Ann@example.com",
        "email",
        None,
        "manual",
    )
    assert (phone["address"], phone["channel"], phone["category"]) == ("+31612345678", "sms", "news")
    assert ann["id"] == done["results"][0]["id"]
    again = await add(api, {"address": "ANN@example.com", "expires_at": "2050-01-01T00:00:00Z"})
    assert again["results"][0] == {"id": ann["id"], "address": "ANN@example.com", "status": "updated"}
    shown = (await api.call("GET", ann["href"])).json
    assert (shown["expires_at"], shown["detail"], shown["created_at"]) == (
        "2050-01-01T00:00:00Z",
        None,
        ann["created_at"],
    )


async def test_reasons_of_one_address_stand_beside_each_other(api: Api) -> None:
    """That a bounce is lifted must not subscribe somebody again."""
    await add(api, *({"address": "ann@example.com", "reason": reason.value} for reason in Reason))
    found = await listed(api, "?address=ANN@example.com")
    assert {one["reason"] for one in found} == set(Reason)
    bounce = next(one for one in found if one["reason"] == "hard_bounce")
    assert (await api.call("DELETE", bounce["href"])).status == 204
    assert (await api.call("DELETE", bounce["href"])).code == "not_found"
    assert len(await listed(api, "?address=ann@example.com")) == len(Reason) - 1


async def test_filters_and_pages(api: Api) -> None:
    await add(api, *({"address": f"p{number}@example.com", "category": "news"} for number in range(5)))
    await add(api, {"address": "+31612345678", "reason": "complaint"})
    assert len(await listed(api, "?channel=email")) == 5
    assert len(await listed(api, "?reason=complaint&channel=sms")) == 1
    assert len(await listed(api, "?category=news")) == 5
    assert [one["address"] for one in await listed(api, "?address=%2B31612345678")] == ["+31612345678"]
    assert await listed(api, "?address=p1@example.com&channel=email&reason=complaint") == []
    assert (await api.call("GET", f"{PATH}?address=nobody")).pointers == ["?address"]
    seen: list[str] = []
    after = ""
    while True:
        page = (await api.call("GET", f"{PATH}?limit=2{after}")).json
        seen += [one["address"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ["+31612345678", *(f"p{number}@example.com" for number in range(4, -1, -1))]
    assert await listed(api, tenant="two") == []


async def test_a_thousand_at_once_and_no_more(api: Api) -> None:
    items = [{"address": f"p{number}@example.com"} for number in range(1_000)]
    assert (await add(api, *items))["created"] == 1_000
    more = await api.call("POST", PATH, {"suppressions": [*items, {"address": "x@example.com"}]})
    assert more.code == "too_many"
    assert (await add(api, *items))["updated"] == 1_000


async def test_what_has_expired_does_not_hold_and_goes(api: Api) -> None:
    await add(api, {"address": "ann@example.com", "expires_at": "2050-01-01T00:00:00Z"}, {"address": "bo@example.com"})
    await api.pool.execute("UPDATE suppression SET expires_at = now() - interval '1 s' WHERE expires_at IS NOT NULL")
    assert [one["address"] for one in await listed(api)] == ["bo@example.com"]
    async with api.pool.acquire() as connection:
        place = Place(api.tenants["one"], "ann@example.com", "email")
        assert await suppressions.find(connection, [place]) == {}
        await tidy(connection)
    assert await api.pool.fetchval("SELECT count(*) FROM suppression") == 1


@pytest.mark.parametrize(
    ("feedback", "status", "reason"),
    [
        (Feedback.HARD_BOUNCE, "bounced", "hard_bounce"),
        (Feedback.COMPLAINT, "delivered", "complaint"),
        (Feedback.UNSUBSCRIBE, "delivered", "unsubscribe"),
    ],
)
async def test_what_a_provider_says_of_an_address_holds_in_the_same_transaction(
    scene: Scene, feedback: Feedback, status: str, reason: str
) -> None:
    (id,) = await to(scene, "Ann@example.com")
    said = report(id, status, feedback=feedback.value, reason="so it is", key="1")
    assert (await scene.tell(said)).status == 200
    assert (await scene.tell(said)).status == 200
    (one,) = await listed(scene.api)
    assert (one["reason"], one["address"], one["category"]) == (reason, "Ann@example.com", None)
    assert (one["detail"], one["message"]) == ("so it is", ids.show(Prefix.MESSAGE, id))
    assert await listed(scene.api, tenant="two") == []
    await scene.check()


async def test_a_complaint_holds_where_the_message_does_not_move(scene: Scene) -> None:
    (id,) = await to(scene, "ann@example.com")
    await scene.tell(report(id, "delivered"))
    await scene.tell(report(id, "delivered", feedback="complaint", key="complaint"))
    assert await scene.outcomes() == {"applied": 1, "ignored": 1}
    assert [one["reason"] for one in await listed(scene.api)] == ["complaint"]
    await scene.tell(
        report(id, "delivered", feedback="unsubscribe", key="unsubscribe", reason="by its list-unsubscribe")
    )
    noted = [("delivered", None), ("complained", None), ("unsubscribed", "by its list-unsubscribe")]
    assert await scene.timeline(id) == noted, "who looks at the message sees what its recipient said of it"


async def test_what_was_not_sent_there_says_nothing_of_an_address(scene: Scene) -> None:
    (id,) = await to(scene, "ann@example.com")
    await scene.tell({**report(id, "bounced", feedback="hard_bounce"), "id": "another"})
    await scene.tell(report(ids.new(), "bounced", feedback="hard_bounce"))
    await scene.tell(report(id, "bounced", feedback="dead_token"))
    assert await listed(scene.api) == []


async def test_a_report_that_is_early_is_not_forgotten(scene: Scene) -> None:
    (job,) = jobs = await scene.sending()
    await scene.api.pool.execute("UPDATE message SET address = 'ann@example.com'")
    await scene.tell(report(job.id, "bounced", feedback="hard_bounce"))
    assert await listed(scene.api) == []
    await scene.record(jobs)
    await scene.look_again()
    assert [one["reason"] for one in await listed(scene.api)] == ["hard_bounce"]


async def test_soft_bounces_are_counted_once_each_until_something_arrives(database: str) -> None:
    async with open_scene(database, soft=SoftRule(count=3)) as scene:
        first = await to(scene, "ann@example.com", 2)
        for id in [*first, *first]:
            await scene.tell(report(id, "bounced", feedback="soft_bounce", key=f"{id}{ids.new()}"))
        assert await listed(scene.api) == [], "each message is counted once"
        (arrived,) = await to(scene, "ann@example.com")
        await scene.tell(report(arrived, "delivered"))
        second = await to(scene, "ANN@example.com", 3)
        for id in second:
            assert await listed(scene.api) == []
            await scene.tell(report(id, "bounced", feedback="soft_bounce", reason="mailbox full"))
        (one,) = await listed(scene.api)
        assert (one["reason"], one["detail"]) == (
            "soft_bounces",
            "3 messages in a row came back; the last: mailbox full",
        )
        lasts = await scene.api.pool.fetchval("SELECT expires_at - created_at FROM suppression")
        assert timedelta(days=29, hours=23) < lasts < timedelta(days=30, hours=1)


async def test_soft_bounces_out_of_the_window_do_not_count_and_zero_is_never(database: str) -> None:
    for soft in (SoftRule(count=2, window=timedelta(days=7)), SoftRule(count=0)):
        async with open_scene(database, soft=soft) as scene:
            first, second = await to(scene, f"p{soft.count}@example.com", 2, recipient=f"p{soft.count}")
            await scene.tell(report(first, "bounced", feedback="soft_bounce"))
            await scene.api.pool.execute("UPDATE soft_bounce SET at = now() - interval '8 days'")
            await scene.tell(report(second, "bounced", feedback="soft_bounce"))
            assert await listed(scene.api) == []
    async with open_scene(database) as scene, scene.api.pool.acquire() as connection:
        await connection.execute("UPDATE soft_bounce SET at = now() - interval '91 days'")
        await tidy(connection)
        assert await connection.fetchval("SELECT count(*) FROM soft_bounce") == 0


async def test_what_is_learnt_again_lasts_longer_and_never_shorter(scene: Scene) -> None:
    now, tenant = clock.now(), scene.tenant

    async def learn_until(days: int | None) -> Any:
        until = now + timedelta(days=days) if days is not None else None
        new = NewSuppression(
            tenant_id=tenant, channel="email", address="a@b.example", reason=Reason.MANUAL, expires_at=until
        )
        async with scene.api.pool.acquire() as connection:
            await suppressions.learn(connection, [new, new])
        return await scene.api.pool.fetchrow("SELECT created_at, expires_at FROM suppression")

    first = await learn_until(10)
    assert (await learn_until(5))["expires_at"] == first["expires_at"]
    assert (await learn_until(20))["expires_at"] > first["expires_at"]
    await scene.api.pool.execute("UPDATE suppression SET expires_at = now() - interval '1 s'")
    assert (await learn_until(20))["created_at"] > first["created_at"], "it had ended, and begins anew"
    assert (await learn_until(None))["expires_at"] is None
    assert (await learn_until(20))["expires_at"] is None


async def test_nothing_is_learnt_of_what_has_no_address(scene: Scene) -> None:
    (id,) = await scene.sent()
    (pushed,) = await to(scene, "a-token")
    await scene.api.pool.execute("UPDATE message SET channel = 'push' WHERE id = $1", pushed)
    async with scene.api.pool.acquire() as connection, connection.transaction():
        said = [Said(one, Feedback.HARD_BOUNCE, None) for one in (id, pushed, ids.new())]
        await learn(connection, said, SoftRule())
    assert await scene.api.pool.fetchval("SELECT count(*) FROM suppression") == 0


async def test_a_retry_by_hand_says_what_is_in_its_way(scene: Scene) -> None:
    (id,) = await to(scene, "ann@example.com")
    await scene.tell(report(id, "failed", feedback="hard_bounce"))
    await publish(scene.api, "w", "one")
    await scene.api.pool.execute("UPDATE trigger SET workflow_version_id = (SELECT id FROM workflow_version)")
    path = f"/v1/messages/{ids.show(Prefix.MESSAGE, id)}/retry"
    (one,) = await listed(scene.api)
    refused = await scene.api.call("POST", path)
    assert (refused.status, refused.code) == (409, "suppressed")
    assert "hard_bounce since " in refused.json["detail"]
    assert one["id"] in refused.json["detail"]
    assert await scene.status(id) == "failed"
    await scene.api.call("DELETE", one["href"])
    await add(scene.api, {"address": "ann@example.com", "category": "another"})
    assert (await scene.api.call("POST", path)).status == 202
    assert await scene.status(id) == "queued"
    await scene.check()


async def test_one_look_into_an_index_for_each_address(scene: Scene) -> None:
    """Among 20,000 suppressions."""
    async with scene.api.pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO suppression (id, tenant_id, channel, mailbox, address, reason)"
            " SELECT gen_random_uuid(), $1, 'email', 'p' || n || '@example.com', 'p' || n || '@example.com', 'manual'"
            " FROM generate_series(1, 20000) AS n",
            scene.tenant,
        )
        await connection.execute("ANALYZE suppression")
        for name, arguments in {
            "find": ([scene.tenant] * 100, [f"p{n}@example.com" for n in range(100)], ["email"] * 100),
            "guarded": ([scene.tenant, ids.new()],),
            "list_of_address": (scene.tenant, ids.new(), 50, None, None, None, "p7@example.com"),
        }.items():
            plan = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {suppressions._SQL[name]}", *arguments)
            text = "\n".join(row[0] for row in plan)
            assert "Seq Scan" not in text, text
            assert "Index" in text
            read = [
                int(line.partition("shared hit=")[2].split()[0]) for line in text.splitlines() if "shared hit=" in line
            ]
            assert max(read) < 500, text


async def test_that_a_tenant_has_none_is_seldom_asked_for_and_the_intent_makes_sure(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("clarion.flows.suppressed.clock.monotonic", lambda: now)
    asked: list[str] = []

    async def counted(connection: Any, *arguments: Any) -> Any:
        asked.append("guarded")
        return await guarded(connection, *arguments)

    async def looked_up(connection: Any, *arguments: Any) -> Any:
        asked.append("find")
        return await find(connection, *arguments)

    guarded, find = suppressions.guarded, suppressions.find
    monkeypatch.setattr(suppressions, "guarded", counted)
    monkeypatch.setattr(suppressions, "find", looked_up)
    steps = (ChannelStep(key="email", channel=Channel.EMAIL, template="email"),)
    context: Any = SimpleNamespace(version=SimpleNamespace(workflow=Workflow(key="w", steps=steps)))
    (job,) = await scene.sending()
    row = {"tenant_id": scene.tenant, "channel": "email", "address": "ANN@example.com"}
    looks = Suppressed()

    async def look() -> list[str]:
        asked.clear()
        async with scene.api.pool.acquire() as connection:
            found, held[0] = await looks.find(connection, {job.id: job}, {job.id: row}, {job.id: context}, [job.id])
            told.update(found)
        return list(asked)

    async def intended() -> int:
        async with scene.api.pool.acquire() as connection:
            trigger = await connection.fetchval("SELECT trigger_id FROM message WHERE id = $1", job.id)
            await connection.execute("UPDATE message SET status = 'queued' WHERE id = $1", job.id)
            answer = await messages.intend(
                connection,
                {job.id: job.fence},
                triggers=[trigger],
                provider="smtp",
                worker="w",
                slot=0,
                margin=timedelta(milliseconds=200),
                held=held[0],
            )
        return len(answer.numbers)

    held = [Held()]

    told: dict[UUID, Suppression] = {}
    assert await look() == ["guarded"]
    for _ in range(10):
        assert await look() == []
    await add(scene.api, {"address": "ann@example.com"})
    assert (await look(), told) == ([], {}), "it was not asked for"
    assert await intended() == 0, "and holds all the same"
    looks.forget([scene.tenant])
    assert (await look(), str(told[job.id])[:13]) == (["guarded", "find"], "manual since ")
    assert await look() == ["find"]
    await add(scene.api, {"address": "bo@example.com"})
    row["address"] = "bo@example.com"
    told.clear()
    assert (await look(), list(told)) == (["find"], [job.id]), "every further one at once"
