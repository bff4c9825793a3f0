"""Resend: what goes over the wire, and that Resend's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest
import resend
from resend.exceptions import ResendError
from tests.support.endpoint import EndpointServer
from tests.support.providers import RESEND_KEY, RESEND_SECRET, mail_message, resend_account
from tests.support.wait import wait_until

from clarion import clock, ids
from clarion.channels.base import Callback, Email, Report
from clarion.channels.email.resend import Resend
from clarion.channels.email.resend_callbacks import ResendCallbacks
from clarion.channels.open_provider import open_callbacks
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.resend import ResendFake
from clarion.domain.content import EmailContent
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.status import Status
from clarion.errors import Forged


@pytest.fixture
async def fake() -> AsyncIterator[ResendFake]:
    async with ResendFake(api_key=RESEND_KEY, signing_secret=RESEND_SECRET, domain="shop.example") as fake:
        yield fake


async def _send(fake: ResendFake, mail: Email, **more: str) -> Outcome:
    provider = Resend(resend_account(base_url=fake.url, **more))
    try:
        (outcome,) = await provider.send([mail])
    finally:
        await provider.close()
    return outcome


async def test_a_mail_says_what_it_was_given(fake: ResendFake) -> None:
    content = EmailContent(subject="Grüße 😀", html="<p>Größe</p>", text="Größe\n.\n")
    more = (("X-Order", "7"), ("Reply-To", "Desk <desk@shop.example>"))
    mail = mail_message(to_name="Jörg", content=content, headers=more)
    outcome = await _send(fake, mail)
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert taken.to == ["guest@example.com"]
    assert taken.mail == {
        "from": '"Shop" <shop@shop.example>',
        "to": ['"Jörg" <guest@example.com>'],
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
        "reply_to": "Desk <desk@shop.example>",
        "headers": {"Auto-Submitted": "auto-generated", "X-Order": "7"},
        "tags": [{"name": "clarion", "value": f"msg_{mail.message_id.hex}"}],
    }


async def test_the_same_mail_again_is_not_sent_again(fake: ResendFake) -> None:
    """Also where the first answer was lost: what is then tried again, labelled, does no harm."""
    mail = mail_message()
    fake.faults.add(Fault(how=How.RESET, taken=True))
    assert isinstance(await _send(fake, mail), Uncertain)
    again = await _send(fake, mail)
    assert again == await _send(fake, mail) == Sent(fake.taken[0].id)
    assert len(fake.taken) == 1


async def test_under_the_same_key_with_other_words_nobody_knows(fake: ResendFake) -> None:
    mail = mail_message()
    assert isinstance(await _send(fake, mail), Sent)
    other = mail._replace(content=EmailContent(subject="Other", html=None, text="Other"))
    outcome = await _send(fake, other)
    assert isinstance(outcome, Uncertain)
    assert "invalid_idempotent_request" in outcome.reason
    assert len(fake.taken) == 1


@pytest.mark.parametrize(
    ("mail", "code"),
    [
        (mail_message("jörg@example.com"), "smtputf8_unsupported"),
        (mail_message(sender="Shop <shop@other.example>"), "sender_not_allowed"),
        (mail_message("a@b\r\nBcc: x@y"), "invalid_email"),
        (mail_message(headers=(("Bcc", "x@example.com"),)), "invalid_header"),
        (mail_message(to_name="a\r\nBcc: x@y"), "invalid_header"),
    ],
    ids=lambda given: given if isinstance(given, str) else "mail",
)
async def test_what_cannot_be_sent_is_not_even_asked_for(fake: ResendFake, mail: Email, code: str) -> None:
    outcome = await _send(fake, mail)
    assert isinstance(outcome, Reject)
    assert outcome.code == code
    assert fake.asked == 0


async def test_an_address_that_is_refused_is_dead(fake: ResendFake) -> None:
    outcome = await _send(fake, mail_message("guest@refused.invalid"))
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.feedback) == ("invalid_recipient", Feedback.HARD_BOUNCE)
    assert outcome.reason.startswith("HTTP 422, validation_error: Invalid `to` field.")


async def test_an_account_that_is_wrong_makes_everybody_wait(fake: ResendFake) -> None:
    outcome = await _send(fake, mail_message(), api_key="re_" + "w" * 30)
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert "API key is invalid" in outcome.reason
    assert "www" not in outcome.reason


@pytest.mark.parametrize(
    ("status", "name", "words", "kind", "code"),
    [
        (401, "restricted_api_key", "words", Retry, None),
        (429, "rate_limit_exceeded", "words", Retry, None),
        (429, "daily_quota_exceeded", "words", Retry, None),
        (409, "concurrent_idempotent_requests", "words", Retry, None),
        (409, "invalid_idempotent_request", "words", Uncertain, None),
        (422, "invalid_from_address", "words", Reject, "sender_refused"),
        (422, "validation_error", "Invalid `from` field.", Reject, "sender_refused"),
        (422, "validation_error", "Invalid `cc` field.", Reject, "rejected"),
        (451, "security_error", "words", Reject, "rejected"),
        (500, "application_error", "words", Uncertain, None),
    ],
)
async def test_each_name_comes_to_something(
    fake: ResendFake, status: int, name: str, words: str, kind: type, code: str | None
) -> None:
    body = json.dumps({"statusCode": status, "name": name, "message": words})
    fake.faults.add(Fault(how=How.ANSWER, status=status, body=body))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Reject):
        assert outcome.code == code
    if isinstance(outcome, Retry):
        assert outcome.pause_provider == (status != 409)
    assert f"{name}: {words}" in str(outcome)


def _reports(server: EndpointServer) -> list[Report]:
    (callbacks,) = open_callbacks([resend_account()]).values()
    found: list[Report] = []
    for posted in server.posted:
        found += callbacks.read(Callback(url="", headers=posted.headers, body=posted.body), clock.now())
    return found


async def test_what_became_of_it_is_told_signed(fake: ResendFake) -> None:
    async with EndpointServer() as server:
        fake.webhook = f"http://127.0.0.1:{server.port}/"
        mail = mail_message()
        outcome = await _send(fake, mail)
        assert isinstance(outcome, Sent)
        for kind in (
            "sent",
            "delivery_delayed",
            "delivered",
            "bounced",
            "complained",
            "opened",
            "failed",
            "suppressed",
        ):
            assert await fake.report(outcome.provider_id, f"email.{kind}") == 200
        reports = _reports(server)
    assert {(report.message_id, report.provider_id) for report in reports} == {(mail.message_id, outcome.provider_id)}
    assert [(report.status, report.feedback) for report in reports] == [
        (Status.SENT, None),
        (Status.DELIVERED, None),
        (Status.BOUNCED, Feedback.HARD_BOUNCE),
        (Status.DELIVERED, Feedback.COMPLAINT),
        (Status.FAILED, None),
        (Status.FAILED, Feedback.HARD_BOUNCE),
    ]
    assert reports[2].reason == "bounced: Permanent, General, The recipient's email address does not exist."
    assert reports[4].reason == "failed: reached_daily_quota"
    assert len({report.key for report in reports}) == 6


ID = ids.new()


def _signed(body: bytes, *, age_s: float = 0, secret: str = RESEND_SECRET, **other: str) -> Callback:
    stamp = str(int(clock.now().timestamp() - age_s))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    proof = base64.b64encode(hmac.new(key, f"msg_1.{stamp}.".encode() + body, "sha256").digest()).decode()
    headers = {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": f"v1,{proof}"}
    return Callback(url="", headers=headers | {name.replace("_", "-"): text for name, text in other.items()}, body=body)


def _read(callback: Callback) -> list[Report]:
    return list(ResendCallbacks(RESEND_SECRET).read(callback, clock.now()))


def _event(kind: str = "email.bounced", **more: Any) -> bytes:
    data = {"email_id": "e1", "tags": {"clarion": f"msg_{ID.hex}"}, **more}
    return json.dumps({"type": kind, "data": data}).encode()


@pytest.mark.parametrize(
    ("bounce", "feedback"),
    [
        ({"type": "Permanent", "subType": "NoEmail"}, Feedback.HARD_BOUNCE),
        ({"type": "Transient", "subType": "MailboxFull"}, Feedback.SOFT_BOUNCE),
        ({"type": "Transient", "subType": "General"}, Feedback.SOFT_BOUNCE),
        ({"type": "Transient", "subType": "ContentRejected"}, None),
        ({"type": "Undetermined"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_each_type_of_bounce_has_its_own(bounce: object, feedback: Feedback | None) -> None:
    (report,) = _read(_signed(_event(bounce=bounce)))
    assert (report.message_id, report.status, report.feedback, report.key) == (
        ID,
        Status.BOUNCED,
        feedback,
        "msg_1",
    )


def test_tags_may_be_a_list_as_they_were_given() -> None:
    (report,) = _read(_signed(_event(tags=[{"name": "clarion", "value": f"msg_{ID.hex}"}, "x", {"name": [1]}])))
    assert report.message_id == ID


@pytest.mark.parametrize(
    "body",
    [
        _event("email.opened"),
        _event("email.delivery_delayed"),
        _event("contact.created"),
        _event(tags={}),
        _event(tags=None),
        _event(email_id=7),
        b"{}",
        b"[]",
        b"no json",
        b"\xff",
    ],
)
def test_others_say_nothing(body: bytes) -> None:
    assert _read(_signed(body)) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Callback(url="", headers={}, body=_event()),
        lambda: _signed(_event(), secret="whsec_" + base64.b64encode(b"another secret of 24 oct").decode()),
        lambda: _signed(_event(), age_s=301),
        lambda: _signed(_event(), age_s=-600),
        lambda: _signed(_event(), svix_id="msg_2"),
        lambda: _signed(_event(), svix_id=""),
        lambda: _signed(_event(), svix_timestamp="soon"),
        lambda: _signed(_event(), svix_signature=""),
        lambda: _signed(_event(), svix_signature="v1,é"),
        lambda: _signed(_event(), svix_signature=_signed(_event()).headers["svix-signature"].replace("v1,", "v2,")),
        lambda: Callback(url="", headers=_signed(_event()).headers, body=_event() + b" "),
    ],
)
def test_what_is_not_signed_so_is_refused(make: Callable[[], Callback]) -> None:
    callback = make()  # signed now: the parameters are made long before
    with pytest.raises(Forged) as caught:
        _read(callback)
    assert RESEND_SECRET not in caught.value.message


def test_one_of_several_signatures_is_enough() -> None:
    good = _signed(_event())
    proofs = f"v1,other v1a,x {good.headers['svix-signature']}"
    assert _read(Callback(url="", headers={**good.headers, "svix-signature": proofs}, body=good.body))


@pytest.fixture
def library(fake: ResendFake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Resend's library has its address and its key for the whole process."""
    monkeypatch.setattr(resend, "api_url", fake.url)
    monkeypatch.setattr(resend, "api_key", RESEND_KEY)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield resend.Emails


