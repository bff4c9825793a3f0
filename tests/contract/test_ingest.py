"""Taking in: each message acts once however often it comes, and none that is bad harms another."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs
from tests.support.database_proxy import Cut, DatabaseProxy, How
from tests.support.ingest import Greets, Intake, make_intake, message, messages
from tests.support.timers import expired

from clarion import clock, ids
from clarion.domain.action import Action, CancelTimer, SetTimer
from clarion.domain.binding import Binding
from clarion.domain.event import Event
from clarion.domain.event_reading import LARGEST
from clarion.domain.source import NatsSource
from clarion.flows.act import Act, Deed, Doings
from clarion.flows.definitions import Definitions
from clarion.flows.ingest import Answer, Ingest, Outcome
from clarion.flows.ingest_bugs import WAITS
from clarion.flows.redrive import Redrive
from clarion.flows.verify import verify
from clarion.store import bindings, quarantine, sources
from clarion.store.database import Connection, Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=6, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def intake(pool: Pool) -> Intake:
    return await make_intake(pool)


async def is_well(intake: Intake) -> None:
    async with intake.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_messages_become_what_their_binding_says(intake: Intake) -> None:
    answers = await intake.take([*messages(2), message(7, {"to": ["ana", "bob"]})])
    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED] * 3
    assert [len(answer.triggers) for answer in answers] == [1, 1, 2]
    assert await intake.triggers() == ["ana", "bob", "guest0", "guest1"]
    stored = await intake.pool.fetch("SELECT id FROM trigger")
    assert {row["id"] for row in stored} == {id for answer in answers for id in answer.triggers}
    assert "expand" in intake.rung
    await is_well(intake)


async def test_everything_again_makes_nothing_new(intake: Intake) -> None:
    """Again by another worker, again marked as such, and twice in one list: the answers name the first triggers."""
    given = [*messages(50), message("bad", raw=b"{")]
    first = await intake.take(given)
    for again in (given, [message("bad", raw=b"{", redelivered=True), *messages(50, redelivered=True)]):
        answers = {
            delivery.id: answer for delivery, answer in zip(again, await intake.take(again, worker="w2"), strict=True)
        }
        for delivery, answer in zip(given, first, strict=True):
            outcome = Outcome.QUARANTINED if answer.reason else Outcome.REPEATED
            assert answers[delivery.id].outcome is outcome
            assert list(answers[delivery.id].triggers) == list(answer.triggers)
            assert answers[delivery.id].reason == answer.reason
    assert await intake.count("trigger") == 50
    assert (await intake.count("quarantine"), await intake.count("inbound_suspect")) == (1, 0)
    twice = await intake.take([message(99), message(99), message(98, raw=b""), message(98, raw=b"")])
    assert [one.outcome.value for one in twice] == ["accepted", "repeated", "quarantined", "quarantined"]
    assert twice[0].triggers == twice[1].triggers
    assert await intake.count("trigger") == 51
    await is_well(intake)


class KeepsTime:
    """A binding that sets a timer for an order that is created, and takes it back for one that is completed."""

    def actions(self, event: Event, now: datetime) -> Sequence[Action]:
        assert isinstance(event.data, dict)
        key = event.data["order"]
        if event.data["is"] == "completed":
            return [CancelTimer(key=key)]
        return [SetTimer(key=key, at=now + timedelta(hours=1), actions=[expired(key)])]


async def test_what_comes_together_is_done_in_the_order_in_which_it_came(intake: Intake) -> None:
    """Also where one of the list cannot be stored, and it is taken in by parts."""
    intake.bindings[:] = [KeepsTime()]
    created = [message(f"new-{n}", {"order": f"o-{n}", "is": "created"}) for n in range(20)]
    completed = [message(f"paid-{n}", {"order": f"o-{n}", "is": "completed"}) for n in range(0, 20, 2)]
    answers = await intake.take([*created, message("bad", {"order": "o\x00", "is": "created"}), *completed])
    assert [answer.outcome.value for answer in answers] == ["accepted"] * 20 + ["quarantined"] + ["accepted"] * 10
    rows = await intake.pool.fetch("SELECT key FROM timer WHERE status = 'pending'")
    assert {row["key"] for row in rows} == {f"o-{n}" for n in range(1, 20, 2)}
    await is_well(intake)


async def test_two_workers_take_the_same_at_once(intake: Intake) -> None:
    """In parts that overlap, in whatever order: every message acts once, and nobody waits in a circle."""
    given = messages(200)
    shuffled = [given[start::7] + given[(start + 3) % 7 :: 7] for start in range(7)]
    taken = await asyncio.gather(
        *(
            intake.take(part[::step], worker=f"w{n}")
            for n, (part, step) in enumerate(itertools.product(shuffled, (1, -1)))
        )
    )
    assert await intake.count("trigger") == 200
    outcomes = [answer.outcome for answers in taken for answer in answers]
    assert outcomes.count(Outcome.ACCEPTED) == 200
    assert outcomes.count(Outcome.REPEATED) == len(outcomes) - 200
    await is_well(intake)


async def test_what_is_bad_is_put_aside_and_harms_no_other(intake: Intake) -> None:
    bad = {
        "json": message("json", raw=b"not json"),
        "utf8": message("utf8", raw=b'{"to": "\xff"}'),
        "deep": message("deep", raw=b"[" * 100_000),
        "nul": message("nul", raw=b'{"to": "\\u0000"}'),
        "empty": message("empty", raw=b""),
        "large": message("large", raw=b'"' + b"x" * LARGEST + b'"'),
        "binding": message("binding", {"who": "ana"}),
        "workflow": message("workflow", {"to": ["ana", "bob"], "workflow": "nope"}),
        "surprise": message("surprise", {"to": {}, "payload": 3}),
    }
    good = messages(20)
    answers = await intake.take([*good[:10], *bad.values(), *good[10:]])
    assert [one.outcome for one in answers].count(Outcome.ACCEPTED) == 20
    assert await intake.triggers() == sorted(f"guest{number}" for number in range(20)), "nothing of a bad one is done"
    reasons = await intake.reasons()
    codes = {id.removeprefix("m-"): reason.partition(":")[0] for id, reason in reasons.items()}
    assert codes | {"surprise": ""} == {
        **{"json": "invalid_json", "utf8": "invalid_json", "deep": "too_deep", "nul": "nul", "empty": "invalid_json"},
        **{"large": "too_large", "binding": "missing", "workflow": "not_found", "surprise": ""},
    }
    kept = await intake.pool.fetchrow("SELECT * FROM quarantine WHERE message_id = 'm-large'")
    assert kept is not None
    assert (kept["size"], len(kept["body"])) == (LARGEST + 2, quarantine.KEPT)
    assert bytes(kept["body"]) == bad["large"].body[: quarantine.KEPT]
    await is_well(intake)


async def test_ids_and_headers_of_any_kind_can_be_kept(intake: Intake) -> None:
    from clarion.brokers.base import Delivery

    odd = ["a\0b", "a\ufffdb", "\ud800", "x" * 10_000, "", "'; DROP TABLE inbound; --"]
    given = [Delivery(id=id, body=b"{", subject="\0", headers={"h\0": "\udfff"}) for id in odd]
    assert {one.outcome for one in await intake.take(given)} == {Outcome.QUARANTINED}
    assert await intake.count("quarantine") == len(odd)
    assert {one.outcome for one in await intake.take(given)} == {Outcome.QUARANTINED}
    assert await intake.count("inbound") == len(odd)


async def test_sources_and_tenants_do_not_know_each_others_ids(pool: Pool, intake: Intake) -> None:
    from clarion.flows.reading import Origin

    async with pool.acquire() as connection:
        number = await sources.number_of(connection, intake.tenant_id, "memory:other")
        assert number != intake.origin.number
        assert await sources.number_of(connection, intake.tenant_id, "memory:other") == number
    other = Origin(tenant_id=intake.tenant_id, source="memory:other", number=number)
    await intake.take(messages(3))
    answers = await intake.ingest()(other, intake.bindings, messages(3))
    assert {one.outcome for one in answers} == {Outcome.ACCEPTED}


async def test_sources_get_one_number_each_at_once(pool: Pool, intake: Intake) -> None:
    async def number(name: str) -> int:
        async with pool.acquire() as connection:
            return await sources.number_of(connection, intake.tenant_id, name)

    numbers = await asyncio.gather(*(number(f"memory:{n % 5}") for n in range(20)))
    assert len(set(numbers)) == 5


async def test_what_kills_its_workers_is_put_aside_and_nothing_else(intake: Intake) -> None:
    """The third death condemns the one message that all three had alone; those beside it go through."""

    def die(event: Event) -> None:
        if event.id == "m-3":
            raise KeyboardInterrupt  # no error that anything on the way here would take for one

    intake.bindings = [Greets(die)]
    given = messages(6)
    for number, worker in enumerate(("w1", "w2", "w3")):
        with pytest.raises(KeyboardInterrupt):
            await intake.take([message(n, redelivered=number > 0) for n in range(6)], worker=worker)
    answers = await intake.take([message(n, redelivered=True) for n in range(6)], worker="w4")
    by_id = dict(zip((one.id for one in given), answers, strict=True))
    assert by_id.pop("m-3").outcome is Outcome.QUARANTINED
    assert {one.outcome for one in by_id.values()} <= {Outcome.ACCEPTED, Outcome.REPEATED}
    assert await intake.reasons() == {"m-3": "poison: 3 workers had it and came to no end with it"}
    assert await intake.triggers() == [f"guest{n}" for n in (0, 1, 2, 4, 5)]
    assert await intake.count("inbound_suspect") == 0
    await is_well(intake)


async def test_a_worker_that_lives_condemns_nothing(intake: Intake) -> None:
    """However often one and the same worker is given it again, as after a broker that was away."""
    fails = True

    def fail(event: Event) -> None:
        if fails:
            raise KeyboardInterrupt

    intake.bindings = [Greets(fail)]
    for _ in range(10):
        with pytest.raises(KeyboardInterrupt):
            await intake.take([message(1, redelivered=True)])
    fails = False
    (answer,) = await intake.take([message(1, redelivered=True)])
    assert answer.outcome is Outcome.ACCEPTED
    assert await intake.count("inbound_suspect") == 0


class ActsWrongly(Act):
    """Does all that it should, and then stumbles over somebody, as a bug might."""

    stumbles = True

    async def __call__(self, connection: Connection, deeds: Sequence[Deed]) -> Doings:
        done = await super().__call__(connection, deeds)
        if self.stumbles and any("guest3" in str(deed.action) for deed in deeds):
            raise KeyError("guest3")
        return done


def stumbles(event: Event) -> None:
    if event.id == "m-3":
        raise TypeError("unsupported operand")


@pytest.mark.parametrize("acts", [True, False], ids=["while acting", "while reading"])
async def test_a_bug_of_ours_is_tried_again_and_told(intake: Intake, acts: bool) -> None:
    """The message comes again a few times; then it is put aside, and its reason says whose fault it was."""
    act = ActsWrongly(Definitions()) if acts else Act(Definitions())
    intake.bindings = [Greets(None if acts else stumbles)]
    ingest = Ingest(intake.pool, act, worker="w1", wake=intake.rung.append)
    with capture_logs() as logs:
        answers = await ingest(intake.origin, intake.bindings, messages(6))
        assert answers[3] == Answer(outcome=Outcome.AGAIN, after=WAITS[0])
        assert [one.outcome for one in answers if one is not answers[3]] == [Outcome.ACCEPTED] * 5
        assert await intake.count("inbound") == 5, "nothing of it is on disk"
        assert await intake.count("quarantine") == 0
        for wait in WAITS[1:]:
            (answer,) = await ingest(intake.origin, intake.bindings, [message(3, redelivered=True)])
            assert (answer.outcome, answer.after) == (Outcome.AGAIN, wait)
            assert await intake.count("inbound_suspect") == 0, "nobody died of it"
        (answer,) = await ingest(intake.origin, intake.bindings, [message(3, redelivered=True)])
    assert answer.outcome is Outcome.QUARANTINED
    told = [line for line in logs if line["event"] == "source.bug"]
    assert [line["tries"] for line in told] == list(range(1, len(WAITS) + 2))
    assert [line.get("exc_info").__class__ for line in told] == [KeyError if acts else TypeError] + [type(None)] * 4
    (reason,) = (await intake.reasons()).values()
    assert reason == answer.reason
    assert reason.startswith("bug: Clarion itself is wrong at clarion.flows.")
    assert f"The traceback is in the log of w1: source.bug with bug={told[0]['bug']}" in reason
    (again,) = await ingest(intake.origin, intake.bindings, [message(3, redelivered=True)])
    assert again.outcome is Outcome.QUARANTINED, "it does not act any more by itself"
    await is_well(intake)


async def test_a_bug_that_is_mended_meanwhile_has_cost_nothing(intake: Intake) -> None:
    """Several workers may meet it, and are not taken for dead ones."""
    act = ActsWrongly(Definitions())
    for worker in ("w1", "w2", "w3", "w4", "w5"):
        ingest = Ingest(intake.pool, act, worker=worker, wake=intake.rung.append)
        (answer,) = await ingest(intake.origin, intake.bindings, [message(3, redelivered=True)])
        assert answer.outcome is Outcome.AGAIN
    act.stumbles = False
    (answer,) = await ingest(intake.origin, intake.bindings, [message(3, redelivered=True)])
    assert answer.outcome is Outcome.ACCEPTED
    assert await intake.triggers() == ["guest3"]
    await is_well(intake)


async def test_a_redrive_that_meets_a_bug_says_so(intake: Intake) -> None:
    act = ActsWrongly(Definitions())
    ingest = Ingest(intake.pool, act, worker="w1", wake=intake.rung.append)
    for _ in range(len(WAITS) + 1):
        await ingest(intake.origin, intake.bindings, [message(3)])
    (id,) = [row["id"] for row in await intake.pool.fetch("SELECT id FROM quarantine")]
    binding = {"trigger": {"workflow": "welcome", "recipients": [{"id": "data.to"}]}}
    orders = NatsSource(stream="s", subjects=("x",), durable="d")
    listening = Binding(key="greets", on=orders, do=[binding])
    async with intake.pool.acquire() as connection:
        await connection.execute("UPDATE source SET name = $1", orders.name)
        async with connection.transaction():
            said = {listening.key: (listening.content_hash, listening.to_json())}
            await bindings.publish(connection, intake.tenant_id, said)
        redrive = Redrive(act, intake.tenant_id, wake=intake.rung.append)
        with capture_logs() as logs:
            stayed = await redrive(connection, id)
        assert stayed.reason is not None and stayed.reason.startswith("bug: Clarion itself is wrong at clarion.")
        assert [line["event"] for line in logs if isinstance(line.get("exc_info"), KeyError)] == ["source.bug"]
        act.stumbles = False
        assert len((await redrive(connection, id)).triggers) == 1
    await is_well(intake)


@pytest.mark.parametrize("how", [How.LOST, How.DONE])
async def test_a_commit_of_which_nobody_knows(database: str, intake: Intake, how: How) -> None:
    """It raises; taken in again it acts once, whether the commit had come through or not."""
    async with DatabaseProxy(upstream=database) as proxy:
        proxy.cuts.append(Cut(after="INSERT INTO inbound", how=how))
        pool = await open_pool(proxy.url, size=1, statement_timeout_s=10, application_name="test")
        async with pool:
            cut_off = Intake(pool=pool, origin=intake.origin)
            with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
                await cut_off.take(messages(10))
            answers = await cut_off.take(messages(10))
    expected = Outcome.REPEATED if how is How.DONE else Outcome.ACCEPTED
    assert {one.outcome for one in answers} == {expected}
    assert await intake.count("trigger") == 10
    await is_well(intake)


async def test_what_the_database_refuses_is_found_among_others(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that only the database finds impossible fails the whole transaction: all others go through in another."""
    await intake.pool.execute("ALTER TABLE trigger ADD CHECK (NOT recipient_ids && ARRAY['guest13'])")
    answers = await intake.take(messages(30))
    assert [one.outcome for one in answers].count(Outcome.ACCEPTED) == 29
    (reason,) = (await intake.reasons()).values()
    assert reason.startswith("cannot_be_stored: ")
    await is_well(intake)


async def test_quarantine_and_suspects_go_with_age_and_what_came_in_never(intake: Intake) -> None:
    await intake.take([message(1), message(2, raw=b"{")])
    old = ids.first_at(clock.now() - timedelta(days=91))
    await intake.pool.execute("UPDATE quarantine SET id = $1", old)
    await intake.take([message(3, raw=b"{")])
    await intake.pool.execute(
        "INSERT INTO inbound_suspect (id, tenant_id, worker, deaths, at)"
        " VALUES (gen_random_uuid(), $1, 'w', 0, now() - interval '31 days'), (gen_random_uuid(), $1, 'w', 0, now())",
        intake.tenant_id,
    )
    async with intake.pool.acquire() as connection:
        assert await quarantine.prune(connection, timedelta(days=90)) == 2
        assert await quarantine.prune(connection, timedelta(days=90)) == 0
    assert (await intake.count("quarantine"), await intake.count("inbound_suspect")) == (1, 1)
    again = await intake.take([message(1), message(2, raw=b"{")])
    assert {one.outcome for one in again} == {Outcome.REPEATED}
