"""Postmark: what goes over the wire, and that Postmark's own library gets on with the fake it is tried against."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from postmark import ServerClient
from postmark.exceptions import PostmarkAPIException
from tests.support.endpoint import EndpointServer
from tests.support.providers import SERVER_TOKEN, WEBHOOK_PASSWORD, mail_message, postmark_account
from tests.support.wait import wait_until

from clarion import clock, ids
from clarion.channels.base import Callback, Email, Report
from clarion.channels.email.postmark import Postmark
from clarion.channels.email.postmark_callbacks import PostmarkCallbacks
from clarion.channels.open_provider import open_callbacks
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.postmark import PostmarkFake
from clarion.domain.content import EmailContent
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.status import Status
from clarion.errors import Forged


@pytest.fixture
async def fake() -> AsyncIterator[PostmarkFake]:
    async with PostmarkFake(
        server_token=SERVER_TOKEN, domain="shop.example", webhook_login=("clarion", WEBHOOK_PASSWORD)
    ) as fake:
        yield fake


async def _send(fake: PostmarkFake, mail: Email, **more: str) -> Outcome:
    provider = Postmark(postmark_account(base_url=fake.url, **more))
    try:
        (outcome,) = await provider.send([mail])
    finally:
        await provider.close()
    return outcome


async def test_a_mail_says_what_it_was_given(fake: PostmarkFake) -> None:
    content = EmailContent(subject="Grüße 😀", html="<p>Größe</p>", text="Größe\n.\n")
    more = (("X-Order", "7"), ("Reply-To", "Desk <desk@shop.example>"))
    mail = mail_message(to_name='Ann "O" Neil, jr', content=content, headers=more)
    outcome = await _send(fake, mail, stream="broadcast")
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert (taken.to, taken.sender) == ("guest@example.com", '"Shop" <shop@shop.example>')
    assert (taken.subject, taken.text, taken.html) == (content.subject, content.text, content.html)
    assert taken.metadata == {"clarion": f"msg_{mail.message_id.hex}"}
    assert taken.stream == "broadcast"
    assert taken.headers == [{"Name": "Auto-Submitted", "Value": "auto-generated"}, {"Name": "X-Order", "Value": "7"}]


@pytest.mark.parametrize(
    ("mail", "code"),
    [
        (mail_message("jörg@example.com"), "smtputf8_unsupported"),
        (mail_message(sender="Shop <shop@other.example>"), "sender_not_allowed"),
        (mail_message("a@b\r\nBcc: x@y"), "invalid_email"),
        (mail_message(headers=(("Bcc", "x@example.com"),)), "invalid_header"),
        (mail_message(to_name="a\r\nBcc: x@y"), "invalid_header"),
        (mail_message(content=EmailContent(subject="a\r\nb", html=None, text="x")), "invalid_header"),
        (mail_message(content=EmailContent(subject="a", html=None, text="x" * 10_000_001)), "too_large"),
    ],
    ids=lambda given: given if isinstance(given, str) else "mail",
)
async def test_what_cannot_be_sent_is_not_even_asked_for(fake: PostmarkFake, mail: Email, code: str) -> None:
    outcome = await _send(fake, mail)
    assert isinstance(outcome, Reject)
    assert outcome.code == code
    assert fake.asked == 0


@pytest.mark.parametrize(("to", "number"), [("guest@refused.invalid", 300), ("guest@inactive.example", 406)])
async def test_an_address_that_is_refused_is_dead(fake: PostmarkFake, to: str, number: int) -> None:
    outcome = await _send(fake, mail_message(to))
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.feedback) == ("invalid_recipient", Feedback.HARD_BOUNCE)
    assert outcome.reason.startswith(f"HTTP 422, {number}: ")


@pytest.mark.parametrize(
    ("status", "number", "kind", "code"),
    [
        (401, 10, Retry, None),
        (422, 405, Retry, None),
        (422, 413, Retry, None),
        (422, 1235, Retry, None),
        (429, 429, Retry, None),
        (422, 400, Reject, "sender_refused"),
        (422, 401, Reject, "sender_refused"),
        (422, 300, Reject, "rejected"),
        (422, 411, Reject, "rejected"),
    ],
)
async def test_each_code_comes_to_something(
    fake: PostmarkFake, status: int, number: int, kind: type, code: str | None
) -> None:
    body = json.dumps({"ErrorCode": number, "Message": "words"})
    fake.faults.add(Fault(how=How.ANSWER, status=status, body=body))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Reject):
        assert outcome.code == code
    else:
        assert isinstance(outcome, Retry)
        assert outcome.pause_provider
    assert f"{number}: words" in str(outcome)


def _reports(server: EndpointServer) -> list[Report]:
    (callbacks,) = open_callbacks([postmark_account()]).values()
    found: list[Report] = []
    for posted in server.posted:
        found += callbacks.read(Callback(url="", headers=posted.headers, body=posted.body), clock.now())
    return found


async def test_what_became_of_it_is_told(fake: PostmarkFake) -> None:
    async with EndpointServer() as server:
        fake.webhook = f"http://127.0.0.1:{server.port}/"
        mail = mail_message()
        outcome = await _send(fake, mail)
        assert isinstance(outcome, Sent)
        for record in ("Delivery", "Bounce", "SpamComplaint", "SubscriptionChange", "Open"):
            assert await fake.report(outcome.provider_id, record) == 200
        assert await fake.report(outcome.provider_id, "Bounce", Type="Transient") == 200
        reports = _reports(server)
    assert {(report.message_id, report.provider_id) for report in reports} == {(mail.message_id, outcome.provider_id)}
    assert [(report.status, report.feedback) for report in reports] == [
        (Status.DELIVERED, None),
        (Status.BOUNCED, Feedback.HARD_BOUNCE),
        (Status.DELIVERED, Feedback.COMPLAINT),
        (Status.DELIVERED, Feedback.UNSUBSCRIBE),
    ]
    assert reports[1].reason == "HardBounce: 550 5.1.1 no such user"
    assert len({report.key for report in reports}) == 4


ID = ids.new()


def _told(record: object, password: str = WEBHOOK_PASSWORD, user: str = "clarion") -> list[Report]:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"authorization": f"Basic {login}"}
    body = json.dumps(record).encode()
    return list(PostmarkCallbacks(WEBHOOK_PASSWORD).read(Callback(url="", headers=headers, body=body), clock.now()))


def _record(kind: str = "Bounce", **more: Any) -> dict[str, Any]:
    return {"RecordType": kind, "MessageID": "m1", "Metadata": {"clarion": f"msg_{ID.hex}"}, **more}


@pytest.mark.parametrize(
    ("kind", "status", "feedback"),
    [
        ("HardBounce", Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("BadEmailAddress", Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("SoftBounce", Status.BOUNCED, Feedback.SOFT_BOUNCE),
        ("SpamComplaint", Status.DELIVERED, Feedback.COMPLAINT),
        ("Unsubscribe", Status.DELIVERED, Feedback.UNSUBSCRIBE),
        ("ManuallyDeactivated", Status.FAILED, Feedback.HARD_BOUNCE),
        ("SMTPApiError", Status.FAILED, None),
        ("Blocked", Status.BOUNCED, None),
        ("SpamNotification", Status.BOUNCED, None),
        ("DMARCPolicy", Status.BOUNCED, None),
        ("something new", Status.BOUNCED, None),
    ],
)
def test_each_type_of_bounce_has_its_own(kind: str, status: Status, feedback: Feedback | None) -> None:
    (report,) = _told(_record(Type=kind, Details="no\r\nway"))
    assert (report.message_id, report.status, report.feedback) == (ID, status, feedback)
    assert report.reason in (None, f"{kind}: no way")


@pytest.mark.parametrize(
    "record",
    [
        _record(Type="Transient"),
        _record(Type="AutoResponder"),
        _record("Open"),
        _record("Click"),
        _record("SubscriptionChange", SuppressSending=False, Origin="Recipient"),
        _record("SubscriptionChange", SuppressSending=True, Origin="Admin", SuppressionReason="ManualSuppression"),
        _record("Delivery") | {"Metadata": {}},
        _record("Delivery") | {"Metadata": None},
        _record("Delivery") | {"MessageID": 7},
        [],
        None,
        "text",
    ],
)
def test_others_say_nothing(record: object) -> None:
    assert _told(record) == []


@pytest.mark.parametrize("header", [None, "", "Basic", "Basic é", "Basic !!!", f"Bearer {WEBHOOK_PASSWORD}"])
def test_who_does_not_log_in_is_refused(header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    with pytest.raises(Forged) as caught:
        PostmarkCallbacks(WEBHOOK_PASSWORD).read(Callback(url="", headers=headers, body=b"{}"), clock.now())
    assert WEBHOOK_PASSWORD not in caught.value.message
    for wrong in ({"password": "x" * 20}, {"password": ""}, {"user": "other"}):
        with pytest.raises(Forged):
            _told(_record("Delivery"), **wrong)


async def test_postmarks_library_sends(fake: PostmarkFake) -> None:
    async with ServerClient(SERVER_TOKEN, retries=0, base_url=fake.url) as library:
        mail = {"sender": "shop@shop.example", "to": "a@example.com", "subject": "Hi", "text_body": "Hi 😀"}
        one = await library.outbound.send({**mail, "metadata": {"clarion": "msg_1"}})
        assert (one.success, one.message_id, one.to) == (True, fake.taken[0].id, "a@example.com")
        assert (fake.taken[0].text, fake.taken[0].metadata) == ("Hi 😀", {"clarion": "msg_1"})


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"to": "a@refused.invalid"}, 422, 300),
        ({"to": "a@inactive.example"}, 422, 406),
        ({"sender": "a@other.example"}, 422, 400),
        ({"text_body": None}, 422, 300),
        ({"message_stream": "other"}, 422, 1235),
        ({"to": ",".join(f"a{n}@example.com" for n in range(51))}, 422, 300),
        ({"metadata": {str(n): "x" for n in range(11)}}, 422, 300),
    ],
)
async def test_postmarks_library_reads_the_fakes_errors(
    fake: PostmarkFake, fields: dict[str, Any], status: int, code: int
) -> None:
    mail = {"sender": "shop@shop.example", "to": "a@example.com", "subject": "Hi", "text_body": "Hi"} | fields
    async with ServerClient(SERVER_TOKEN, retries=0, base_url=fake.url) as library:
        with pytest.raises(PostmarkAPIException) as caught:
            await library.outbound.send(mail)
    assert (caught.value.http_status, caught.value.error_code) == (status, code)
    assert fake.taken == []


async def test_postmarks_library_is_not_let_in_with_another_token(fake: PostmarkFake) -> None:
    async with ServerClient("another-token", retries=0, base_url=fake.url) as library:
        with pytest.raises(PostmarkAPIException) as caught:
            await library.outbound.send({"sender": "a@shop.example", "to": "a@example.com", "text_body": "Hi"})
    assert (caught.value.http_status, caught.value.error_code) == (401, 10)


async def test_the_fake_obeys_commands_over_http(fake: PostmarkFake) -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        fake.webhook = f"http://127.0.0.1:{server.port}/"
        await _send(fake, mail_message())
        async with session.get(f"{fake.url}/_fake/messages") as answer:
            (taken,) = await answer.json()
        told = {"id": taken["id"], "record": "Bounce", "Type": "SoftBounce"}
        async with session.post(f"{fake.url}/_fake/records", json=told) as answer:
            assert await answer.json() == {"answered": 200}
        async with session.post(f"{fake.url}/_fake/records", json={"id": "nobody", "record": "Bounce"}) as answer:
            assert answer.status == 422
        assert [report.feedback for report in _reports(server)] == [Feedback.SOFT_BOUNCE]


async def test_the_fake_tells_by_itself_when_it_is_told_to() -> None:
    async with (
        EndpointServer() as server,
        PostmarkFake(
            server_token=SERVER_TOKEN,
            domain="shop.example",
            webhook=f"http://127.0.0.1:{server.port}/",
            webhook_login=("clarion", WEBHOOK_PASSWORD),
            reports=("Delivery", "Open"),
        ) as fake,
    ):
        await _send(fake, mail_message())
        await wait_until(lambda: len(server.posted) == 2, what="two records")
        assert [report.status for report in _reports(server)] == [Status.DELIVERED]
