"""Vonage: what goes over the wire, what comes back, and that Vonage's own library gets on with the fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from tests.support.endpoint import EndpointServer
from tests.support.providers_sms import (
    VONAGE_KEY,
    VONAGE_SECRET,
    VONAGE_SIGNING,
    text_message,
    vonage_account,
    vonage_fake,
)
from tests.support.wait import wait_until
from vonage_http_client import Auth, HttpClient, HttpClientOptions
from vonage_sms import Sms as Library
from vonage_sms import SmsError, SmsMessage

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Callback, Report, Sms
from clarion.channels.open_provider import open_callbacks, open_provider
from clarion.channels.sms.vonage_callbacks import CODES, VonageCallbacks
from clarion.channels.sms.vonage_signature import signature
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.vonage import Taken, VonageFake
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.status import Status
from clarion.errors import Forged

PUBLIC = "https://notify.example/clarion"


@pytest.fixture
async def fake() -> AsyncIterator[VonageFake]:
    async with vonage_fake() as fake:
        yield fake


async def _send(account: Account, item: Sms, public_url: str | None = None) -> Outcome:
    provider = open_provider("sms", account, public_url)
    try:
        (outcome,) = await provider.send([item])
    finally:
        await provider.close()
    return outcome


@pytest.mark.parametrize("without", [("signature_secret",), ("api_secret",), ()])
async def test_a_message_says_what_it_was_given_however_it_logs_in(fake: VonageFake, without: list[str]) -> None:
    item = text_message("+447700900000", "Grüße & 1+1=2 😀", sender="Shop")
    outcome = await _send(vonage_account(base_url=fake.url, without=without), item)
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert (taken.to, taken.sender, taken.text) == ("447700900000", "Shop", "Grüße & 1+1=2 😀")
    assert (taken.reference, taken.callback) == (f"msg_{item.message_id.hex}", None)


async def test_receipts_come_to_the_account_if_the_address_is_short_enough(fake: VonageFake) -> None:
    account = vonage_account(base_url=fake.url)
    assert isinstance(await _send(account, text_message(), PUBLIC), Sent)
    assert isinstance(await _send(account, text_message(), f"https://notify.example/{'x' * 80}"), Sent)
    assert [message.callback for message in fake.taken] == [f"{PUBLIC}/v1/callbacks/vonage/main", None]
    assert fake.taken[0].sender == "447700900001"


@pytest.mark.parametrize(
    "more", [{"api_secret": "wrongwrong"}, {"signature_secret": "wrongwrong"}, {"signature_method": "sha512"}]
)
async def test_an_account_that_is_wrong_makes_everybody_wait(fake: VonageFake, more: dict[str, str]) -> None:
    without = [] if "api_secret" in more else ["api_secret"]
    outcome = await _send(vonage_account(base_url=fake.url, without=without, **more), text_message())
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert "wrongwrong" not in outcome.reason
    assert fake.taken == []


@pytest.mark.parametrize(
    ("status", "words", "kind", "code"),
    [
        ("1", "Throughput Rate Exceeded", Retry, True),
        ("10", "Too Many Existing Binds", Retry, True),
        ("4", "Bad Credentials", Retry, True),
        ("8", "Account Barred", Retry, True),
        ("9", "Quota Exceeded", Retry, True),
        ("11", "Not Enabled For HTTP", Retry, True),
        ("14", "Invalid Signature", Retry, True),
        ("23", "Invalid callback url", Retry, True),
        ("13", "Communication Failed", Retry, False),
        ("5", "Internal Error", Uncertain, None),
        ("2", "Missing to param", Reject, "invalid_recipient"),
        ("3", "Invalid parameter: to", Reject, "invalid_recipient"),
        ("3", "Invalid parameter: from", Reject, "sender_refused"),
        ("3", "Invalid parameter: type", Reject, "rejected"),
        ("6", "Unroutable Message - rejected", Reject, "invalid_recipient"),
        ("7", "Number barred", Reject, "destination_refused"),
        ("12", "Message too long", Reject, "too_large"),
        ("15", "Illegal Sender Address", Reject, "sender_refused"),
        ("22", "Invalid network code", Reject, "rejected"),
        ("29", "Non White-listed Destination", Reject, "destination_refused"),
        ("33", "Number De-activated", Reject, "invalid_recipient"),
        ("99", "New", Reject, "rejected"),
    ],
)
async def test_each_status_comes_to_something(
    fake: VonageFake, status: str, words: str, kind: type, code: object
) -> None:
    body = {"message-count": "1", "messages": [{"status": status, "error-text": words}]}
    fake.faults.add(Fault(how=How.ANSWER, status=200, body=json.dumps(body)))
    outcome = await _send(vonage_account(base_url=fake.url), text_message())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Reject):
        assert (outcome.code, outcome.feedback) == (code, Feedback.HARD_BOUNCE if status == "33" else None)
    if isinstance(outcome, Retry):
        assert outcome.pause_provider == code
    assert f"status {status}: {words}" in str(outcome)


async def test_a_message_of_several_parts_is_sent_when_all_are(fake: VonageFake) -> None:
    account = vonage_account(base_url=fake.url)
    outcome = await _send(account, text_message(text="x" * 400))
    assert len(fake.taken[0].ids) == 3
    assert outcome == Sent(" ".join(fake.taken[0].ids))
    parts = [{"status": "0", "message-id": "0C000000217B7F02"}, {"status": "1", "error-text": "Throttled"}]
    body = json.dumps({"message-count": "2", "messages": parts})
    fake.faults.add(Fault(how=How.ANSWER, status=200, body=body))
    outcome = await _send(account, text_message())
    assert isinstance(outcome, Uncertain)
    assert outcome.reason == "1 of 2 parts were taken; status 1: Throttled"


def _callbacks(**more: Any) -> VonageCallbacks:
    (callbacks,) = open_callbacks([vonage_account(**more)]).values()
    assert isinstance(callbacks, VonageCallbacks)
    return callbacks


def _read(body: bytes, headers: dict[str, str], url: str = "", **more: Any) -> list[Report]:
    return list(_callbacks(**more).read(Callback(url=url, headers=headers, body=body), clock.now()))


@pytest.mark.parametrize("as_json", [False, True])
async def test_what_became_of_it_is_told_signed(as_json: bool) -> None:
    item = text_message()
    async with EndpointServer() as server, vonage_fake(as_json=as_json) as fake:
        public = f"http://127.0.0.1:{server.port}"
        outcome = await _send(vonage_account(base_url=fake.url), item, public)
        assert isinstance(outcome, Sent)
        for status, code in (
            ("accepted", "0"),
            ("buffered", "0"),
            ("delivered", "0"),
            ("failed", "3"),
            ("rejected", "9"),
            ("expired", "2"),
            ("unknown", "1"),
        ):
            assert await fake.report(outcome.provider_id, status, code) == 200
        reports = [report for posted in server.posted for report in _read(posted.body, posted.headers)]
    assert {(report.message_id, report.provider_id) for report in reports} == {(item.message_id, outcome.provider_id)}
    assert [(report.status, report.feedback) for report in reports] == [
        (Status.SENT, None),
        (Status.DELIVERED, None),
        (Status.BOUNCED, Feedback.HARD_BOUNCE),
        (Status.BOUNCED, Feedback.UNSUBSCRIBE),
        (Status.BOUNCED, Feedback.SOFT_BOUNCE),
    ]
    assert reports[2].reason == "failed, 3: nobody has this number any more"
    assert len({report.key for report in reports}) == 5


MESSAGE = Taken(
    id="0C000000217B7F02",
    ids=["0C000000217B7F02"],
    to="447700900000",
    sender="Shop & Co = 1",
    text="",
    reference=f"msg_{ids.new().hex}",
    callback=None,
)


def _receipt(status: str = "delivered", **more: Any) -> tuple[bytes, dict[str, str]]:
    fake = VonageFake(api_key=VONAGE_KEY, api_secret=VONAGE_SECRET, signature_secret=VONAGE_SIGNING)
    return fake.receipt(MESSAGE, status, **more)


@pytest.mark.parametrize(
    ("age_s", "change", "good"),
    [
        (0, lambda body: body, True),
        (24 * 3600, lambda body: body, True),
        (26 * 3600, lambda body: body, False),
        (-301, lambda body: body, False),
        (0, lambda body: body + b"&extra=1", False),
        (0, lambda body: body + b"&status=failed", False),
        (0, lambda body: body.replace(b"delivered", b"failed"), False),
        (0, lambda body: body.replace(b"err-code=0", b"err-code=3"), False),
        (0, lambda body: body.partition(b"&sig=")[0], False),
        (0, lambda body: body.partition(b"&sig=")[0] + b"&sig=%C3%A9", False),
        (0, lambda body: b"\xff\xfe", False),
        (0, lambda body: b"", False),
    ],
)
def test_what_is_not_signed_so_is_refused(age_s: int, change: Callable[[bytes], bytes], good: bool) -> None:
    body, headers = _receipt(at=clock.now().timestamp() - age_s)
    if good:
        assert [report.status for report in _read(change(body), headers)] == [Status.DELIVERED]
        return
    with pytest.raises(Forged) as caught:
        _read(change(body), headers)
    assert VONAGE_SIGNING not in caught.value.message


def test_nothing_is_believed_without_a_secret_nor_from_an_address_with_a_query() -> None:
    body, headers = _receipt()
    for more in ({"without": ["signature_secret"]}, {"signature_secret": "another-secret"}):
        with pytest.raises(Forged):
            _read(body, headers, **more)
    with pytest.raises(Forged):
        _read(body, headers, url="https://notify.example/v1/callbacks/vonage/main?status=failed")
    for nothing in (b"[]", b"7", b"{", b'{"sig": {}}'):
        with pytest.raises(Forged):
            _read(nothing, {"content-type": "application/json"})


def test_what_names_no_message_of_ours_says_nothing() -> None:
    told = {"messageId": "0C000000217B7F02", "status": "delivered", "timestamp": str(int(clock.now().timestamp()))}
    for more in ({}, {"client-ref": "order 7"}, {"client-ref": f"msg_{ids.new().hex}", "status": "other"}):
        fields = {**told, **more}
        fields["sig"] = signature(VONAGE_SIGNING.encode(), "sha256", fields.items())
        assert _read(urlencode(fields).encode(), {"content-type": "application/x-www-form-urlencoded"}) == []


class _Plainly(HTTPAdapter):
    """Vonage's library speaks https alone; the fake speaks http."""

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        request.url = str(request.url).replace("https://", "http://")
        return super().send(request, *args, **more)


