"""Twilio: what goes over the wire, and that Twilio's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from tests.support.endpoint import EndpointServer
from tests.support.providers import ACCOUNT_SID, API_KEY, AUTH_TOKEN, text_message, twilio_account
from tests.support.wait import wait_until
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from clarion import clock, ids
from clarion.channels.base import Callback, Sms
from clarion.channels.open_provider import open_callbacks, open_provider
from clarion.channels.sms.twilio_callbacks import TwilioCallbacks
from clarion.dev.fakes.twilio import TwilioFake
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.status import Status
from clarion.errors import Forged

SERVICE = "MG" + "0123456789abcdef" * 2
PUBLIC = "https://notify.example/clarion"


@pytest.fixture
async def fake() -> AsyncIterator[TwilioFake]:
    async with TwilioFake(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, api_key=API_KEY) as fake:
        yield fake


async def _send(fake: TwilioFake, item: Sms, public_url: str | None = None, **more: str) -> Outcome:
    provider = open_provider("sms", twilio_account(base_url=fake.url, **more), public_url)
    try:
        (outcome,) = await provider.send([item])
    finally:
        await provider.close()
    return outcome


async def test_a_message_says_what_it_was_given(fake: TwilioFake) -> None:
    item = text_message(text="Grüße, 1+1=2 & 😀", sender="Shop")
    assert isinstance(await _send(fake, item), Sent)
    (taken,) = fake.taken
    assert (taken.to, taken.sender, taken.body) == ("+15558675310", "Shop", "Grüße, 1+1=2 & 😀")
    assert taken.status_callback is None


async def test_a_sender_that_is_a_service_goes_as_one(fake: TwilioFake) -> None:
    assert isinstance(await _send(fake, text_message(), **{"from": SERVICE}), Sent)
    assert fake.taken[0].sender == SERVICE
    assert fake.taken[0].status == "accepted"


async def test_an_api_key_logs_in_instead(fake: TwilioFake) -> None:
    sid, secret = API_KEY
    assert isinstance(await _send(fake, text_message(), api_key=sid, api_secret=secret), Sent)
    outcome = await _send(fake, text_message(), api_key=sid, api_secret="wrong" * 5)
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert "20003" in outcome.reason
    assert "wrong" not in outcome.reason


@pytest.mark.parametrize(
    ("to", "sender", "code"),
    [
        ("+15005550001", "", "invalid_recipient"),
        ("+15005550009", "", "invalid_recipient"),
        ("+15005550002", "", "destination_refused"),
        ("+15005550003", "", "destination_refused"),
        ("+15005550004", "", "unsubscribed"),
        ("+15558675310", "+15005550001", "sender_refused"),
        ("+15558675310", "+15005550007", "sender_refused"),
    ],
)
async def test_each_refusal_has_its_code(fake: TwilioFake, to: str, sender: str, code: str) -> None:
    outcome = await _send(fake, text_message(to, sender=sender))
    assert isinstance(outcome, Reject)
    assert outcome.code == code
    assert outcome.reason.startswith("HTTP 400, 21")


async def test_a_full_queue_and_an_account_that_is_unknown_make_everybody_wait(fake: TwilioFake) -> None:
    full = await _send(fake, text_message(sender="+15005550008"))
    unknown = await _send(fake, text_message(), account_sid="AC" + "f" * 32, api_key=API_KEY[0], api_secret=API_KEY[1])
    for outcome in (full, unknown):
        assert isinstance(outcome, Retry)
        assert outcome.pause_provider
    assert fake.taken == []


async def test_words_that_are_too_long_are_refused(fake: TwilioFake) -> None:
    outcome = await _send(fake, text_message(text="x" * 1_601))
    assert isinstance(outcome, Reject)
    assert outcome.code == "too_large"


async def test_without_an_account_messages_wait_and_say_for_what() -> None:
    provider = open_provider("sms", None)
    outcomes = await provider.send([text_message(), text_message()])
    await provider.close()
    assert len(outcomes) == 2
    assert isinstance(outcomes[0], Retry)
    assert outcomes[0].pause_provider
    assert "[providers.NAME]" in outcomes[0].reason
    assert "[sms]" in outcomes[0].reason


async def test_what_became_of_it_is_told_signed(fake: TwilioFake) -> None:
    """From the message to the report of it, through a real endpoint; a repetition has the same key."""
    (callbacks,) = open_callbacks([twilio_account()]).values()
    async with EndpointServer() as server:
        base, item = f"http://127.0.0.1:{server.port}", text_message()
        outcome = await _send(fake, item, public_url=base)
        assert isinstance(outcome, Sent)
        sid = outcome.provider_id
        expected = f"{base}/v1/callbacks/twilio/main?message={ids.show(ids.Prefix.MESSAGE, item.message_id)}"
        assert fake.taken[0].status_callback == expected
        for status, code in (("sent", None), ("undelivered", 30003), ("undelivered", 30003)):
            assert await fake.report(sid, status, code) == 200
        assert await fake.report(sid, "delivered", as_json=True) == 200
        reports = []
        for posted in server.posted:
            callback = Callback(url=base + posted.line.split()[1], headers=posted.headers, body=posted.body)
            (report,) = callbacks.read(callback, clock.now())
            reports.append(report)
    assert {report.message_id for report in reports} == {item.message_id}
    assert {report.provider_id for report in reports} == {sid}
    assert [report.status for report in reports] == [Status.SENT, Status.BOUNCED, Status.BOUNCED, Status.DELIVERED]
    assert [report.reason for report in reports] == [
        None,
        *["undelivered, 30003: the handset cannot be reached"] * 2,
        None,
    ]
    assert [report.key for report in reports] == [f"{sid}:{s}" for s in ("sent", *["undelivered"] * 2, "delivered")]


async def test_the_fake_tells_by_itself_when_it_is_told_to() -> None:
    reports = ("sent", "delivered")
    async with (
        EndpointServer() as server,
        TwilioFake(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, reports=reports) as fake,
    ):
        await _send(fake, text_message(), public_url=f"http://127.0.0.1:{server.port}")
        await wait_until(lambda: len(server.posted) == 2, what="two callbacks")
        told = [dict(parse_qsl(posted.body.decode()))["MessageStatus"] for posted in server.posted]
        assert told == list(reports)


async def test_the_fake_obeys_commands_over_http(fake: TwilioFake) -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        put = f"{fake.url}/_fake/faults"
        faults = {"faults": [{"how": "answer", "status": 503}], "lasting": None}
        async with session.put(put, json=faults) as answer:
            assert answer.status == 204
        assert isinstance(await _send(fake, text_message()), Retry)
        assert isinstance(await _send(fake, text_message(), public_url=f"http://127.0.0.1:{server.port}"), Sent)
        nonsense: list[object] = [{"faults": [{"how": "unknown"}]}, {"faults": [{"how": "reset", "typo": 1}]}, []]
        for wrong in nonsense:
            async with session.put(put, json=wrong) as answer:
                assert answer.status == 422
        async with session.put(put, json=faults, headers={"origin": "https://elsewhere.example"}) as answer:
            assert answer.status == 403
        async with session.get(f"{fake.url}/_fake/messages") as answer:
            (taken,) = await answer.json()
        tell = f"{fake.url}/_fake/messages/{taken['sid']}/status"
        async with session.post(tell, json={"status": "failed", "error_code": 30007}) as answer:
            assert await answer.json() == {"answered": 200}
        async with session.post(tell, json={}) as answer:
            assert answer.status == 422
        async with session.delete(f"{fake.url}/_fake/messages") as answer:
            assert answer.status == 204
        assert fake.taken == []
        assert b"ErrorCode=30007" in server.posted[0].body


class _ToTheFake(TwilioHttpClient):  # type: ignore[misc] # it has no types
    """Twilio's library knows one address; this takes its requests to another."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=10)
        self._url = url
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        assert url.startswith("https://api.twilio.com/")
        return super().request(method, url.replace("https://api.twilio.com", self._url, 1), *args, **more)


