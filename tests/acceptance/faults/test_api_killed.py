"""An API process dies while many ask: what it answered is kept, and one key is one notification (PROMISES P1, P2)."""

from __future__ import annotations

import asyncio
import signal

import pytest
from tests.support.cluster import Cluster
from tests.support.oracle import assert_survived
from tests.support.process import Injection
from tests.support.together import Together

_CLIENTS = 64


async def test_every_answer_is_kept_and_every_key_counts_once(together: Together) -> None:
    """64 clients ask again under the same key until they are answered; the API is killed among them."""
    await together.play(_killed, ["accept:before_commit", "accept:after_commit", "accept:before_reply"])


async def _killed(cluster: Cluster, at: str) -> None:
    await cluster.worker()
    doomed = await cluster.api(Injection(at, nth=20))
    async with asyncio.TaskGroup() as clients:
        asking = [clients.create_task(_ask(cluster, number)) for number in range(_CLIENTS)]
        await doomed.until_struck()
        assert await doomed.ended() == -signal.SIGKILL
        await cluster.api()
    first = [task.result() for task in asking]
    again = await asyncio.gather(*(_ask(cluster, number) for number in range(_CLIENTS)))
    assert again == first, "the same key has the same answer"
    assert len(set(first)) == _CLIENTS
    assert await cluster.pool.fetchval("SELECT count(*) FROM trigger") == _CLIENTS
    findings = await assert_survived(cluster)
    assert (findings.messages, findings.receipts) == (_CLIENTS, _CLIENTS)


async def test_what_another_call_does_is_done_once_as_well(together: Together) -> None:
    """Clients register webhooks, a new one each time, until they are answered; the API is killed among them."""
    await together.play(_killed_among_others, ["repeat:before_commit", "repeat:after_commit"])


async def _killed_among_others(cluster: Cluster, at: str) -> None:
    who = [f"client{number:05}" for number in range(16)]
    await cluster.topic("clients", who)
    doomed = await cluster.api(Injection(at, nth=5))
    async with asyncio.TaskGroup() as clients:
        asking = [clients.create_task(_register(cluster, one)) for one in who]
        await doomed.until_struck()
        assert await doomed.ended() == -signal.SIGKILL
        await cluster.api()
    first = [task.result() for task in asking]
    assert [await _register(cluster, one) for one in who] == first, "the same key has the same answer"
    owners = await cluster.pool.fetch("SELECT recipient_id FROM webhook ORDER BY 1")
    assert [row["recipient_id"] for row in owners] == who, "nobody has two"


async def test_64_identical_requests_at_once_are_one(cluster: Cluster) -> None:
    await _identical(cluster, 3)


@pytest.mark.torture
async def test_64_identical_requests_at_once_are_one_a_thousand_times(cluster: Cluster) -> None:
    await _identical(cluster, 1_000)


async def _identical(cluster: Cluster, keys: int) -> None:
    await cluster.worker()
    await cluster.api()
    for key in range(keys):
        answers = await asyncio.gather(
            *(cluster.post_trigger("mail-retry", ["guest"], idempotency_key=f"key {key}") for _ in range(_CLIENTS))
        )
        assert {status for status, _ in answers} <= {202, 409}
        ids = {id for status, id in answers if status == 202}
        assert len(ids) == 1
        assert {code for status, code in answers if status == 409} <= {"idempotency_in_flight"}
    findings = await assert_survived(cluster)
    assert (findings.messages, findings.receipts) == (keys, keys)


async def test_a_clean_stop_under_load_keeps_what_it_answered(cluster: Cluster) -> None:
    await cluster.worker()
    first = await cluster.api()
    async with asyncio.TaskGroup() as clients:
        asking = [clients.create_task(_ask(cluster, number)) for number in range(_CLIENTS)]
        await cluster.until("(SELECT count(*) FROM trigger) > 10")
        assert await first.stop() == 0
        await cluster.api()
    assert len({task.result() for task in asking}) == _CLIENTS
    findings = await assert_survived(cluster)
    assert findings.messages == _CLIENTS


async def _ask(cluster: Cluster, number: int) -> str:
    """Ask under the client's own key until there is a 202; the id in it."""
    deadline = asyncio.get_running_loop().time() + 60
    while asyncio.get_running_loop().time() < deadline:
        try:
            who = [f"client{number:05}"]
            status, answer = await cluster.post_trigger("mail-retry", who, idempotency_key=f"key {number}")
        except OSError:
            await asyncio.sleep(0.05)  # nobody is there, or was killed before it could answer
            continue
        if status == 202:
            return answer
        assert (status, answer) == (409, "idempotency_in_flight") or status == 503, (status, answer)
    raise AssertionError(f"client {number} was never answered\n{cluster.log()}")


async def _register(cluster: Cluster, who: str) -> str:
    """Register a webhook under a key until it is there; its secret."""
    deadline = asyncio.get_running_loop().time() + 60
    path, body = f"/v1/recipients/{who}/webhooks", {"url": "https://hooks.invalid/"}
    while asyncio.get_running_loop().time() < deadline:
        try:
            reply = await cluster.post(path, body, idempotency_key=who)
        except OSError:
            await asyncio.sleep(0.05)  # nobody is there, or was killed before it could answer
            continue
        if reply.status == 201:
            return str(reply.json["secret"])
        assert reply.code == "idempotency_in_flight" or reply.status == 503, reply
    raise AssertionError(f"{who} was never answered\n{cluster.log()}")
