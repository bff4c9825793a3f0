"""What is JetStream's alone: streams and consumers of any kind, large messages, and numbers as ids."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js.api import AckPolicy, ConsumerConfig
from structlog.testing import capture_logs
from tests.contract.brokers.harness import NatsBroker
from tests.support import memory
from tests.support.docs import page
from tests.support.nats import Nats
from tests.support.reading import Reading
from tests.support.wait import wait_until

from clarion.brokers.base import Publication
from clarion.brokers.nats import JetStreamSource, NatsSink
from clarion.domain.outcome import Reject, Retry, Sent
from clarion.domain.source import NatsSource
from clarion.errors import ConfigError


async def test_a_message_without_an_id_is_known_by_its_number_even_in_a_new_stream(jetstream: NatsBroker) -> None:
    async with Reading(jetstream.source()) as reading:
        await jetstream.put(b"one")
        (first,) = await reading.first(1)
        await reading.source.nack([first])
        assert (await reading.first(2))[1].id == first.id
        await reading.source.ack(reading.all[1:])
    client = await jetstream.client()
    await client.jetstream().delete_stream(jetstream.name)
    await client.close()
    async with Reading(jetstream.source()) as again:
        await jetstream.put(b"one")
        (second,) = await again.first(1)
        assert second.id.partition("-")[0] == first.id.partition("-")[0]
        assert second.id != first.id
        await again.source.ack([second])


async def test_what_is_worked_on_for_long_is_kept(jetstream: NatsBroker) -> None:
    async with Reading(jetstream.source(ack_wait=1.0)) as reading:
        await jetstream.put(b"slow", b"forgotten")
        await reading.first(2)
        slow = [one for one in reading.all if one.body == b"slow"]

        async def forgotten_came_again() -> bool:
            await reading.source.keep(slow)
            return reading.bodies.count(b"forgotten") >= 3

        await wait_until(forgotten_came_again, 20, "what nobody kept came twice more")
        assert reading.bodies.count(b"slow") == 1
        await reading.source.ack([*slow, reading.all[-1]])


async def test_a_message_above_what_is_asked_for_at_once_comes_alone(
    jetstream: NatsBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.brokers.nats.source._BATCH_BYTES", 10_000)
    async with Reading(jetstream.source()) as reading:
        await jetstream.put(b"small", b"x" * 200_000, b"small too", b"y" * 9_000, b"z" * 9_000)
        await reading.source.ack(await reading.first(5))
        assert [len(body) for body in reading.bodies] == [5, 200_000, 9, 9_000, 9_000]


async def test_a_new_consumer_may_leave_out_what_was_there_before(jetstream: NatsBroker) -> None:
    async with Reading(jetstream.source()):
        await jetstream.put(b"old")
    async with Reading(jetstream.source(durable="fresh", deliver="new")) as reading:
        await jetstream.put(b"new")
        await reading.source.ack(await reading.first(1))
        assert reading.bodies == [b"new"]


async def test_several_subjects_are_one_source(jetstream: NatsBroker) -> None:
    subjects = [f"{jetstream.name}.created", f"{jetstream.name}.gone"]
    async with Reading(jetstream.source(subjects=subjects)) as reading:
        await jetstream.put(b"one")
        await reading.source.ack(await reading.first(1))


@pytest.mark.parametrize("how", ["push", "ack none", "ack all"])
async def test_a_consumer_of_another_kind_is_refused(jetstream: NatsBroker, how: str) -> None:
    async with Reading(jetstream.source()):
        pass
    client = await jetstream.client()
    config = {
        "push": ConsumerConfig(durable_name="odd", deliver_subject="somewhere"),
        "ack none": ConsumerConfig(durable_name="odd", ack_policy=AckPolicy.NONE),
        "ack all": ConsumerConfig(durable_name="odd", ack_policy=AckPolicy.ALL),
    }[how]
    await client.jetstream().add_consumer(jetstream.name, config)
    await client.close()
    with pytest.raises(ConfigError, match="'odd'"):
        await jetstream.source(durable="odd").open()


async def test_a_consumer_with_other_settings_is_used_as_it_is(jetstream: NatsBroker) -> None:
    async with Reading(jetstream.source()):
        pass
    with capture_logs() as logs:
        async with Reading(jetstream.source(max_ack_pending=7)) as reading:
            await jetstream.put(b"one")
            await reading.source.ack(await reading.first(1))
    assert [line["event"] for line in logs] == ["source.used_as_it_is"]


async def test_subjects_of_another_stream_are_a_mistake(jetstream: NatsBroker) -> None:
    async with Reading(jetstream.source()):
        pass
    with pytest.raises(ConfigError, match="overlap"):
        await jetstream.source(stream=f"{jetstream.name}-other").open()


@pytest.mark.parametrize(
    "subject",
    [
        *("", "a b", "a..b", ".a", "a.", "a.*", "a.>", "$JS.API.STREAM.DELETE.orders", "_INBOX.x"),
        *("a\r\nPUB b 0\r\n\r\n", "a\tb", "a\0b"),
    ],
)
async def test_a_subject_that_must_not_reach_the_server_is_refused(jetstream: NatsBroker, subject: str) -> None:
    sink = jetstream.sink()
    (outcome,) = await sink.publish([Publication(id="1", target={"subject": subject}, body=b"{}")])
    assert isinstance(outcome, Reject)
    await sink.close()


async def test_a_subject_without_a_stream_is_awaited(jetstream: NatsBroker) -> None:
    sink = jetstream.sink()
    one = Publication(id="1", target=jetstream.target, body=b"{}")
    (outcome,) = await sink.publish([one])
    assert isinstance(outcome, Retry)
    assert "stream" in outcome.reason
    async with Reading(jetstream.source()) as reading:
        assert [type(outcome) for outcome in await sink.publish([one])] == [Sent]
        await reading.source.ack(await reading.first(1))
    await sink.close()


async def test_a_message_above_the_servers_limit_is_refused(jetstream: NatsBroker) -> None:
    sink = jetstream.sink()
    async with Reading(jetstream.source()):
        huge = Publication(id="1", target=jetstream.target, body=b"x" * 9_000_000)
        small = Publication(id="2", target=jetstream.target, body=b"{}")
        one, two = await sink.publish([huge, small])
        assert isinstance(one, Reject)
        assert one.code == "too_large"
        assert isinstance(two, Sent)
    await sink.close()


async def test_headers_cannot_smuggle_anything(jetstream: NatsBroker) -> None:
    sink = jetstream.sink()
    async with Reading(jetstream.source()) as reading:
        bad = Publication(id="1", target=jetstream.target, body=b"{}", headers={"a\r\nb": "c"})
        odd = Publication(id="2", target=jetstream.target, body=b"{}", headers={"a": "b\r\nNats-Msg-Id: other"})
        one, two = await sink.publish([bad, odd])
        assert isinstance(one, Reject)
        assert isinstance(two, Sent)
        await reading.source.ack(await reading.first(1))
        assert reading.all[0].id == "2"
    await sink.close()


_PERMISSIONS = """
authorization {{ users: [
  {{ user: root, password: root }}
  {{ user: clarion, password: "p@ss", permissions: {{ publish: [{allowed}], subscribe: ["_INBOX.>"] }} }}
] }}
"""


def _documented(stream: str, *, making: bool) -> str:
    """The subjects that the page on NATS says a user needs."""
    (table,) = re.findall(r"^### Permissions\n(.*?)^and to", page("how-to/connect-nats.md"), re.DOTALL | re.MULTILINE)
    lines = [line for line in table.splitlines() if making or "`declare: true`" not in line]
    subjects = [one for line in lines for one in re.findall(r"`(\$[^`]+)`", line)]
    assert len(subjects) >= 4
    named = [one.replace("<stream>", stream).replace("<durable>", "clarion") for one in subjects]
    return ", ".join(f'"{one}"' for one in [*named, f"{stream}.>"])


@pytest.mark.parametrize("making", [True, False])
async def test_the_permissions_of_the_page_are_enough(nats: Nats, making: bool) -> None:
    with memory.folder("clarion-tests-") as folder:
        more = _PERMISSIONS.format(allowed=_documented("orders", making=making))
        server = Nats(Path(folder), more=more)
        await server.start()
        root, ours = (f"nats://{who}@127.0.0.1:{server.port}" for who in ("root:root", "clarion:p%40ss"))
        spec = NatsSource(stream="orders", subjects=["orders.>"], durable="clarion", declare=making)
        try:
            if not making:
                async with Reading(JetStreamSource(replace(spec, declare=True), root)):
                    pass
            sink = NatsSink(ours)
            async with Reading(JetStreamSource(spec, ours)) as reading:
                one = Publication(id="1", target={"subject": "orders.created"}, body=b"{}")
                assert [type(outcome) for outcome in await sink.publish([one])] == [Sent]
                await reading.source.ack(await reading.first(1))
                await reading.source.check()
            await sink.close()
        finally:
            await server.stop()


async def test_who_may_not_is_told_so(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.brokers.nats.source.PATIENCE_S", 1.0)
    with memory.folder("clarion-tests-") as folder:
        server = Nats(Path(folder), more=_PERMISSIONS.format(allowed='"orders.>"'))
        await server.start()
        spec = NatsSource(stream="orders", subjects=["orders.>"], durable="clarion")
        try:
            with pytest.raises(ConfigError, match=r"(?i)stream\.info"):
                await JetStreamSource(spec, f"nats://clarion:p%40ss@127.0.0.1:{server.port}").open()
            wrong = f"nats://clarion:wrong-secret@127.0.0.1:{server.port}"
            with pytest.raises(ConfigError, match="does not let us in") as refused:
                await JetStreamSource(spec, wrong).open()
            assert "wrong-secret" not in str(refused.value)
            sink = NatsSink(wrong)
            (outcome,) = await sink.publish([Publication(id="1", target={"subject": "orders.a"}, body=b"{}")])
            assert isinstance(outcome, Retry)
            assert outcome.pause_provider
            await sink.close()
        finally:
            await server.stop()
