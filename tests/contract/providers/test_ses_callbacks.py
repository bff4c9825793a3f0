"""What SES tells by SNS: believed when it is signed, for the account's topic; nothing is fetched for anything else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from tests.support.endpoint import EndpointServer
from tests.support.providers import TOPIC, mail_message, ses_account, ses_fake
from tests.support.wait import wait_until

from clarion import clock
from clarion.channels.aws.sns_authority import Authority
from clarion.channels.base import Callback, Email, Report
from clarion.channels.email.ses import Ses
from clarion.channels.email.ses_callbacks import SesCallbacks
from clarion.channels.open_provider import open_callbacks
from clarion.dev.fakes.ses import SesFake
from clarion.dev.fakes.sns_topic import Topic, timestamp
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Sent
from clarion.domain.status import Status
from clarion.errors import Forged, Unavailable

OTHER = "arn:aws:sns:eu-west-1:999999999999:theirs"


@pytest.fixture
async def fake() -> AsyncIterator[SesFake]:
    async with ses_fake() as fake:
        yield fake


@pytest.fixture
async def believes(fake: SesFake) -> AsyncIterator[SesCallbacks]:
    """What believes the fake, as the account's settings have it."""
    (callbacks,) = open_callbacks([ses_account(base_url=fake.url)]).values()
    assert isinstance(callbacks, SesCallbacks)
    yield callbacks
    await callbacks.close()


async def _send(fake: SesFake, mail: Email) -> Outcome:
    provider = Ses(ses_account(base_url=fake.url))
    (outcome,) = await provider.send([mail])
    await provider.close()
    return outcome


async def _believed(believes: SesCallbacks, body: bytes, **more: Any) -> list[Report]:
    return list(await believes.receive(Callback(url="", headers={}, body=body, **more), clock.now()))


async def test_what_became_of_it_is_told_signed_in_both_ways(fake: SesFake, believes: SesCallbacks) -> None:
    mail = mail_message()
    outcome = await _send(fake, mail)
    assert isinstance(outcome, Sent)
    kinds = ("Send", "DeliveryDelay", "Delivery", "Bounce", "Complaint", "Open")
    reports: list[Report] = []
    for version in ("1", "2"):
        for kind in kinds:
            body, _ = fake.topic.notification(fake.taken[0].event(kind), SignatureVersion=version, Subject="SES")
            reports += await _believed(believes, body)
    assert {(report.message_id, report.provider_id) for report in reports} == {(mail.message_id, outcome.provider_id)}
    told = [(report.status, report.feedback) for report in reports]
    assert told[:4] == told[4:]
    assert told[:4] == [
        (Status.SENT, None),
        (Status.DELIVERED, None),
        (Status.BOUNCED, Feedback.HARD_BOUNCE),
        (Status.DELIVERED, Feedback.COMPLAINT),
    ]
    assert len({report.key for report in reports}) == 8
    assert fake.certificates == 1, "the certificate is kept"


async def test_a_repetition_has_the_key_of_the_first(fake: SesFake, believes: SesCallbacks) -> None:
    await _send(fake, mail_message())
    body, _ = fake.topic.notification(fake.taken[0].event("Delivery"))
    (first,), (again,) = await _believed(believes, body), await _believed(believes, body)
    assert first.key == again.key == json.loads(body)["MessageId"]


async def test_a_subscription_is_confirmed_when_it_is_genuine(fake: SesFake, believes: SesCallbacks) -> None:
    body, _ = fake.topic.confirmation()
    assert await _believed(believes, body) == []
    assert fake.confirmed == [json.loads(body)["Token"]]
    body, _ = fake.topic.confirmation("UnsubscribeConfirmation")
    assert await _believed(believes, body) == []
    assert len(fake.confirmed) == 1, "who ended it, ended it"
    hello = "Successfully validated SNS topic for Amazon SES event publishing."
    assert await _believed(believes, fake.topic.notification(hello)[0]) == []