@pytest.fixture
def library(fake: TwilioFake) -> Iterator[Client]:
    http = _ToTheFake(fake.url)
    yield Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    http.session.close()


async def test_twilios_library_sends_and_fetches(fake: TwilioFake, library: Client) -> None:
    message = await asyncio.to_thread(
        library.messages.create, to="+15558675310", from_="+15017122661", body="Hi 😀", status_callback=PUBLIC
    )
    assert message.sid == fake.taken[0].sid
    assert (message.status, message.num_segments, message.error_code) == ("queued", "1", None)
    assert message.date_created is not None
    fetched = await asyncio.to_thread(lambda: library.messages(message.sid).fetch())
    assert (fetched.body, fetched.to, fetched.from_) == ("Hi 😀", "+15558675310", "+15017122661")
    group = await asyncio.to_thread(
        library.messages.create, to="+15558675310", messaging_service_sid=SERVICE, body="Hi"
    )
    assert (group.status, group.messaging_service_sid, group.from_) == ("accepted", SERVICE, None)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "+15005550001"}, 21211),
        ({"to": "0612345678"}, 21211),
        ({"to": "+15005550004"}, 21610),
        ({"from_": "+15005550008"}, 21611),
        ({"body": ""}, 21602),
        ({"body": "x" * 1_601}, 21617),
        ({"from_": ""}, 21603),
        ({"to": ""}, 21604),
        ({"status_callback": "https://no_such.example/"}, 21609),
        ({"from_": "", "messaging_service_sid": "MGnone"}, 21705),
    ],
)
async def test_twilios_library_reads_the_fakes_errors(library: Client, fields: dict[str, str], code: int) -> None:
    whole = {"to": "+15558675310", "from_": "+15017122661", "body": "Hi"} | fields
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(lambda: library.messages.create(**whole))
    assert (caught.value.status, caught.value.code) == (400, code)