def _library(fake: VonageFake, **login: Any) -> Library:
    options = HttpClientOptions(rest_host=fake.url.removeprefix("http://"), timeout=10, max_retries=0)
    client = HttpClient(Auth(**({"api_key": VONAGE_KEY, "api_secret": VONAGE_SECRET} | login)), options)
    client._session.trust_env = False
    client._session.mount("https://", _Plainly())
    return Library(client)


SIGNING: dict[str, Any] = {"api_secret": None, "signature_secret": VONAGE_SIGNING, "signature_method": "sha256"}


TEXT = "Grüße & 1+1=2 😀"


async def test_vonages_library_sends(fake: VonageFake) -> None:
    library = _library(fake)
    message = SmsMessage(to="447700900000", from_="Shop", text=TEXT, type="unicode", client_ref="seven")
    answer = await asyncio.to_thread(library.send, message)
    library.http_client._session.close()
    (taken,) = fake.taken
    assert answer.messages[0].message_id == taken.id
    assert (taken.to, taken.sender, taken.text, taken.reference) == ("447700900000", "Shop", TEXT, "seven")


async def test_what_vonages_library_signs_is_let_in(fake: VonageFake) -> None:
    """Its method for messages signs fields that it then does not send (1.2): so the form goes by what lies beneath."""
    client = _library(fake, **SIGNING).http_client
    form = {"to": "447700900000", "from": "Shop", "text": TEXT, "type": "unicode"}
    answer = await asyncio.to_thread(client.post, client.rest_host, "/sms/json", form, "signature", "form")
    client._session.close()
    assert answer["messages"][0]["message-id"] == fake.taken[0].id
    assert fake.taken[0].text == TEXT