def _changed(body: bytes, **fields: str | None) -> bytes:
    told = json.loads(body) | fields
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def _note(fake: SesFake, **more: str) -> bytes:
    return fake.topic.notification('{"eventType": "Delivery"}', **more)[0]


#: What needs a look at its words alone to be refused.
_ON_SIGHT: dict[str, Callable[[SesFake, str], bytes]] = {
    "no json": lambda fake, _: b"no json",
    "a list": lambda fake, _: b"[]",
    "nothing": lambda fake, _: b"{}",
    "an event without its envelope": lambda fake, _: b'{"eventType": "Delivery"}',
    "another topic": lambda fake, _: Topic(OTHER, fake.url).notification("{}")[0],
    "another topic's subscription": lambda fake, _: Topic(OTHER, fake.url).confirmation()[0],
    "a type there is not": lambda fake, _: _note(fake, Type="Other"),
    "a version there is not": lambda fake, _: _changed(_note(fake), SignatureVersion="3"),
    "no signature": lambda fake, _: _changed(_note(fake), Signature=None),
    "a signature that is none": lambda fake, _: _changed(_note(fake), Signature="é"),
    "too old": lambda fake, _: _note(fake, Timestamp=timestamp(clock.now() - timedelta(minutes=61))),
    "not yet": lambda fake, _: _note(fake, Timestamp=timestamp(clock.now() + timedelta(minutes=6))),
    "no time": lambda fake, _: _note(fake, Timestamp="soon"),
    "no zone": lambda fake, _: _note(fake, Timestamp="2026-11-26T07:00:00"),
    "a certificate elsewhere": lambda fake, evil: _note(fake, SigningCertURL=f"{evil}{fake.topic.certificate_path}"),
    "a certificate of another name": lambda fake, _: _note(fake, SigningCertURL=f"{fake.url}/evil.pem"),
    "a certificate above": lambda fake, _: _note(fake, SigningCertURL=f"{fake.url}/x/..{fake.topic.certificate_path}"),
    "a certificate behind a query": lambda fake, _: _note(
        fake, SigningCertURL=f"{fake.url}{fake.topic.certificate_path}?x"
    ),
    "a subscription elsewhere": lambda fake, evil: fake.topic.confirmation(SubscribeURL=f"{evil}/?Action=x")[0],
    "a subscription nowhere": lambda fake, _: fake.topic.confirmation(SubscribeURL="")[0],
}


@pytest.mark.parametrize("what", _ON_SIGHT)
async def test_what_is_not_of_the_topic_is_refused_before_anything_is_fetched(
    fake: SesFake, believes: SesCallbacks, what: str
) -> None:
    async with EndpointServer() as evil:
        with pytest.raises(Forged):
            await _believed(believes, _ON_SIGHT[what](fake, f"http://127.0.0.1:{evil.port}"))
        assert evil.connections == 0
    assert (fake.certificates, fake.confirmed) == (0, [])


_SIGNED: dict[str, Callable[[SesFake], bytes]] = {
    "other words": lambda fake: _changed(_note(fake), Message='{"eventType": "Bounce"}'),
    "a subject": lambda fake: _changed(_note(fake), Subject="more"),
    "another id": lambda fake: _changed(_note(fake), MessageId="other"),
    "another type": lambda fake: _changed(fake.topic.confirmation()[0], Type="UnsubscribeConfirmation"),
    "another token": lambda fake: _changed(fake.topic.confirmation()[0], Token="other"),
    "another version": lambda fake: _changed(_note(fake), SignatureVersion="2"),
    "another signature": lambda fake: _changed(_note(fake), Signature="AAAA"),
    "a certificate there is not": lambda fake: _note(
        fake, SigningCertURL=f"{fake.url}/SimpleNotificationService-{'0' * 32}.pem"
    ),
}


@pytest.mark.parametrize("what", _SIGNED)
async def test_what_is_not_signed_so_is_refused(fake: SesFake, believes: SesCallbacks, what: str) -> None:
    with pytest.raises(Forged):
        await _believed(believes, _SIGNED[what](fake))
    assert fake.confirmed == []


