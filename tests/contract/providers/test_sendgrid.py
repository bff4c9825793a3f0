"""SendGrid: what goes over the wire, and that SendGrid's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import CustomArg, Mail
from tests.support.endpoint import EndpointServer
from tests.support.providers import SENDGRID_KEY, mail_message, sendgrid_account
from tests.support.wait import wait_until

from clarion import clock, ids
from clarion.channels.base import Callback, Email, Report
from clarion.channels.email.sendgrid import SendGrid
from clarion.channels.email.sendgrid_callbacks import SendGridCallbacks
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.sendgrid import SendGridFake
from clarion.domain.content import EmailContent
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.status import Status
from clarion.errors import Forged

ID = ids.new()


@pytest.fixture
async def fake() -> AsyncIterator[SendGridFake]:
    async with SendGridFake(api_key=SENDGRID_KEY, domain="shop.example") as fake:
        yield fake


async def _send(fake: SendGridFake, mail: Email, **more: str) -> Outcome:
    provider = SendGrid(sendgrid_account(fake, **more))
    try:
        (outcome,) = await provider.send([mail])
    finally:
        await provider.close()
    return outcome


async def test_a_mail_says_what_it_was_given(fake: SendGridFake) -> None:
    content = EmailContent(subject="Grüße 😀", html="<p>Größe</p>", text="Größe\n.\n")
    more = (("X-Order", "7"), ("Reply-To", "Desk <desk@shop.example>"))
    mail = mail_message(to_name="Jörg", content=content, headers=more)
    outcome = await _send(fake, mail)
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert (taken.to, taken.custom_args) == ("guest@example.com", {"clarion": f"msg_{mail.message_id.hex}"})
    assert taken.mail == {
        "personalizations": [
            {"to": [{"email": "guest@example.com", "name": "Jörg"}], "custom_args": taken.custom_args},
        ],
        "from": {"email": "shop@shop.example", "name": "Shop"},
        "subject": content.subject,
        "content": [{"type": "text/plain", "value": content.text}, {"type": "text/html", "value": content.html}],
        "headers": {"Auto-Submitted": "auto-generated", "X-Order": "7"},
        "reply_to": {"email": "desk@shop.example", "name": "Desk"},
    }


@pytest.mark.parametrize(
    ("mail", "code"),
    [
        (mail_message("jörg@example.com"), "smtputf8_unsupported"),
        (mail_message(sender="Shop <shop@other.example>"), "sender_not_allowed"),
        (mail_message("a@b\r\nBcc: x@y"), "invalid_email"),
        (mail_message(headers=(("Bcc", "x@example.com"),)), "invalid_header"),
    ],
    ids=lambda given: given if isinstance(given, str) else "mail",
)
async def test_what_cannot_be_sent_is_not_even_asked_for(fake: SendGridFake, mail: Email, code: str) -> None:
    outcome = await _send(fake, mail)
    assert isinstance(outcome, Reject)
    assert outcome.code == code
    assert fake.asked == 0


async def test_an_address_that_is_refused_is_dead(fake: SendGridFake) -> None:
    outcome = await _send(fake, mail_message("guest@refused.invalid"))
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.feedback) == ("invalid_recipient", Feedback.HARD_BOUNCE)
    assert outcome.reason == "HTTP 400, personalizations.0.to.0.email: Does not contain a valid address."


@pytest.mark.parametrize(
    ("status", "field", "kind", "code"),
    [
        (401, None, Retry, None),
        (403, None, Retry, None),
        (451, None, Retry, None),
        (403, "from", Reject, "sender_refused"),
        (400, "from.email", Reject, "sender_refused"),
        (400, "content.0.value", Reject, "rejected"),
        (400, "personalizations.0.cc.0.email", Reject, "rejected"),
    ],
)
async def test_each_error_comes_to_something(
    fake: SendGridFake, status: int, field: str | None, kind: type, code: str | None
) -> None:
    body = json.dumps({"errors": [{"message": "words", "field": field, "help": None}]})
    fake.faults.add(Fault(how=How.ANSWER, status=status, body=body))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Reject):
        assert (outcome.code, outcome.feedback) == (code, None)
    if isinstance(outcome, Retry):
        assert outcome.pause_provider
    assert "words" in str(outcome)


async def test_a_limit_says_until_when(fake: SendGridFake) -> None:
    reset = str(int(clock.now().timestamp()) + 90)
    fake.faults.add(Fault(how=How.ANSWER, status=429, headers={"x-ratelimit-reset": reset}))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, Retry)
    assert outcome.after is not None
    assert timedelta(seconds=80) < outcome.after <= timedelta(seconds=90)


def test_the_region_is_a_choice() -> None:
    keys = {"verification_key": SendGridFake(api_key="", domain="").verification_key}
    assert str(SendGrid(sendgrid_account(None, **keys))._to) == "https://api.sendgrid.com/v3/mail/send"
    assert str(SendGrid(sendgrid_account(None, region="eu", **keys))._to) == "https://api.eu.sendgrid.com/v3/mail/send"


def _read(fake: SendGridFake, body: bytes, headers: dict[str, str]) -> list[Report]:
    callbacks = SendGridCallbacks(fake.verification_key)
    return list(callbacks.read(Callback(url="", headers=headers, body=body), clock.now()))


async def test_what_became_of_it_is_told_signed_and_many_at_once(fake: SendGridFake) -> None:
    kinds = ("processed", "deferred", "delivered", "bounce", "open", "spamreport", "unsubscribe", "dropped")
    async with EndpointServer() as server:
        fake.webhook = f"http://127.0.0.1:{server.port}/"
        mail = mail_message()
        outcome = await _send(fake, mail)
        assert isinstance(outcome, Sent)
        assert await fake.report(outcome.provider_id, *kinds) == 200
        (posted,) = server.posted
        reports = _read(fake, posted.body, dict(posted.headers))
    assert {(report.message_id, report.provider_id) for report in reports} == {(mail.message_id, outcome.provider_id)}
    assert [(report.status, report.feedback) for report in reports] == [
        (Status.SENT, None),
        (Status.DELIVERED, None),
        (Status.BOUNCED, Feedback.HARD_BOUNCE),
        (Status.DELIVERED, Feedback.COMPLAINT),
        (Status.DELIVERED, Feedback.UNSUBSCRIBE),
        (Status.FAILED, Feedback.HARD_BOUNCE),
    ]
    assert reports[2].reason == "bounce, 5.1.1: 550 5.1.1 no such user"
    assert len({report.key for report in reports}) == 6


def _event(kind: str = "bounce", **more: Any) -> dict[str, Any]:
    own = {"sg_event_id": "e1", "sg_message_id": "abc.filter0001.16648", "clarion": f"msg_{ID.hex}"}
    return {"event": kind, **own, **more}


@pytest.mark.parametrize(
    ("event", "status", "feedback"),
    [
        (_event(type="bounce", status="5.1.1"), Status.BOUNCED, Feedback.HARD_BOUNCE),
        (_event(type="bounce", status="5.2.2"), Status.BOUNCED, Feedback.SOFT_BOUNCE),
        (_event(type="blocked", status="5.7.1"), Status.BOUNCED, None),
        (_event(), Status.BOUNCED, None),
        (_event("dropped", reason="Spam Reporting Address"), Status.FAILED, Feedback.COMPLAINT),
        (_event("dropped", reason="Unsubscribed Address"), Status.FAILED, Feedback.UNSUBSCRIBE),
        (_event("dropped", reason="Recipient List over Package Quota"), Status.FAILED, None),
        (_event("group_unsubscribe"), Status.DELIVERED, Feedback.UNSUBSCRIBE),
    ],
)
def test_each_event_has_its_own(
    fake: SendGridFake, event: dict[str, Any], status: Status, feedback: Feedback | None
) -> None:
    (report,) = _read(fake, *fake.callback([event]))
    assert (report.message_id, report.provider_id, report.key) == (ID, "abc", "e1")
    assert (report.status, report.feedback) == (status, feedback)


@pytest.mark.parametrize(
    "events",
    [
        [_event("open"), _event("click"), _event("deferred"), _event("group_resubscribe"), _event("?")],
        [_event("delivered", clarion="msg_1"), _event("delivered", clarion=None), _event("delivered", sg_event_id="")],
        [_event("delivered", sg_message_id=7), 7, None, []],
        {"event": "delivered"},
        "text",
    ],
)
def test_others_say_nothing(fake: SendGridFake, events: Any) -> None:
    assert _read(fake, *fake.callback(events)) == []


def test_what_is_not_signed_so_is_refused(fake: SendGridFake) -> None:
    body, headers = fake.callback([_event("delivered")])
    proof, stamp = (f"x-twilio-email-event-webhook-{name}" for name in ("signature", "timestamp"))
    stranger = SendGridFake(api_key="", domain="")
    wrong = [
        (body + b" ", headers),
        (body, {}),
        (body, headers | {proof: ""}),
        (body, headers | {proof: "é"}),
        (body, headers | {proof: headers[proof][:-4]}),
        (body, headers | {stamp: str(int(headers[stamp]) + 1)}),
        (body, stranger.callback([_event("delivered")])[1]),
        fake.callback([_event("delivered")], at=clock.now().timestamp() - 25 * 3600 - 1),
        fake.callback([_event("delivered")], at=clock.now().timestamp() + 1_000),
        fake.callback([_event("delivered")], at=0),
    ]
    assert _read(fake, body, headers)
    for octets, given in wrong:
        with pytest.raises(Forged):
            _read(fake, octets, given)


async def test_sendgrids_library_sends(fake: SendGridFake) -> None:
    library = SendGridAPIClient(SENDGRID_KEY, host=fake.url)
    mail = Mail("shop@shop.example", "a@example.com", "Hi 😀", plain_text_content="Hi", html_content="<p>Hi</p>")
    mail.custom_arg = CustomArg("clarion", "msg_1")
    answer = await asyncio.to_thread(library.send, mail)
    assert (answer.status_code, answer.headers["x-message-id"]) == (202, fake.taken[0].id)
    assert (fake.taken[0].to, fake.taken[0].mail["subject"]) == ("a@example.com", "Hi 😀")
    stranger = SendGridAPIClient("SG.another", host=fake.url)
    with pytest.raises(HTTPError) as caught:
        await asyncio.to_thread(stranger.send, mail)
    assert caught.value.status_code == 401


@pytest.mark.parametrize(
    ("sender", "to", "words", "status", "field"),
    [
        ("shop@shop.example", "a@refused.invalid", "Hi", 400, "personalizations.0.to.0.email"),
        ("a@other.example", "a@example.com", "Hi", 403, "from"),
        ("shop@shop.example", "a@example.com", "", 400, "content.0.value"),
    ],
)
async def test_sendgrids_library_reads_the_fakes_errors(
    fake: SendGridFake, sender: str, to: str, words: str, status: int, field: str
) -> None:
    library = SendGridAPIClient(SENDGRID_KEY, host=fake.url)
    mail = {
        "personalizations": [{"to": [{"email": to}]}],
        "from": {"email": sender},
        "subject": "Hi",
        "content": [{"type": "text/plain", "value": words}],
    }
    with pytest.raises(HTTPError) as caught:
        await asyncio.to_thread(library.send, mail)
    assert caught.value.status_code == status
    assert caught.value.to_dict["errors"][0]["field"] == field
    assert fake.taken == []


@pytest.mark.parametrize("spoilt", [False, True])
def test_sendgrids_check_and_ours_believe_the_same(fake: SendGridFake, spoilt: bool) -> None:
    body, headers = fake.callback([_event("delivered")])
    body += b" " * spoilt
    proof, stamp = (headers[f"x-twilio-email-event-webhook-{name}"] for name in ("signature", "timestamp"))
    theirs = EventWebhook(fake.verification_key).verify_signature(body.decode(), proof, stamp)
    try:
        ours = bool(_read(fake, body, headers))
    except Forged:
        ours = False
    assert ours == theirs == (not spoilt)


async def test_the_fake_tells_by_itself_and_on_command() -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        hook = f"http://127.0.0.1:{server.port}/"
        async with SendGridFake(
            api_key=SENDGRID_KEY, domain="shop.example", webhook=hook, reports=("processed", "delivered")
        ) as fake:
            await _send(fake, mail_message())
            await wait_until(lambda: len(server.posted) == 1, what="the events")
            told = {"id": fake.taken[0].id, "event": "bounce", "type": "blocked"}
            async with session.post(f"{fake.url}/_fake/events", json=told) as answer:
                assert await answer.json() == {"answered": 200}
            async with session.post(f"{fake.url}/_fake/events", json={"id": "nobody", "event": "x"}) as answer:
                assert answer.status == 422
            found = [report.status for one in server.posted for report in _read(fake, one.body, dict(one.headers))]
        assert found == [Status.SENT, Status.DELIVERED, Status.BOUNCED]