@pytest.mark.parametrize(
    ("fields", "login", "code"),
    [
        ({"to": "nobody"}, {}, "3"),
        ({"from_": "A name that is too long"}, {}, "15"),
        ({"text": "x" * 3_201}, {}, "12"),
        ({"to": "15005550033"}, {}, "33"),
        ({}, {"api_secret": "wrong"}, "4"),
        ({}, SIGNING | {"signature_secret": "wrong"}, "14"),
    ],
)
async def test_vonages_library_reads_the_fakes_errors(
    fake: VonageFake, fields: dict[str, str], login: dict[str, Any], code: str
) -> None:
    library = _library(fake, **login)
    message = SmsMessage(**({"to": "447700900000", "from_": "Shop", "text": "Hi"} | fields))
    with pytest.raises(SmsError, match=f"failed with error code {code}:"):
        await asyncio.to_thread(library.send, message)
    library.http_client._session.close()
    assert fake.taken == []


@pytest.mark.parametrize("method", ["sha256", "sha512"])
@pytest.mark.parametrize("spoilt", [False, True])
def test_vonages_check_and_ours_believe_the_same(method: str, spoilt: bool) -> None:
    fake = VonageFake(api_key=VONAGE_KEY, api_secret="", signature_secret=VONAGE_SIGNING, method=method, as_json=True)
    body, headers = fake.receipt(MESSAGE, "delivered")
    told = json.loads(body) | ({"status": "failed"} if spoilt else {})
    theirs = Auth(api_key=VONAGE_KEY, signature_secret=VONAGE_SIGNING, signature_method=method)
    callbacks = VonageCallbacks(VONAGE_SIGNING, method=method)
    try:
        ours = bool(callbacks.read(Callback(url="", headers=headers, body=json.dumps(told).encode()), clock.now()))
    except Forged:
        ours = False
    assert ours == theirs.check_signature(dict(told)) == (not spoilt)


def test_codes_are_of_numbers() -> None:
    """What suppresses a number must be something that is true of it: not of a network, a message or an account."""
    assert {code for code, (_, feedback) in CODES.items() if feedback} == {"2", "3", "4", "7", "9", "12"}


async def test_the_fake_tells_by_itself_and_on_command() -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        async with vonage_fake(webhook=f"http://127.0.0.1:{server.port}/", reports=("accepted",)) as fake:
            await _send(vonage_account(base_url=fake.url), text_message())
            await wait_until(lambda: len(server.posted) == 1, what="a receipt")
            told = {"id": fake.taken[0].id, "status": "failed", "err-code": "3"}
            async with session.post(f"{fake.url}/_fake/receipts", json=told) as answer:
                assert await answer.json() == {"answered": 200}
            async with session.post(f"{fake.url}/_fake/receipts", json={"id": "x", "status": "y"}) as answer:
                assert answer.status == 422
        reports = [report for posted in server.posted for report in _read(posted.body, posted.headers)]
        assert [report.status for report in reports] == [Status.SENT, Status.BOUNCED]
