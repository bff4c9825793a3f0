"""Mailgun: what goes over the wire, and that Mailgun's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from mailgun.client import Client
from mailgun.config import RetryPolicy
from mailgun.security import SecurityGuard
from tests.support.endpoint import EndpointServer
from tests.support.providers import MAIL_DOMAIN, MAIL_KEY, SIGNING_KEY, mail_message, mailgun_account
from tests.support.wait import wait_until

from clarion import clock
from clarion.channels.base import Callback, Email, Report
from clarion.channels.email.mailgun import LARGEST, Mailgun
from clarion.channels.open_provider import open_callbacks, open_provider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.mailgun import MailgunFake
from clarion.dev.fakes.mailgun_message import callback
from clarion.domain.content import EmailContent
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.status import Status
from clarion.errors import Forged

NOT_ALLOWED = "Domain mg.shop.example is not allowed to send"


@pytest.fixture
async def fake() -> AsyncIterator[MailgunFake]:
    async with MailgunFake(domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY) as fake:
        yield fake


async def _send(fake: MailgunFake, mail: Email, **more: str) -> Outcome:
    provider = Mailgun(mailgun_account(base_url=fake.url, **more))
    try:
        (outcome,) = await provider.send([mail])
    finally:
        await provider.close()
    return outcome


async def test_a_mail_arrives_as_we_wrote_it(fake: MailgunFake) -> None:
    content = EmailContent(subject="Grüße, 1+1=2 😀", html="<p>Größe\r\n.\r\n--form-x--</p>", text="Größe\n.\n")
    mail = mail_message(to_name="Jörg", content=content, headers=(("X-Order", "7"),))
    outcome = await _send(fake, mail)
    (taken,) = fake.taken
    assert outcome == Sent(f"msg_{mail.message_id.hex}@shop.example")
    assert (taken.to, taken.id) == ("guest@example.com", f"<msg_{mail.message_id.hex}@shop.example>")
    assert taken.variables == {"clarion": f"msg_{mail.message_id.hex}"}
    assert taken.message.isascii()
    read = email.message_from_string(taken.message, policy=email.policy.default)
    assert (read["subject"], read["x-order"]) == (content.subject, "7")
    assert read["to"].addresses[0].display_name == "Jörg"
    text, html = read.iter_parts()
    assert text.get_content().splitlines() == ["Größe", "."]
    assert "Größe" in html.get_content()


async def test_the_same_mail_again_has_the_same_id(fake: MailgunFake) -> None:
    """Mailgun would not know it again; who looks at the mails can."""
    mail = mail_message()
    assert await _send(fake, mail) == await _send(fake, mail)
    assert len(fake.taken) == 2


@pytest.mark.parametrize(
    ("mail", "code"),
    [
        (mail_message("jörg@example.com"), "smtputf8_unsupported"),
        (mail_message(sender="Shop <shop@other.example>"), "sender_not_allowed"),
        (mail_message("a@b\r\nBcc: x@y"), "invalid_email"),
        (mail_message("a@example.com,b@example.com"), "invalid_email"),
        (mail_message(headers=(("Bcc", "x@example.com"),)), "invalid_header"),
        (mail_message(content=EmailContent(subject="a\r\nb", html=None, text="x")), "invalid_header"),
        (mail_message(content=EmailContent(subject="a", html=None, text="x" * (LARGEST + 1))), "too_large"),
    ],
    ids=lambda given: given if isinstance(given, str) else "mail",
)
async def test_what_cannot_be_sent_is_not_even_asked_for(fake: MailgunFake, mail: Email, code: str) -> None:
    outcome = await _send(fake, mail)
    assert isinstance(outcome, Reject)
    assert outcome.code == code
    assert fake.asked == 0


async def test_an_idn_goes_in_ascii(fake: MailgunFake) -> None:
    assert isinstance(await _send(fake, mail_message("guest@exämple.com")), Sent)
    assert fake.taken[0].to == "guest@xn--exmple-cua.com"


async def test_an_address_that_is_refused_is_dead(fake: MailgunFake) -> None:
    outcome = await _send(fake, mail_message("guest@refused.invalid"))
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.feedback) == ("invalid_recipient", Feedback.HARD_BOUNCE)
    assert outcome.reason == "HTTP 400: to parameter is not a valid address. please check documentation"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"api_key": "w" * 40}, "HTTP 401: Forbidden"),
        ({"domain": "mg.other.example"}, "HTTP 404: Domain not found: mg.other.example"),
    ],
)
async def test_an_account_that_is_wrong_makes_everybody_wait(
    fake: MailgunFake, more: dict[str, str], says: str
) -> None:
    outcome = await _send(fake, mail_message(), **more)
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert says in outcome.reason
    assert "wwww" not in outcome.reason
    assert fake.taken == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, f"{NOT_ALLOWED}: The domain is unverified and requires DNS configuration."),
        (403, "Domain mg.shop.example is not allowed to send large batches yet"),
        (403, "Rejected: IP 10.0.0.1 can't be used to send the message"),
        (402, "Request Failed"),
    ],
)
async def test_an_account_that_may_not_send_burns_no_mail(fake: MailgunFake, status: int, words: str) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=status, body=json.dumps({"message": words})))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider) == (timedelta(minutes=1), True)
    assert words[:60] in outcome.reason


async def test_a_limit_says_in_its_words_until_when(fake: MailgunFake) -> None:
    at = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True).replace("GMT", "UTC")
    words = f"{NOT_ALLOWED}: request limit exceeded, try again after {at}"
    fake.faults.add(Fault(how=How.ANSWER, status=429, body=json.dumps({"message": words})))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert outcome.after is not None
    assert timedelta(seconds=80) < outcome.after <= timedelta(seconds=90)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("from parameter is not a valid address. please check documentation", "sender_refused"),
        ("from parameter is missing", "sender_refused"),
        ("Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total", "rejected"),
    ],
)
async def test_other_refusals_have_their_code(fake: MailgunFake, words: str, code: str) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=400, body=json.dumps({"message": words})))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.feedback) == (code, None)


async def test_large_ones_are_built_when_their_turn_has_come(fake: MailgunFake) -> None:
    fake.faults.lasting = Fault(how=How.HANG)
    provider = Mailgun(mailgun_account(base_url=fake.url, connections="2"))
    built = 0
    compose = provider._letters.compose

    def counting(mail: Email, eight_bit: bool) -> Any:
        nonlocal built
        built += 1
        return compose(mail, eight_bit)

    provider._letters.compose = counting  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(provider.send([mail_message() for _ in range(20)]))
        await wait_until(lambda: fake.asked == 2, what="two requests")
        assert built == 2
        sending.cancel()
    await provider.close()


def test_the_region_is_a_choice() -> None:
    assert str(Mailgun(mailgun_account())._to) == f"https://api.mailgun.net/v3/{MAIL_DOMAIN}/messages.mime"
    eu = Mailgun(mailgun_account(region="eu"))
    assert str(eu._to) == f"https://api.eu.mailgun.net/v3/{MAIL_DOMAIN}/messages.mime"


async def test_without_an_account_mails_wait_and_say_for_what() -> None:
    mail, text = open_provider("email", None), open_provider("sms", None)
    (outcome,) = await mail.send([mail_message()])
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    for part in ("CLARION_SMTP_URL", "[providers.NAME]", "[email]"):
        assert part in outcome.reason
    assert mail.name != text.name, "who waits for the one does not wait for the other"


def _reports(server: EndpointServer) -> list[Report]:
    """What the webhooks that *server* was called with say."""
    (callbacks,) = open_callbacks([mailgun_account()]).values()
    found: list[Report] = []
    for posted in server.posted:
        found += callbacks.read(Callback(url="", headers=posted.headers, body=posted.body), clock.now())
    return found


async def test_what_became_of_it_is_told_signed(fake: MailgunFake) -> None:
    """From the mail to the report of it, through a real endpoint."""
    async with EndpointServer() as server:
        hook = f"http://127.0.0.1:{server.port}/v1/callbacks/mailgun/main"
        fake.webhooks = {name: [hook] for name in ("delivered", "permanent_fail", "temporary_fail", "complained")}
        mail = mail_message()
        outcome = await _send(fake, mail)
        assert isinstance(outcome, Sent)
        id = outcome.provider_id
        assert await fake.report(id, "failed", severity="temporary") == [200]
        assert await fake.report(id, "delivered") == [200]
        assert await fake.report(id, "failed") == [200]
        assert await fake.report(id, "complained") == [200]
        assert await fake.report(id, "opened") == [], "nobody asked for that"
        reports = _reports(server)
    assert {report.message_id for report in reports} == {mail.message_id}
    assert {report.provider_id for report in reports} == {id}
    assert [(report.status, report.feedback) for report in reports] == [
        (Status.SENT, None),
        (Status.DELIVERED, None),
        (Status.BOUNCED, Feedback.HARD_BOUNCE),
        (Status.DELIVERED, Feedback.COMPLAINT),
    ]
    assert reports[2].reason == "bounce, 550: 5.1.1 The email account does not exist."
    assert len({report.key for report in reports}) == 4, "each token is used up, also where nothing new is said"


async def test_the_fake_tells_by_itself_when_it_is_told_to() -> None:
    kinds = ("accepted", "delivered", "opened")
    async with EndpointServer() as server:
        hook = f"http://127.0.0.1:{server.port}/"
        async with MailgunFake(
            domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY, webhook=hook, reports=kinds
        ) as fake:
            await _send(fake, mail_message())
            await wait_until(lambda: len(server.posted) == 3, what="three events")
        assert [json.loads(posted.body)["event-data"]["event"] for posted in server.posted] == list(kinds)
        assert [report.status for report in _reports(server)] == [Status.SENT, Status.DELIVERED, Status.SENT]


async def test_the_fake_obeys_commands_over_http(fake: MailgunFake) -> None:
    async with EndpointServer() as server, aiohttp.ClientSession(trust_env=False) as session:
        put = f"{fake.url}/_fake/faults"
        async with session.put(put, json={"faults": [{"how": "answer", "status": 503}]}) as answer:
            assert answer.status == 204
        assert isinstance(await _send(fake, mail_message()), Retry)
        async with session.put(put, json={"faults": [{"how": "unknown"}]}) as answer:
            assert answer.status == 422
        async with session.put(put, json={}, headers={"origin": "https://elsewhere.example"}) as answer:
            assert answer.status == 403
        fake.webhooks = {"permanent_fail": [f"http://127.0.0.1:{server.port}/"]}
        assert isinstance(await _send(fake, mail_message()), Sent)
        async with session.get(f"{fake.url}/_fake/messages") as answer:
            (taken,) = await answer.json()
        told = {"id": taken["id"], "event": "failed", "reason": "suppress-bounce"}
        async with session.post(f"{fake.url}/_fake/events", json=told) as answer:
            assert await answer.json() == {"answered": [200]}
        async with session.post(f"{fake.url}/_fake/events", json={"id": "nobody", "event": "delivered"}) as answer:
            assert answer.status == 422
        async with session.delete(f"{fake.url}/_fake/messages") as answer:
            assert answer.status == 204
        assert fake.taken == []
        assert _reports(server)[0].feedback is Feedback.HARD_BOUNCE


@pytest.fixture
def library(fake: MailgunFake) -> Iterator[Client]:
    with _library(fake) as client:
        yield client


def _library(fake: MailgunFake, key: str = MAIL_KEY) -> Client:
    client = Client(auth=("api", key), api_url=fake.url, retry_policy=RetryPolicy(max_retries=0))
    client._session.trust_env = False
    return client


async def test_mailguns_library_sends_what_we_send(fake: MailgunFake, library: Client) -> None:
    """The same letter through the library: the fake takes it for the same mail."""
    await _send(fake, mail_message())
    letter = fake.taken[0].message.encode()
    data = {"to": "Guest <guest@example.com>", "v:clarion": "msg_1"}
    reply = await asyncio.to_thread(
        library.mimemessage.create, data=data, files={"message": letter}, domain=MAIL_DOMAIN
    )
    assert reply.status_code == 200
    assert reply.json() == {"id": fake.taken[0].id, "message": "Queued. Thank you."}
    ours, theirs = fake.taken
    assert (theirs.to, theirs.sender, theirs.subject) == (ours.to, ours.sender, ours.subject)
    assert theirs.message == ours.message
    assert theirs.variables == {"clarion": "msg_1"}


async def test_mailguns_library_sends_parts_and_asks_for_events(fake: MailgunFake, library: Client) -> None:
    data = {"from": "Shop <shop@shop.example>", "to": "a@example.com, b@example.com", "subject": "Hi", "text": "Hi"}
    reply = await asyncio.to_thread(library.messages.create, data=data, domain=MAIL_DOMAIN)
    assert reply.status_code == 200
    id = reply.json()["id"].strip("<>")
    assert [taken.to for taken in fake.taken] == ["a@example.com", "b@example.com"]
    await fake.report(id, "delivered")
    found = await asyncio.to_thread(library.events.get, domain=MAIL_DOMAIN, filters={"message-id": id})
    (event,) = found.json()["items"]
    assert (event["event"], event["recipient"]) == ("delivered", "a@example.com")
    other = await asyncio.to_thread(library.events.get, domain=MAIL_DOMAIN, filters={"message-id": "none"})
    assert other.json()["items"] == []


async def test_mailguns_library_sets_webhooks(fake: MailgunFake, library: Client) -> None:
    hook = {"id": "delivered", "url": ["https://notify.example/v1/callbacks/mailgun/main"]}
    await asyncio.to_thread(library.domains_webhooks.create, domain=MAIL_DOMAIN, data=hook)
    assert fake.webhooks == {"delivered": hook["url"]}
    listed = await asyncio.to_thread(library.domains_webhooks.get, domain=MAIL_DOMAIN)
    assert listed.json() == {"webhooks": {"delivered": {"urls": hook["url"]}}}
    await asyncio.to_thread(library.domains_webhooks.delete, domain=MAIL_DOMAIN, webhook_name="delivered")
    assert fake.webhooks == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"to": "guest@refused.invalid"}, "to parameter is not a valid address. please check documentation"),
        ({"to": "no address"}, "to parameter is not a valid address. please check documentation"),
        ({"to": ""}, "to parameter is missing"),
        ({"from": ""}, "from parameter is missing"),
        ({"from": "nobody"}, "from parameter is not a valid address. please check documentation"),
        ({"text": ""}, "Need at least one of 'text' or 'html' parameters specified"),
        ({"to": ",".join(f"a{n}@example.com" for n in range(1_001))}, "Too many recipients, max is 1000"),
        (
            {"v:x": "x" * 17_000},
            "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total",
        ),
    ],
)
async def test_mailguns_library_reads_the_fakes_errors(library: Client, fields: dict[str, str], words: str) -> None:
    whole = {"from": "shop@shop.example", "to": "guest@example.com", "subject": "Hi", "text": "Hi"} | fields
    reply = await asyncio.to_thread(library.messages.create, data=whole, domain=MAIL_DOMAIN)
    assert (reply.status_code, reply.json()) == (400, {"message": words})


async def test_mailguns_library_is_told_what_a_mime_message_lacks(fake: MailgunFake, library: Client) -> None:
    async def said(data: dict[str, str], files: dict[str, bytes] | None) -> str:
        reply = await asyncio.to_thread(library.mimemessage.create, data=data, files=files, domain=MAIL_DOMAIN)
        assert reply.status_code == 400
        return str(reply.json()["message"])

    letter = b"From: shop@shop.example\r\n\r\nHi\r\n"
    assert await said({}, {"message": letter}) == "to parameter is missing"
    assert await said({"to": "a@example.com"}, {"other": letter}) == "message parameter is missing"
    both = {"to": "a@example.com", "message": "x"}
    assert await said(both, {"other": letter}) == "'message' parameter is not a file"
    assert "Expecting 'multipart/form-data'" in await said(both, None)
    nameless = {"message": "Grüße: x\r\n".encode() + letter}
    assert "Header name must be pure ASCII" in await said({"to": "a@example.com"}, nameless)
    assert fake.taken == []


async def test_mailguns_library_is_not_let_in_with_another_key(fake: MailgunFake) -> None:
    with _library(fake, "k" * 40) as stranger:
        data = {"from": "shop@shop.example", "to": "guest@example.com", "text": "Hi"}
        reply = await asyncio.to_thread(stranger.messages.create, data=data, domain=MAIL_DOMAIN)
        assert (reply.status_code, reply.text) == (401, "Forbidden")
    with _library(fake) as known:
        reply = await asyncio.to_thread(known.messages.create, data=data, domain="mg.other.example")
        assert (reply.status_code, reply.json()) == (404, {"message": "Domain not found: mg.other.example"})


@pytest.mark.parametrize(("key", "age_s"), [(SIGNING_KEY, 0), (SIGNING_KEY, 850), ("f" * 32, 0), (SIGNING_KEY, 950)])
async def test_mailguns_check_and_ours_believe_the_same(fake: MailgunFake, key: str, age_s: int) -> None:
    await _send(fake, mail_message())
    event = fake.taken[0].event("delivered")
    body, headers = callback(event, key, at=clock.now().timestamp() - age_s)
    signed = json.loads(body)["signature"]
    theirs = SecurityGuard.verify_webhook(SIGNING_KEY, signed["token"], signed["timestamp"], signed["signature"])
    (callbacks,) = open_callbacks([mailgun_account(callback_age="15m")]).values()
    try:
        ours = bool(callbacks.read(Callback(url="", headers=headers, body=body), clock.now()))
    except Forged:
        ours = False
    assert ours == theirs == (key == SIGNING_KEY and age_s < 900)
