"""FCM: what goes over the wire, and that Firebase's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import aiohttp
import firebase_admin
import pytest
from firebase_admin import credentials, exceptions, messaging
from tests.support.endpoint import EndpointServer, status
from tests.support.providers import device_token, fcm_account, google_key, push_message

from clarion import clock, ids
from clarion.channels.base import Push
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.fcm import FcmFake
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.workflow import Priority

#: Firebase's library would rather be told the id of an installation.
pytestmark = pytest.mark.filterwarnings("ignore:Message.token is deprecated:DeprecationWarning")


@pytest.fixture
async def fake() -> AsyncIterator[FcmFake]:
    async with FcmFake(key=google_key()) as fake:
        yield fake


async def _send(fake: FcmFake, *items: Push, **more: str) -> list[Outcome]:
    provider = open_provider("push", fcm_account(fake, **more))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_a_message_says_what_it_was_given(fake: FcmFake) -> None:
    item = push_message(
        title="Grüße",
        body="It is ready 😀",
        image="https://cdn.example/a.png",
        url="https://shop.example/orders/1",
        data={"orderId": "12345"},
        collapse_key="order-1",
    )
    began = int(clock.now().timestamp())
    (outcome,) = await _send(fake, item)
    (taken,) = fake.taken
    assert outcome == Sent(taken.name)
    assert taken.token == item.to
    id, message = ids.show(ids.Prefix.MESSAGE, item.message_id), taken.message
    assert message["notification"] == {
        "title": "Grüße",
        "body": "It is ready 😀",
        "image": "https://cdn.example/a.png",
    }
    assert message["data"] == {"url": "https://shop.example/orders/1", "orderId": "12345", "clarion_id": id}
    assert message["android"] == {
        "collapse_key": "order-1",
        "ttl": "3600s",
        "priority": "HIGH",
        "notification": {"tag": id},
    }
    apns: Any = message["apns"]
    assert (apns["headers"]["apns-collapse-id"], apns["headers"]["apns-priority"]) == ("order-1", "10")
    assert apns["payload"] == {"aps": {"sound": "default", "mutable-content": 1}}, "else it is not fetched"
    assert apns["fcm_options"] == {"image": "https://cdn.example/a.png"}
    assert began + 3_600 <= int(apns["headers"]["apns-expiration"]) <= int(clock.now().timestamp()) + 3_600
    assert message["webpush"] == {
        "headers": {"TTL": "3600", "Urgency": "normal", "Topic": "order-1"},
        "notification": {"tag": id},
        "fcm_options": {"link": "https://shop.example/orders/1"},
    }


async def test_what_comes_twice_is_one_on_the_screen(fake: FcmFake) -> None:
    item = push_message(collapse_key="a key with blanks", url="shop://orders/1")
    plain = push_message()
    await _send(fake, item, plain)
    by_token: Any = {taken.token: taken.message for taken in fake.taken}
    assert "Topic" not in by_token[item.to]["webpush"]["headers"], "browsers take only some keys"
    assert "fcm_options" not in by_token[item.to]["webpush"], "nor addresses of an application"
    id = ids.show(ids.Prefix.MESSAGE, plain.message_id)
    assert by_token[plain.to]["apns"]["headers"]["apns-collapse-id"] == id
    assert by_token[plain.to]["apns"]["payload"] == {"aps": {"sound": "default"}}
    assert by_token[plain.to]["android"]["notification"] == {"tag": id}


async def test_what_may_wait_does_on_every_system_and_android_shows_it_where_the_account_says(fake: FcmFake) -> None:
    item = replace(push_message(collapse_key="Grüße"), priority=Priority.LOW)
    (outcome,) = await _send(fake, item, channel_id="news.weekly")
    assert isinstance(outcome, Sent)
    message: Any = fake.taken[0].message
    assert (message["android"]["priority"], message["webpush"]["headers"]["Urgency"]) == ("NORMAL", "low")
    headers = message["apns"]["headers"]
    assert (headers["apns-priority"], headers["apns-collapse-id"]) == ("5", sha256("Grüße".encode()).hexdigest())
    assert set(message["apns"]) == {"headers"}, "nor does it make a sound"
    assert message["android"]["notification"]["channel_id"] == "news.weekly"


async def test_fcm_is_asked_to_keep_a_message_no_longer_than_it_does(fake: FcmFake) -> None:
    (outcome,) = await _send(fake, push_message(ttl=timedelta(days=60)))
    (taken,) = fake.taken
    assert outcome == Sent(taken.name)
    android: Any = taken.message["android"]
    assert android["ttl"] == "2419200s"


async def test_an_installation_is_one_as_well(fake: FcmFake, library: firebase_admin.App) -> None:
    id = "cRA0mXyFQ-SgAbCdEfGh12"
    assert isinstance((await _send(fake, push_message(id)))[0], Sent)
    await asyncio.to_thread(messaging.send, messaging.Message(fid=id), app=library)
    assert [(taken.message["fid"], taken.token) for taken in fake.taken] == [(id, id)] * 2
    fake.dead.add(id)
    (outcome,) = await _send(fake, push_message(id))
    assert isinstance(outcome, Reject)
    assert outcome.feedback is Feedback.DEAD_TOKEN


async def test_each_refusal_has_its_code_and_tells_of_the_device(fake: FcmFake) -> None:
    dead, mismatched, wrong, large = (device_token() for _ in range(4))
    fake.dead.add(dead)
    fake.mismatched.add(mismatched)
    outcomes = await _send(
        fake,
        push_message(dead),
        push_message(mismatched),
        push_message("no-token"),
        push_message(large, data={"x": "y" * 5_000}),
        push_message(wrong, data={"from": "me"}),
    )
    found = [(o.code, o.feedback) for o in outcomes if isinstance(o, Reject)]
    assert found == [
        ("unregistered", Feedback.DEAD_TOKEN),
        ("sender_refused", None),
        ("invalid_recipient", Feedback.DEAD_TOKEN),
        ("too_large", None),
        ("rejected", None),
    ]
    assert not any(token in str(outcomes) for token in (dead, mismatched, wrong, large))


async def test_no_reason_repeats_a_token(fake: FcmFake) -> None:
    item = push_message()
    fake.faults.add(Fault(how=How.ANSWER, status=400, body=json.dumps({"error": {"message": f"no: {item.to}"}})))
    (outcome,) = await _send(fake, item)
    assert isinstance(outcome, Reject)
    assert item.to not in outcome.reason
    assert f"••••{item.to[-4:]}" in outcome.reason


async def test_a_certificate_of_apple_that_is_missing_holds_up_nobody_else(fake: FcmFake) -> None:
    iphone = device_token()
    fake.unlinked.add(iphone)
    outcomes = await _send(fake, push_message(iphone), push_message())
    assert isinstance(outcomes[0], Retry)
    assert (outcomes[0].after, outcomes[0].pause_provider) == (timedelta(minutes=1), False)
    assert outcomes[0].blameless, "no breaker opens for it"
    assert isinstance(outcomes[1], Sent)


@pytest.mark.parametrize(
    ("described", "headers", "after", "everybody"),
    [
        ("Message rate exceeded", {}, 60, True),
        ("Message rate exceeded", {"retry-after": "90"}, 90, True),
        ("Device message rate exceeded", {}, 60, False),
    ],
)
async def test_a_quota_makes_those_wait_whom_it_concerns(
    fake: FcmFake, described: str, headers: dict[str, str], after: int, everybody: bool
) -> None:
    details = [
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "QUOTA_EXCEEDED"},
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"description": described}]},
    ]
    error = {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": details}
    fake.faults.add(Fault(how=How.ANSWER, status=429, headers=headers, body=json.dumps({"error": error})))
    (outcome,) = await _send(fake, push_message())
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider) == (timedelta(seconds=after), everybody)
    assert outcome.blameless


async def test_one_token_of_access_is_for_all_and_is_renewed_before_it_runs_out(fake: FcmFake) -> None:
    provider = open_provider("push", fcm_account(fake))
    await asyncio.gather(*(provider.send([push_message() for _ in range(5)]) for _ in range(10)))
    assert (len(fake.taken), fake.access.asked) == (50, 1)
    await provider.close()
    fake.access.lifetime_s = 0  # it has run out as soon as it is there
    provider = open_provider("push", fcm_account(fake))
    for _ in range(3):
        await provider.send([push_message()])
    await provider.close()
    assert fake.access.asked == 4


async def test_access_that_was_taken_back_is_asked_for_anew(fake: FcmFake) -> None:
    provider = open_provider("push", fcm_account(fake))
    await provider.send([push_message()])
    fake.access.revoke_all()
    (outcome,) = await provider.send([push_message()])
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    (outcome,) = await provider.send([push_message()])
    await provider.close()
    assert isinstance(outcome, Sent)
    assert fake.access.asked == 2


async def test_without_access_nothing_is_sent_and_everybody_waits(fake: FcmFake) -> None:
    async with FcmFake(project=fake.project) as other:  # whose key is not that of the first
        account = other.service_account.replace(other.url, fake.url)
        outcomes = await _send(fake, push_message(), push_message(), service_account=account)
    assert all(isinstance(outcome, Retry) and outcome.pause_provider for outcome in outcomes)
    assert "invalid_grant" in str(outcomes[0])
    for fault in (
        Fault(how=How.RESET, taken=True),
        Fault(how=How.ANSWER, status=503),
        Fault(how=How.ANSWER, status=200),
    ):
        fake.access.faults.add(fault)
        (outcome,) = await _send(fake, push_message())
        assert isinstance(outcome, Retry)
        assert (outcome.after, outcome.pause_provider) == (timedelta(seconds=5), True)
        assert "no access token" in outcome.reason
    assert fake.asked == 0


async def test_the_project_is_the_one_of_the_account(fake: FcmFake) -> None:
    async with EndpointServer(answer=status(404, body=b'{"error": {"status": "NOT_FOUND"}}')) as server:
        (outcome,) = await _send(fake, push_message(), base_url=f"http://127.0.0.1:{server.port}")
        assert server.posted[0].line == f"POST /v1/projects/{fake.project}/messages:send HTTP/1.1"
    assert isinstance(outcome, Retry), "a project that is not there burns no message"
    assert outcome.pause_provider


async def test_the_fake_obeys_commands_over_http(fake: FcmFake) -> None:
    token = device_token()
    async with aiohttp.ClientSession(trust_env=False) as session:
        put = f"{fake.url}/_fake/faults"
        async with session.put(put, json={"faults": [{"how": "answer", "status": 503}], "lasting": None}) as answer:
            assert answer.status == 204
        assert isinstance((await _send(fake, push_message()))[0], Retry)
        assert isinstance((await _send(fake, push_message(token)))[0], Sent)
        nonsense: list[object] = [{"faults": [{"how": "unknown"}]}, []]
        for wrong in nonsense:
            async with session.put(put, json=wrong) as answer:
                assert answer.status == 422
        async with session.put(put, json={}, headers={"origin": "https://elsewhere.example"}) as answer:
            assert answer.status == 403
        async with session.put(f"{fake.url}/_fake/tokens", json={"dead": [token]}) as answer:
            assert answer.status == 204
        async with session.put(f"{fake.url}/_fake/tokens", json=[]) as answer:
            assert answer.status == 422
        assert isinstance((await _send(fake, push_message(token)))[0], Reject)
        async with session.get(f"{fake.url}/_fake/messages") as answer:
            (taken,) = await answer.json()
        assert taken["token"] == token
        async with session.delete(f"{fake.url}/_fake/messages") as answer:
            assert answer.status == 204
    assert fake.taken == []


@pytest.fixture
async def library(fake: FcmFake, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[firebase_admin.App]:
    """Firebase's library, which knows one address, led to the fake; its access comes from where its key says."""
    service = messaging._MessagingService
    url = service.FCM_URL.replace("https://fcm.googleapis.com", fake.url)
    monkeypatch.setattr(service, "FCM_URL", url)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    app = firebase_admin.initialize_app(credentials.Certificate(json.loads(fake.service_account)), name=fake.url)
    yield app
    await asyncio.to_thread(firebase_admin.delete_app, app)  # it runs a loop of its own for that