async def test_resends_library_sends_and_fetches(fake: ResendFake, library: Any) -> None:
    mail = {"from": "Shop <shop@shop.example>", "to": ["a@example.com"], "subject": "Hi 😀", "text": "Hi"}
    options = {"idempotency_key": "one"}
    first = await asyncio.to_thread(library.send, mail, options)
    again = await asyncio.to_thread(library.send, mail, options)
    assert first["id"] == again["id"] == fake.taken[0].id
    assert len(fake.taken) == 1
    fetched = await asyncio.to_thread(library.get, first["id"])
    assert (fetched["id"], fetched["subject"]) == (first["id"], "Hi 😀")
    with pytest.raises(ResendError) as caught:
        await asyncio.to_thread(library.send, mail | {"text": "Other"}, options)
    assert str(caught.value.code) == "409"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"to": ["a@refused.invalid"]}, 422, "Invalid `to` field."),
        ({"to": "nobody"}, 422, "Invalid `to` field."),
        ({"from": "nobody"}, 422, "Invalid `from` field."),
        ({"from": "a@other.example"}, 403, "is not verified"),
        ({"text": ""}, 422, "Missing `html` or `text` field."),
        ({"subject": ""}, 422, "Missing `subject` field."),
        ({"to": [f"a{n}@example.com" for n in range(51)]}, 422, "at most 50"),
        ({"tags": [{"name": "a b", "value": "x"}]}, 422, "Tags should only contain"),
    ],
)
async def test_resends_library_reads_the_fakes_errors(
    fake: ResendFake, library: Any, fields: dict[str, Any], status: int, words: str
) -> None:
    mail = {"from": "shop@shop.example", "to": "a@example.com", "subject": "Hi", "text": "Hi"} | fields
    with pytest.raises(ResendError) as caught:
        await asyncio.to_thread(library.send, mail)
    assert str(caught.value.code) == str(status)
    assert words in caught.value.message
    assert fake.taken == []


