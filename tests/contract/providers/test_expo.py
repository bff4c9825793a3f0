"""Expo: what goes over the wire, what comes of lists, and that Expo's own library takes the fake for Expo."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256

import pytest
import requests
from exponent_server_sdk import DeviceNotRegisteredError, MessageTooBigError, PushClient, PushMessage
from tests.support.endpoint import EndpointServer, status
from tests.support.providers import push_message
from tests.support.push import EXPO_TOKEN, expo_account, expo_token

from clarion import ids
from clarion.channels.base import Asked, Heard, Push
from clarion.channels.push.expo import Expo
from clarion.dev.fakes.expo import ExpoFake
from clarion.dev.fakes.faults import Fault, How
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.status import Status
from clarion.domain.workflow import Priority


@pytest.fixture
async def fake() -> AsyncIterator[ExpoFake]:
    async with ExpoFake(access_token=EXPO_TOKEN) as fake:
        yield fake


async def _send(fake: ExpoFake, *items: Push) -> list[Outcome]:
    provider = Expo(expo_account(fake))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_a_message_says_what_it_was_given_and_goes_packed() -> None:
    plain = push_message(
        expo_token(),
        title="Grüße",
        body="It is ready 😀",
        image="https://cdn.example/a.png",
        url="shop://1",
        data={"a": "b"},
        collapse_key="order-é",
    )
    item = Push(message_id=plain.message_id, to=plain.to, content=plain.content, ttl=plain.ttl, priority=Priority.HIGH)
    async with ExpoFake() as fake, EndpointServer(answer=status(503)) as server:
        provider = Expo(expo_account(fake, channel_id="orders"))
        (outcome,) = await provider.send([item])
        await provider.close()
        (taken,) = fake.taken
        assert outcome == Sent(taken.id)
        assert taken.message == {
            "to": item.to,
            "title": "Grüße",
            "body": "It is ready 😀",
            "data": {"url": "shop://1", "a": "b", "clarion_id": ids.show(ids.Prefix.MESSAGE, item.message_id)},
            "ttl": 3_600,
            "priority": "high",
            "sound": "default",
            "tag": ids.show(ids.Prefix.MESSAGE, item.message_id),
            "collapseId": sha256("order-é".encode()).hexdigest(),
            "channelId": "orders",
            "richContent": {"image": "https://cdn.example/a.png"},
            "mutableContent": True,
        }
        provider = Expo(expo_account(fake, base_url=f"http://127.0.0.1:{server.port}", channel_id="orders"))
        await provider.send([item])
        await provider.close()
        (posted,) = server.posted
        assert posted.line == "POST /--/api/v2/push/send HTTP/1.1"
        assert json.loads(gzip.decompress(posted.body)) == [taken.message]
        assert "authorization" not in posted.headers, "a project without enhanced security needs none"


async def test_lists_go_a_hundred_at_a_time_and_each_message_has_its_own_outcome(fake: ExpoFake) -> None:
    items = [push_message(expo_token()) for _ in range(250)]
    fake.dead |= {items[7].to, items[249].to}
    outcomes = await _send(fake, *items)
    assert sorted(fake.lists) == [50, 100, 100]
    assert [n for n, one in enumerate(outcomes) if not isinstance(one, Sent)] == [7, 249]
    by_id = {taken.id: taken.to for taken in fake.taken}
    assert all(
        by_id[one.provider_id] == item.to for one, item in zip(outcomes, items, strict=True) if isinstance(one, Sent)
    )


async def test_one_that_spoils_a_list_spoils_itself_alone(fake: ExpoFake) -> None:
    items = [push_message(expo_token()) for _ in range(10)]
    fake.foreign.add(items[3].to)
    outcomes = await _send(fake, *items)
    assert all(isinstance(one, Sent) for one in outcomes), "of two projects, each goes by itself"
    assert fake.lists == [10] + [1] * 10
    assert len(fake.taken) == 10


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("DeviceNotRegistered", Reject("HTTP 200, DeviceNotRegistered: no", "unregistered", Feedback.DEAD_TOKEN)),
        ("MessageTooBig", Reject("HTTP 200, MessageTooBig: no", "too_large")),
        ("MessageRateExceeded", Retry("HTTP 200, MessageRateExceeded: no", timedelta(minutes=1))),
        ("InvalidCredentials", Retry("HTTP 200, InvalidCredentials: no", timedelta(minutes=1))),
        ("MismatchSenderId", Reject("HTTP 200, MismatchSenderId: no", "sender_refused")),
        ("SomethingNew", Reject("HTTP 200, SomethingNew: no")),
    ],
)
async def test_each_error_of_a_ticket_has_its_outcome(fake: ExpoFake, error: str, expected: Outcome) -> None:
    tickets = {"data": [{"status": "error", "message": "no", "details": {"error": error}}]}
    fake.faults.add(Fault(how=How.ANSWER, status=200, body=json.dumps(tickets)))
    assert await _send(fake, push_message(expo_token())) == [expected]


async def test_tickets_that_are_too_few_leave_all_open(fake: ExpoFake) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=200, body='{"data": [{"status": "ok", "id": "1"}]}'))
    outcomes = await _send(fake, push_message(expo_token()), push_message(expo_token()))
    assert {type(one) for one in outcomes} == {Uncertain}


async def test_no_reason_repeats_a_token(fake: ExpoFake) -> None:
    item = push_message(expo_token())
    fake.dead.add(item.to)
    (outcome,) = await _send(fake, item)
    assert isinstance(outcome, Reject)
    assert item.to not in outcome.reason


async def test_a_token_of_access_that_is_wrong_burns_no_message(fake: ExpoFake) -> None:
    provider = Expo(expo_account(fake, access_token="x" * 20))
    outcomes = await provider.send([push_message(expo_token()) for _ in range(3)])
    assert all(isinstance(one, Retry) and one.pause_provider for one in outcomes)
    answer = await provider.ask([Asked(ids.new(), "t")])
    assert isinstance(answer, Retry)
    assert "UNAUTHORIZED" in answer.reason
    await provider.close()


async def test_receipts_are_asked_for_in_lists_and_tell_what_went_wrong(fake: ExpoFake) -> None:
    provider = Expo(expo_account(fake))
    items = [push_message(expo_token()) for _ in range(350)]
    outcomes = await provider.send(items)
    asked = [
        Asked(item.message_id, one.provider_id)
        for item, one in zip(items, outcomes, strict=True)
        if isinstance(one, Sent)
    ]
    gone, large, late = asked[0], asked[1], asked[2]
    fake.receipts[gone.provider_id] = {
        "status": "error",
        "message": "gone",
        "details": {"error": "DeviceNotRegistered"},
    }
    fake.receipts[large.provider_id] = {"status": "error", "message": "big", "details": {"error": "MessageTooBig"}}
    fake.unknown.add(late.provider_id)
    heard = await provider.ask(asked)
    assert isinstance(heard, Heard)
    assert fake.receipts_asked == [300, 50]
    assert heard.missing == [late]
    assert [(one.message_id, one.status, one.feedback) for one in heard.reports] == [
        (gone.message_id, Status.FAILED, Feedback.DEAD_TOKEN),
        (large.message_id, Status.FAILED, None),
    ]
    for fault in (
        Fault(how=How.RESET),
        Fault(how=How.ANSWER, status=500),
        Fault(how=How.ANSWER, status=200, body="[]"),
    ):
        fake.faults.add(fault)
        assert isinstance(await provider.ask(asked), Retry), "asking changes nothing"
    await provider.close()


async def test_expos_library_sends_and_reads_receipts(fake: ExpoFake) -> None:
    session = requests.Session()
    session.trust_env = False
    session.headers.update({"authorization": f"Bearer {EXPO_TOKEN}", "content-type": "application/json"})
    client = PushClient(host=fake.url, session=session)
    dead = expo_token()
    fake.dead.add(dead)
    messages = [
        PushMessage(to=expo_token(), title="Hi 😀", body="there", data={"a": "b"}, ttl=60, priority="high"),
        PushMessage(to=dead, body="gone"),
        PushMessage(to=expo_token(), body="x" * 5_000),
    ]
    ok, gone, large = await asyncio.to_thread(client.publish_multiple, messages)
    ok.validate_response()
    assert ok.id == fake.taken[0].id
    with pytest.raises(DeviceNotRegisteredError):
        gone.validate_response()
    with pytest.raises(MessageTooBigError):
        large.validate_response()
    fake.receipts[ok.id] = {"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}}
    (receipt,) = await asyncio.to_thread(client.check_receipts_multiple, [ok])
    with pytest.raises(DeviceNotRegisteredError):
        receipt.validate_response()