async def test_firebases_library_sends(fake: FcmFake, library: firebase_admin.App) -> None:
    message = messaging.Message(
        token=device_token(),
        notification=messaging.Notification(title="Hi 😀", body="there", image="https://cdn.example/a.png"),
        data={"orderId": "12345"},
        android=messaging.AndroidConfig(
            ttl=timedelta(seconds=3_600),
            collapse_key="order-1",
            priority="high",
            notification=messaging.AndroidNotification(tag="t"),
        ),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": "x"}),
        webpush=messaging.WebpushConfig(
            headers={"TTL": "3600"}, fcm_options=messaging.WebpushFCMOptions(link="https://shop.example/")
        ),
    )
    name = await asyncio.to_thread(messaging.send, message, app=library)
    (taken,) = fake.taken
    assert (name, taken.token) == (taken.name, message.token)
    # What the library writes is what we write: the fields of the two are called alike.
    ours = push_message(
        title="Hi 😀",
        body="there",
        image="https://cdn.example/a.png",
        data={"orderId": "12345"},
        collapse_key="order-1",
        url="https://shop.example/",
    )
    assert isinstance((await _send(fake, ours))[0], Sent)
    theirs, mine = taken.message, fake.taken[1].message
    android: Any = theirs["android"]
    assert theirs["notification"] == mine["notification"]
    assert android["ttl"] == mine["android"]["ttl"]  # type: ignore[index]
    assert android["collapse_key"] == mine["android"]["collapse_key"]  # type: ignore[index]
    assert theirs["webpush"]["fcm_options"] == mine["webpush"]["fcm_options"]  # type: ignore[index]