async def test_resends_library_is_not_let_in_with_another_key(
    fake: ResendFake, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "api_key", "re_another_key")
    with pytest.raises(ResendError) as caught:
        await asyncio.to_thread(library.send, {"from": "a@shop.example", "to": "a@example.com", "text": "Hi"})
    assert str(caught.value.code) == "401"


@pytest.mark.parametrize(("age_s", "spoilt"), [(0, False), (250, False), (400, False), (0, True)])
async def test_resends_check_and_ours_believe_the_same(fake: ResendFake, age_s: int, spoilt: bool) -> None:
    await _send(fake, mail_message())
    body, headers = fake.callback(fake.taken[0], "email.delivered", at=clock.now().timestamp() - age_s)
    body += b" " * spoilt
    signed = {name: headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    verify: Any = resend.Webhooks.verify
    try:
        verify({"payload": body.decode(), "headers": signed, "webhook_secret": RESEND_SECRET})
        theirs = True
    except ValueError:
        theirs = False
    try:
        ours = bool(_read(Callback(url="", headers=headers, body=body)))
    except Forged:
        ours = False
    assert ours == theirs == (age_s < 300 and not spoilt)


async def test_the_fake_tells_by_itself_and_on_command() -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        hook = f"http://127.0.0.1:{server.port}/"
        async with ResendFake(
            api_key=RESEND_KEY,
            signing_secret=RESEND_SECRET,
            domain="shop.example",
            webhook=hook,
            reports=("email.sent",),
        ) as fake:
            await _send(fake, mail_message())
            await wait_until(lambda: len(server.posted) == 1, what="an event")
            told = {"id": fake.taken[0].id, "type": "email.bounced", "bounce": {"type": "Undetermined"}}
            async with session.post(f"{fake.url}/_fake/events", json=told) as answer:
                assert await answer.json() == {"answered": 200}
            async with session.post(f"{fake.url}/_fake/events", json={"id": "nobody", "type": "x"}) as answer:
                assert answer.status == 422
        assert [report.status for report in _reports(server)] == [Status.SENT, Status.BOUNCED]