async def test_without_a_topic_nothing_is_believed(fake: SesFake) -> None:
    believes = SesCallbacks(None, Authority(region="eu-west-1", fake=fake.url))
    with pytest.raises(Forged):
        await _believed(believes, _note(fake))
    await believes.close()
    assert fake.certificates == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem", False),
        ("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem", False),
        ("https://s3.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem", False),
        ("https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem", False),
        (
            "https://evil.example/?https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            False,
        ),
        ("https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem", False),
        ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem/../evil", False),
        ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#x", False),
        ("https://sns.eu-west-1.amazonaws.com/evil.pem", False),
        ("https://SNS.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n", False),
        ("https://sns-eu-west-1.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem", False),
    ],
)
def test_certificates_are_on_sns_own_server_alone(url: str, expected: bool) -> None:
    assert Authority(region="eu-west-1").is_certificate(url) is expected


def test_servers_in_china_are_under_another_name() -> None:
    own = Authority(region="cn-north-1")
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef0123.pem"
    assert own.is_certificate(url)
    assert not own.is_certificate(url.replace(".cn/", "/"))


async def test_when_the_certificate_cannot_be_had_sns_is_to_come_again(fake: SesFake) -> None:
    """A refusal would be for good: SNS tries again what is answered 5xx."""
    async with EndpointServer() as server:
        nobody = f"http://127.0.0.1:{server.port}"
    for origin in (nobody,):
        authority = Authority(region="eu-west-1", fake=origin)
        believes = SesCallbacks(TOPIC, authority)
        with pytest.raises(Unavailable):
            await _believed(believes, Topic(TOPIC, origin).notification("{}")[0])
        await believes.close()


async def test_whoever_invents_certificates_makes_us_ask_a_few_times_at_most(
    fake: SesFake, believes: SesCallbacks
) -> None:
    await _send(fake, mail_message())
    genuine = fake.topic.notification(fake.taken[0].event("Delivery"))[0]
    assert len(await _believed(believes, genuine)) == 1
    errors = set()
    for n in range(40):
        url = f"{fake.url}/SimpleNotificationService-{n:032x}.pem"
        try:
            await _believed(believes, _note(fake, SigningCertURL=url))
        except (Forged, Unavailable) as error:
            errors.add(type(error))
    assert errors == {Forged, Unavailable}
    assert fake.certificates == 10
    assert len(await _believed(believes, genuine)) == 1, "what is known is believed all the same"


async def test_a_certificate_that_has_run_out_is_refused(fake: SesFake) -> None:
    authority = Authority(region="eu-west-1", fake=fake.url, now=lambda: clock.now() + timedelta(days=60))
    believes = SesCallbacks(TOPIC, authority)
    with pytest.raises(Forged, match="run out"):
        await _believed(believes, _note(fake))
    await believes.close()


async def test_the_fake_tells_by_itself_and_on_command() -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        hook = f"http://127.0.0.1:{server.port}/"
        async with ses_fake(endpoint=hook, reports=("Send",)) as fake:
            await _send(fake, mail_message())
            await wait_until(lambda: len(server.posted) == 1, what="an event")
            told = {"id": fake.taken[0].id, "type": "Bounce", "bounceType": "Transient"}
            async with session.post(f"{fake.url}/_fake/events", json=told) as answer:
                assert await answer.json() == {"answered": 200}
            async with session.post(f"{fake.url}/_fake/subscription") as answer:
                assert await answer.json() == {"answered": 200}
            async with session.post(f"{fake.url}/_fake/events", json={"id": "nobody", "type": "x"}) as answer:
                assert answer.status == 422
            (believes,) = open_callbacks([ses_account(base_url=fake.url)]).values()
            reports: list[Report] = []
            for posted in server.posted:
                callback = Callback(url="", headers=posted.headers, body=posted.body)
                reports += await believes.receive(callback, clock.now())
            await believes.close()
            assert [report.status for report in reports] == [Status.SENT, Status.BOUNCED]
            assert len(fake.confirmed) == 1