async def test_firebases_library_reads_the_fakes_errors(fake: FcmFake, library: firebase_admin.App) -> None:
    dead, mismatched, unlinked = (device_token() for _ in range(3))
    fake.dead.add(dead)
    fake.mismatched.add(mismatched)
    fake.unlinked.add(unlinked)
    for token, error in (
        (dead, messaging.UnregisteredError),
        (mismatched, messaging.SenderIdMismatchError),
        (unlinked, messaging.ThirdPartyAuthError),
        ("no-token", exceptions.InvalidArgumentError),
    ):
        with pytest.raises(error):
            await asyncio.to_thread(messaging.send, messaging.Message(token=token), app=library)
    large = messaging.Message(token=device_token(), data={"x": "y" * 5_000})
    with pytest.raises(exceptions.InvalidArgumentError):
        await asyncio.to_thread(messaging.send, large, app=library)
    name = await asyncio.to_thread(messaging.send, messaging.Message(token=device_token()), dry_run=True, app=library)
    assert name.endswith("/fake_message_id")
    assert fake.taken == []


async def test_firebases_library_is_not_let_in_with_another_key(fake: FcmFake, library: firebase_admin.App) -> None:
    async with FcmFake(project=fake.project) as other:
        account = json.loads(other.service_account.replace(other.url, fake.url))
    stranger = firebase_admin.initialize_app(credentials.Certificate(account), name="stranger")
    with pytest.raises(Exception, match="invalid_grant"):
        await asyncio.to_thread(messaging.send, messaging.Message(token=device_token()), app=stranger)
    await asyncio.to_thread(firebase_admin.delete_app, stranger)
