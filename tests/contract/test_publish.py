"""What becomes of publications: confirmed, put off, buried, never lost, and repeated only with the same id."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.cluster import open_cluster
from tests.support.endpoint import EndpointServer, Posted, status
from tests.support.http import Connection, request
from tests.support.queue import Rig

from clarion import ids
from clarion.brokers.base import Publication, Sink
from clarion.domain.action import Publish
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.publishing import Patience
from clarion.errors import ConfigError
from clarion.flows.publications import KIND, QUEUE, NewPublication, add_publications
from clarion.flows.publish import PublishAll, pace_of
from clarion.flows.slots import Slots
from clarion.queue import buried, limits, lookup
from clarion.queue.job import Job
from clarion.queue.lookup import JobState, JobView
from clarion.queue.rescue import rescue
from clarion.store.database import open_pool

PATIENCE = Patience.of(3, timedelta(seconds=5), timedelta(minutes=1))


class Recorder(Sink):
    """A sink that keeps what it was given, and answers what the test says."""

    kind = "nats"

    def __init__(self) -> None:
        self.calls: list[list[Publication]] = []
        self.answer: Callable[[Publication], Outcome] = lambda one: Sent(f"seq {one.id}")

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        self.calls.append(list(publications))
        return [self.answer(one) for one in publications]

    async def close(self) -> None:
        pass


@pytest.fixture
async def rig(database: str) -> AsyncIterator[Rig]:
    """A fresh database with a pool as workers have it."""
    pool = await open_pool(database, size=5, statement_timeout_s=30, application_name="tests")
    yield Rig(url=database, pool=pool)
    await pool.close()


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


async def _add(rig: Rig, *ids: str, **more: object) -> None:
    fields: dict[str, object] = {"kind": "nats", "target": {"subject": "s"}, "body": {"n": 1}} | more
    publish = Publish(**fields)  # type: ignore[arg-type]
    async with rig.pool.acquire() as connection, connection.transaction():
        await add_publications(connection, [NewPublication(tenant_id=rig.tenant, id=id, publish=publish) for id in ids])


async def _claim(rig: Rig) -> list[Job]:
    await rig.pool.execute("UPDATE job SET run_at = now() - interval '1 s' WHERE state = 0")
    return await rig.claim(queue=QUEUE)


async def _work(rig: Rig, sink: Sink, jobs: Sequence[Job] | None = None) -> None:
    handler = PublishAll(rig.pool, lambda kind, name: sink, patience=PATIENCE, slots=Slots(), chance=lambda: 0.5)
    await handler(await _claim(rig) if jobs is None else jobs)


async def _in_state(rig: Rig, state: JobState) -> list[JobView]:
    async with rig.pool.acquire() as connection:
        return (await lookup.list_jobs(connection, QUEUE, state, tenant_id=rig.tenant)).jobs


async def test_a_list_goes_out_in_one_call_and_leaves_a_record_of_each(rig: Rig, sink: Recorder) -> None:
    await _add(rig, *(f"e{n}" for n in range(50)), headers={"h": "v"}, body={"orderId": "x"})
    await _work(rig, sink)
    (call,) = sink.calls
    assert sorted(one.id for one in call) == sorted(f"e{n}" for n in range(50))
    assert call[0].target == {"subject": "s"}
    assert (call[0].body, call[0].content_type, call[0].headers) == (
        b'{"orderId":"x"}',
        "application/json",
        {"h": "v"},
    )
    done = await _in_state(rig, JobState.DONE)
    assert len(done) == 50
    for job in done:
        id = job.args["id"]
        assert job.result == {"status": "published", "id": id, "receipt": f"seq {id}"}
    assert await rig.count() == 0


async def test_each_broker_is_called_once_with_what_is_its_own(rig: Rig) -> None:
    sinks: dict[tuple[str, str | None], Recorder] = {}

    def sink_of(kind: str, name: str | None) -> Sink:
        return sinks.setdefault((kind, name), Recorder())

    await _add(rig, "a1", "a2", kind="nats")
    await _add(rig, "b1", kind="nats", broker="other")
    await _add(rig, "c1", "c2", kind="rabbitmq")
    handler = PublishAll(rig.pool, sink_of, patience=PATIENCE, slots=Slots())
    await handler(await _claim(rig))
    assert {way: [sorted(p.id for p in call) for call in sink.calls] for way, sink in sinks.items()} == {
        ("nats", None): [["a1", "a2"]],
        ("nats", "other"): [["b1"]],
        ("rabbitmq", None): [["c1", "c2"]],
    }


@pytest.mark.parametrize(("answer", "word"), [(Retry("full"), "full"), (Uncertain("lost"), "perhaps delivered: lost")])
async def test_it_is_tried_again_with_the_same_id_and_bytes_and_at_last_buried(
    rig: Rig, sink: Recorder, answer: Outcome, word: str
) -> None:
    sink.answer = lambda _: answer
    await _add(rig, "e1", kind="webhook", target={"type": "order.expired"})
    for attempt, wait in ((1, 5), (2, 20)):
        await _work(rig, sink)
        (job,) = await _in_state(rig, JobState.SCHEDULED)
        assert (job.attempts, job.error) == (attempt, word)
        left = await rig.pool.fetchval("SELECT run_at - now() FROM job")
        assert timedelta(seconds=wait - 1) < left <= timedelta(seconds=wait)
    await _work(rig, sink)
    (job,) = await _in_state(rig, JobState.BURIED)
    assert (job.attempts, job.error) == (3, f"gave up after 3 attempts: {word}")
    assert len({(call[0].id, call[0].body) for call in sink.calls}) == 1
    # Redriven, it begins anew.
    async with rig.pool.acquire() as connection:
        await buried.redrive(connection, QUEUE, tenant_id=rig.tenant)
    sink.answer = lambda _: Sent("1")
    await _work(rig, sink)
    assert len(await _in_state(rig, JobState.DONE)) == 1


async def test_a_refused_one_is_buried_with_the_reason_and_the_others_go(rig: Rig, sink: Recorder) -> None:
    sink.answer = lambda one: Reject("no such subject", code="unroutable") if one.id == "bad" else Sent("1")
    await _add(rig, "good", "bad", "fine")
    await _work(rig, sink)
    (job,) = await _in_state(rig, JobState.BURIED)
    assert (job.args["id"], job.error) == ("bad", "unroutable: no such subject")
    assert len(await _in_state(rig, JobState.DONE)) == 2


async def test_everybody_waits_when_a_broker_asks_for_it_and_no_attempt_is_spent(rig: Rig, sink: Recorder) -> None:
    sink.answer = lambda _: Retry("slow down", after=timedelta(minutes=5), pause_provider=True)
    await _add(rig, "e1", "e2")
    await _work(rig, sink)
    await _add(rig, "e3")
    await _work(rig, sink)
    assert len(sink.calls) == 1
    waiting = await _in_state(rig, JobState.SCHEDULED)
    assert [(job.attempts, job.error) for job in waiting] == [(0, "slow down")] * 3
    assert await rig.pool.fetchval("SELECT min(run_at) > now() + interval '4 min' FROM job")
    async with rig.pool.acquire() as connection:
        assert await limits.lift(connection, pace_of(("nats", None)))
    sink.answer = lambda _: Sent("1")
    await _work(rig, sink)
    assert len(await _in_state(rig, JobState.DONE)) == 3


async def test_what_an_endpoint_wants_no_more_of_stops_for_all_until_it_is_opened_again(
    rig: Rig, sink: Recorder
) -> None:
    sink.answer = lambda _: Reject("HTTP 410: the endpoint wants no more", code="gone")
    await _add(rig, "e1", kind="webhook", broker="orders")
    await _work(rig, sink)
    await _add(rig, "e2", kind="webhook", broker="orders")
    await _work(rig, sink)
    assert len(sink.calls) == 1
    reasons = sorted(job.error or "" for job in await _in_state(rig, JobState.BURIED))
    said = "HTTP 410: the endpoint wants no more"
    assert reasons == [f"closed: {said}", f"gone: {said}"]
    sink.answer = lambda _: Sent("1")
    async with rig.pool.acquire() as connection:
        assert await limits.lift(connection, pace_of(("webhook", "orders")))
        await buried.redrive(connection, QUEUE, tenant_id=rig.tenant)
    await _work(rig, sink)
    assert len(await _in_state(rig, JobState.DONE)) == 2


async def test_one_that_breaks_its_sink_does_not_keep_the_others(rig: Rig, sink: Recorder) -> None:
    def answer(one: Publication) -> Outcome:
        if one.id == "poison":
            raise RuntimeError("cannot")
        return Sent("1")

    sink.answer = answer
    await _add(rig, "a", "poison", "b")
    await _work(rig, sink)
    assert len(await _in_state(rig, JobState.DONE)) == 2
    (job,) = await _in_state(rig, JobState.SCHEDULED)
    assert job.error == "perhaps delivered: the sink failed: RuntimeError('cannot')"


async def test_a_broker_that_is_not_configured_is_waited_for_like_one_that_is_away(rig: Rig) -> None:
    def sink_of(kind: str, name: str | None) -> Sink:
        raise ConfigError("There is no broker called 'x'.")

    await _add(rig, "a", broker="x")
    await PublishAll(rig.pool, sink_of, patience=PATIENCE, slots=Slots())(await _claim(rig))
    (job,) = await _in_state(rig, JobState.SCHEDULED)
    assert job.error == "There is no broker called 'x'."


async def test_one_that_kills_its_workers_is_put_away_unseen(rig: Rig, sink: Recorder) -> None:
    await _add(rig, "killer")
    for _ in range(3):
        await rig.run_out(*await _claim(rig))
        async with rig.pool.acquire() as connection:
            await rescue(connection, 10)
    await _work(rig, sink)
    (job,) = await _in_state(rig, JobState.BURIED)
    assert job.error == "quarantined: 3 workers died while they held it"
    assert sink.calls == []


async def test_who_lost_the_lease_meanwhile_moves_nothing(rig: Rig, sink: Recorder) -> None:
    await _add(rig, "e1")
    jobs = await _claim(rig)
    await rig.run_out(*jobs)
    async with rig.pool.acquire() as connection:
        await rescue(connection, 10)
    await _work(rig, sink, jobs)
    assert await _in_state(rig, JobState.DONE) == []
    await _work(rig, sink)
    assert [call[0].id for call in sink.calls] == ["e1", "e1"]
    assert len(await _in_state(rig, JobState.DONE)) == 1


async def test_a_worker_killed_between_post_and_settle_loses_nothing(database: str, tmp_path: Path) -> None:
    """The endpoint kills the worker that has just posted; the next one posts the same events with the same ids."""
    victims: list[int] = []

    async def kill_first(posted: Posted, writer: asyncio.StreamWriter) -> None:
        if victims:
            os.kill(victims.pop(), signal.SIGKILL)
        await status(200)(posted, writer)

    async with EndpointServer(answer=kill_first) as server, open_cluster(database, tmp_path) as cluster:
        endpoints = {"orders": {"url": f"http://127.0.0.1:{server.port}/", "secrets": ["whsec_" + "b" * 32]}}
        cluster.environment["CLARION_WEBHOOKS"] = json.dumps(endpoints)
        cluster.environment["CLARION_PUBLISH_ALLOW_NETWORKS"] = "127.0.0.0/8"
        await cluster.sink()
        worker = await cluster.worker(worker_lease="1s")
        victims.append(worker.pid)
        publish = Publish(kind="webhook", target={"type": "order.expired"}, body={"orderId": "o1"})
        new = [NewPublication(tenant_id=cluster.tenant_id, id=f"evt_{n}", publish=publish) for n in range(30)]
        async with cluster.pool.acquire() as connection, connection.transaction():
            await add_publications(connection, new)
        assert await worker.ended() == -signal.SIGKILL
        assert server.posted
        await cluster.worker(worker_lease="1s")
        await cluster.until("NOT EXISTS (SELECT FROM job WHERE queue = 'publish')")
        done = await cluster.pool.fetch("SELECT id, result FROM job_done WHERE kind = $1", KIND)
        assert {row["result"]["id"] for row in done} == {one.id for one in new}
        bodies: dict[str, set[bytes]] = {}
        for posted in server.posted:
            bodies.setdefault(posted.headers["webhook-id"], set()).add(posted.body)
        assert bodies.keys() == {one.id for one in new}
        assert all(len(seen) == 1 for seen in bodies.values())  # repeats carry the same event
        event = json.loads(bodies["evt_7"].pop())
        assert (event.pop("time")[-1], event) == (
            "Z",
            {
                "specversion": "1.0",
                "id": "evt_7",
                "source": "clarion",
                "type": "order.expired",
                "datacontenttype": "application/json",
                "data": {"orderId": "o1"},
            },
        )
        # … and the API shows what became of it.
        await cluster.api()
        path = f"/v1/jobs/{ids.show(ids.Prefix.JOB, done[0]['id'])}"
        async with await Connection.open(cluster.port) as http:
            await http.say(request("GET", path, headers={"authorization": f"Bearer {cluster.key}"}))
            shown = (await http.hear()).json
        assert (shown["state"], shown["result"]["receipt"]) == ("done", "HTTP 200")
