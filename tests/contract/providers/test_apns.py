"""APNs: what goes over the wire, what HTTP/2 may do to it, and that another client takes the fake for Apple's."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aioapns import APNs, NotificationRequest
from aioapns.connection import APNsProductionClientProtocol
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.providers import SHORT, push_message
from tests.support.push import apns_account, apple_token
from tests.support.smtp_certificate import make_certificate, server_context

from clarion import clock, ids
from clarion.channels.base import Push
from clarion.channels.open_provider import open_provider
from clarion.channels.push.apns import Apns
from clarion.channels.push.apns_access import ApnsAccess
from clarion.dev.fakes.apns import KEY_ID, TEAM_ID, TOPIC, ApnsFake
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.http2 import STREAMS
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.workflow import Priority


@pytest.fixture
async def fake() -> AsyncIterator[ApnsFake]:
    async with ApnsFake() as fake:
        yield fake


@pytest.fixture
async def apns(fake: ApnsFake) -> AsyncIterator[Apns]:
    provider = Apns(apns_account(fake))
    yield provider
    await provider.close()


async def _send(fake: ApnsFake, *items: Push, **more: str) -> list[Outcome]:
    provider = open_provider("push", apns_account(fake, **more))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_a_message_says_what_it_was_given(fake: ApnsFake) -> None:
    item = push_message(
        apple_token(),
        title="Grüße",
        body="It is ready 😀",
        image="https://cdn.example/a.png",
        url="https://shop.example/orders/1",
        data={"orderId": "12345", "aps": "not this"},
        collapse_key="order-1",
    )
    began = int(clock.now().timestamp())
    (outcome,) = await _send(fake, item)
    (taken,) = fake.taken
    assert outcome == Sent(str(item.message_id))
    assert taken.token == item.to
    headers = dict(taken.headers)
    assert began + 3_600 <= int(headers.pop("apns-expiration")) <= int(clock.now().timestamp()) + 3_600
    assert headers == {
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-id": str(item.message_id),
        "apns-priority": "10",
        "apns-collapse-id": "order-1",
    }
    assert taken.payload == {
        "url": "https://shop.example/orders/1",
        "image": "https://cdn.example/a.png",
        "orderId": "12345",
        "clarion_id": ids.show(ids.Prefix.MESSAGE, item.message_id),
        "aps": {"alert": {"title": "Grüße", "body": "It is ready 😀"}, "sound": "default", "mutable-content": 1},
    }


async def test_what_comes_twice_is_one_on_the_screen_and_the_unimportant_spares_the_battery(fake: ApnsFake) -> None:
    plain, long = push_message(apple_token()), push_message(apple_token(), collapse_key="ü" * 32)
    low = Push(message_id=ids.new(), to=apple_token(), content=plain.content, ttl=timedelta(0), priority=Priority.LOW)
    assert all(isinstance(one, Sent) for one in await _send(fake, plain, long, low))
    by_token = {taken.token: taken.headers for taken in fake.taken}
    sounds = {taken.token: taken.payload["aps"].get("sound") for taken in fake.taken}  # type: ignore[index]
    assert sounds == {plain.to: "default", long.to: "default", low.to: None}
    assert by_token[plain.to]["apns-collapse-id"] == ids.show(ids.Prefix.MESSAGE, plain.message_id)
    assert len(by_token[long.to]["apns-collapse-id"]) == 64
    assert by_token[low.to]["apns-priority"] == "5"


async def test_each_refusal_has_its_code_and_tells_of_the_device(fake: ApnsFake) -> None:
    dead, strange, large = (apple_token() for _ in range(3))
    fake.dead.add(dead)
    fake.strange.add(strange)
    outcomes = await _send(
        fake,
        push_message(dead),
        push_message(strange),
        push_message("not-hexadecimal"),
        push_message("no#path"),
        push_message(large, data={"x": "y" * 5_000}),
    )
    assert [(o.code, o.feedback) for o in outcomes if isinstance(o, Reject)] == [
        ("unregistered", Feedback.DEAD_TOKEN),
        ("sender_refused", None),
        ("sender_refused", None),
        ("invalid_recipient", None),
        ("too_large", None),
    ]
    assert not any(token in str(outcomes) for token in (dead, strange))


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (410, "ExpiredToken", Reject("HTTP 410, ExpiredToken", "unregistered", Feedback.DEAD_TOKEN)),
        (400, "DeviceTokenNotForTopic", Reject("HTTP 400, DeviceTokenNotForTopic", "sender_refused")),
        (413, "PayloadTooLarge", Reject("HTTP 413, PayloadTooLarge", "too_large")),
        (400, "BadCollapseId", Reject("HTTP 400, BadCollapseId")),
        (429, "TooManyRequests", Retry("HTTP 429, TooManyRequests", timedelta(minutes=1))),
        (
            429,
            "TooManyProviderTokenUpdates",
            Retry(
                "the provider does not let us in: HTTP 429, TooManyProviderTokenUpdates",
                timedelta(minutes=1),
                pause_provider=True,
            ),
        ),
        (503, "Shutdown", Retry("HTTP 503, Shutdown")),
        (503, "ServiceUnavailable", Retry("HTTP 503, ServiceUnavailable")),
        (500, "InternalServerError", Uncertain("HTTP 500, InternalServerError")),
        (418, "SomethingNew", Reject("HTTP 418, SomethingNew")),
    ],
)
async def test_each_reason_has_its_outcome(fake: ApnsFake, status: int, reason: str, expected: Outcome) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=status, body=f'{{"reason": "{reason}"}}'))
    assert await _send(fake, push_message(apple_token())) == [expected]


@pytest.mark.parametrize("topic", ["com.example.other"])
async def test_what_is_wrong_with_the_account_burns_no_message(fake: ApnsFake, topic: str) -> None:
    async with ApnsFake() as other:
        accounts: list[dict[str, str]] = [{"topic": topic}, {"key": other.key}, {"key_id": "X" * 10}]
        for account in accounts:
            (outcome,) = await _send(fake, push_message(apple_token()), **account)
            assert isinstance(outcome, Retry)
            assert (outcome.after, outcome.pause_provider) == (timedelta(minutes=1), True)
    assert fake.taken == []


async def test_a_stream_that_was_refused_was_not_sent_and_one_that_was_reset_perhaps(
    fake: ApnsFake, apns: Apns
) -> None:
    fake.faults.add(Fault(how=How.REFUSE))
    (outcome,) = await apns.send([push_message(apple_token())])
    assert isinstance(outcome, Retry)
    fake.faults.add(Fault(how=How.CANCEL, taken=True))
    (outcome,) = await apns.send([push_message(apple_token())])
    assert isinstance(outcome, Uncertain)
    assert isinstance((await apns.send([push_message(apple_token())]))[0], Sent)
    assert fake.server.opened == 1, "a stream is not the connection"


async def test_a_server_that_goes_away_answers_what_it_began_and_the_rest_was_not_sent(
    fake: ApnsFake, apns: Apns
) -> None:
    fake.faults.add(Fault(how=How.GO_AWAY))
    assert isinstance((await apns.send([push_message(apple_token())]))[0], Sent)
    assert isinstance((await apns.send([push_message(apple_token())]))[0], Sent)
    assert fake.server.opened == 2
    fake.faults.add(Fault(how=How.GO_AWAY_UNHEARD))
    (outcome,) = await apns.send([push_message(apple_token())])
    assert isinstance(outcome, Retry)
    assert "Shutdown" in outcome.reason
    assert isinstance((await apns.send([push_message(apple_token())]))[0], Sent)
    assert (len(fake.taken), fake.server.opened) == (3, 3)


async def test_a_connection_that_was_cut_leaves_all_on_it_in_doubt_and_a_new_one_is_made(
    fake: ApnsFake, apns: Apns
) -> None:
    fake.faults.add(*(Fault(how=How.HANG, taken=True) for _ in range(9)), Fault(how=How.RESET))
    outcomes = await apns.send([push_message(apple_token()) for _ in range(10)])
    assert {type(one) for one in outcomes} == {Uncertain}
    assert isinstance((await apns.send([push_message(apple_token())]))[0], Sent)
    assert fake.server.opened == 2


async def test_a_connection_on_which_an_answer_did_not_come_is_not_used_again(fake: ApnsFake) -> None:
    """It may be dead, and nobody would ever say so."""
    provider = Apns(apns_account(fake), patience=SHORT)
    fake.faults.add(Fault(how=How.HANG))
    assert isinstance((await provider.send([push_message(apple_token())]))[0], Uncertain)
    assert isinstance((await provider.send([push_message(apple_token())]))[0], Sent)
    assert fake.server.opened == 2
    await provider.close()


async def test_many_go_over_one_connection_as_many_at_once_as_the_server_says(fake: ApnsFake) -> None:
    fake.faults.add(*(Fault(how=How.LATE, delay_s=0.05) for _ in range(200)))
    items = [push_message(apple_token()) for _ in range(400)]
    outcomes = await _send(fake, *items, connections="200")
    assert outcomes == [Sent(str(item.message_id)) for item in items]
    assert len(fake.taken) == 400 > STREAMS
    assert fake.server.opened == 1
    assert len(fake.access) == 1, "one token of access is for all"


def test_access_is_renewed_before_it_runs_out_and_all_processes_have_the_same() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    access, other = (ApnsAccess(pem, key_id=KEY_ID, team_id=TEAM_ID) for _ in range(2))
    begun = datetime(2026, 11, 26, 16, 30, tzinfo=UTC)
    first = access.token(begun)
    assert jwt.get_unverified_header(first) == {"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}
    claims = jwt.decode(first, key.public_key(), algorithms=["ES256"], options={"verify_iat": False})
    assert claims == {"iss": TEAM_ID, "iat": int(begun.timestamp())}
    assert {one.token(begun + timedelta(minutes=29, seconds=59)) for one in (access, other)} == {first}
    second = access.token(begun + timedelta(minutes=30))
    assert second != first
    assert other.token(begun + timedelta(minutes=31)) == second, "none is told which is the new one"
    assert access.token(begun) == first, "the clock was put back"
    foreign = ApnsAccess(pem, key_id=KEY_ID, team_id="OTHERTEAM1")
    assert foreign.token(begun) != first


async def test_the_fake_obeys_commands_over_http(fake: ApnsFake) -> None:
    token = apple_token()
    async with aiohttp.ClientSession(trust_env=False) as session:
        async with session.put(f"{fake.commands}/_fake/tokens", json={"dead": [token]}) as answer:
            assert answer.status == 204
        async with session.put(f"{fake.commands}/_fake/tokens", json=[]) as answer:
            assert answer.status == 422
        assert isinstance((await _send(fake, push_message(token)))[0], Reject)
        assert isinstance((await _send(fake, push_message(apple_token())))[0], Sent)
        async with session.get(f"{fake.commands}/_fake/messages") as answer:
            assert len(await answer.json()) == 1


@pytest.fixture
async def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ApnsFake, ssl.SSLContext]]:
    """A fake that speaks TLS, which is where `aioapns` finds Apple; and who trusts it."""
    certificate, key = make_certificate(tmp_path)
    context = server_context(certificate, key)
    context.set_alpn_protocols(["h2"])
    async with ApnsFake(tls=context) as fake:
        monkeypatch.setattr(APNsProductionClientProtocol, "APNS_SERVER", "localhost")
        monkeypatch.setattr(APNsProductionClientProtocol, "APNS_PORT", fake.server.port)
        trusting = ssl.create_default_context(cafile=str(certificate))
        trusting.set_alpn_protocols(["h2"])
        yield fake, trusting


async def test_aioapns_sends_and_reads_the_fakes_errors(encrypted: tuple[ApnsFake, ssl.SSLContext]) -> None:
    fake, trusting = encrypted
    key: dict[str, Any] = {"key": fake.key, "key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC}
    client = APNs(**key, ssl_context=trusting)
    dead, strange = apple_token(), apple_token()
    fake.dead.add(dead)
    fake.strange.add(strange)
    message = {"aps": {"alert": {"title": "Hi", "body": "there 😀"}}}
    ok = await client.send_notification(NotificationRequest(apple_token(), message, time_to_live=60, collapse_key="x"))
    assert ok.is_successful
    assert (fake.taken[0].id, fake.taken[0].payload) == (ok.notification_id, message)
    for token, status, reason in ((dead, "410", "Unregistered"), (strange, "400", "BadDeviceToken")):
        refused = await client.send_notification(NotificationRequest(token, message))
        assert (refused.status, refused.description) == (status, reason)
    client.pool.close()
    # Over TLS ours is the same.
    provider = Apns(apns_account(fake), tls=trusting)
    assert isinstance((await provider.send([push_message(apple_token())]))[0], Sent)
    await provider.close()
    await asyncio.sleep(0)
    assert len(fake.taken) == 2