async def test_twilios_library_is_not_let_in_with_other_credentials(fake: TwilioFake) -> None:
    http = _ToTheFake(fake.url)
    stranger = Client(ACCOUNT_SID, "another token", http_client=http)
    with pytest.raises(TwilioRestException) as caught:
        await asyncio.to_thread(stranger.messages.create, to="+15558675310", from_="+15017122661", body="Hi")
    http.session.close()
    assert (caught.value.status, caught.value.code) == (401, 20003)


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
@pytest.mark.parametrize("as_json", [False, True])
async def test_twilios_validator_and_ours_believe_the_same(fake: TwilioFake, port: str, as_json: bool) -> None:
    id = ids.show(ids.Prefix.MESSAGE, ids.new())
    public = f"https://notify.example{port}"
    await _send(fake, text_message(text="a=b&c=d +"), public_url=public)
    (taken,) = fake.taken
    taken.status_callback = f"{public}/v1/callbacks/twilio/main?message={id}"
    taken.status, taken.error_code = "failed", 30008
    url, body, headers = taken.callback(ACCOUNT_SID, AUTH_TOKEN, as_json=as_json)
    told = body.decode() if as_json else dict(parse_qsl(body.decode()))
    ours, theirs = TwilioCallbacks(AUTH_TOKEN), RequestValidator(AUTH_TOKEN)
    assert theirs.validate(url, told, headers["x-twilio-signature"])
    (report,) = ours.read(Callback(url=url, headers=headers, body=body), clock.now())
    assert (report.status, report.provider_id) == (Status.FAILED, taken.sid)
    for other in (url.replace("notify", "evil"), url + "&x=1"):
        assert not theirs.validate(other, told, headers["x-twilio-signature"])
        with pytest.raises(Forged):
            ours.read(Callback(url=other, headers=headers, body=body), clock.now())
