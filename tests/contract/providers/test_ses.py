"""Amazon SES: what goes over the wire, and that Amazon's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.dkim import a_signer, both, verified
from tests.support.providers import ACCESS_KEY, AWS_SECRET, TOPIC, mail_message, ses_account, ses_fake

from clarion import clock
from clarion.channels.base import Email
from clarion.channels.email.ses import Ses
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.ses import SesFake
from clarion.domain.content import EmailContent
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain


@pytest.fixture
async def fake() -> AsyncIterator[SesFake]:
    async with ses_fake(configuration_sets=("events",)) as fake:
        yield fake


async def _send(fake: SesFake, mail: Email, **more: str) -> Outcome:
    provider = Ses(ses_account(base_url=fake.url, **more))
    try:
        (outcome,) = await provider.send([mail])
    finally:
        await provider.close()
    return outcome


async def test_a_mail_arrives_as_we_wrote_it(fake: SesFake) -> None:
    content = EmailContent(subject="Grüße 😀", html="<p>Größe</p>", text="Größe\n.\n")
    mail = mail_message(to_name="Jörg", content=content, headers=(("X-Order", "7"),))
    outcome = await _send(fake, mail, configuration_set="events")
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert taken.to == ["guest@example.com"]
    assert taken.tags == {"clarion": [f"msg_{mail.message_id.hex}"]}
    assert taken.message.isascii()
    read = email.message_from_string(taken.message, policy=email.policy.default)
    assert (read["subject"], read["x-order"]) == (content.subject, "7")
    assert {"name": "Message-ID", "value": f"<msg_{mail.message_id.hex}@shop.example>"} in taken.headers
    assert read["message-id"] == f"<{taken.id}@eu-west-1.amazonses.com>", "SES writes its own over ours"
    assert read["to"].addresses[0].display_name == "Jörg"


async def test_what_is_signed_is_still_right_when_ses_has_written_its_own_date_and_id(fake: SesFake) -> None:
    provider = Ses(replace(ses_account(base_url=fake.url), signer=a_signer("shop.example")))
    (outcome,) = await provider.send([mail_message(text="Grüße \n.\n\n")])
    await provider.close()
    assert isinstance(outcome, Sent)
    assert verified(fake.taken[0].message.encode(), both("shop.example")) == [True, True]


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
async def test_what_cannot_be_sent_is_not_even_asked_for(fake: SesFake, mail: Email, code: str) -> None:
    outcome = await _send(fake, mail)
    assert isinstance(outcome, Reject)
    assert outcome.code == code
    assert fake.asked == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"secret_access_key": "x" * 40}, "InvalidSignatureException: The request signature we calculated"),
        ({"access_key_id": "AKIA" + "0" * 16}, "UnrecognizedClientException: The security token included"),
        ({"region": "us-east-1", "topic_arn": TOPIC.replace("eu-west-1", "us-east-1")}, "scoped to a valid region"),
        ({"configuration_set": "unknown"}, "NotFoundException: Configuration set <unknown> does not exist."),
    ],
)
async def test_an_account_that_is_wrong_makes_everybody_wait(fake: SesFake, more: dict[str, str], words: str) -> None:
    outcome = await _send(fake, mail_message(), **more)
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert words in outcome.reason
    assert fake.taken == []


async def test_a_clock_that_is_wrong_makes_everybody_wait(fake: SesFake, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now
    monkeypatch.setattr("clarion.dev.fakes.aws_login.clock.now", lambda: now() + timedelta(hours=1))
    late = "clarion.channels.email.ses.clock"
    monkeypatch.setattr(late, type("Late", (), {"now": staticmethod(now)}))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, Retry)
    assert "Signature expired" in outcome.reason


@pytest.mark.parametrize(
    ("status", "name", "words", "kind", "code"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", Retry, timedelta(seconds=5)),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", Retry, timedelta(minutes=1)),
        (400, "ThrottlingException", "Rate exceeded", Retry, timedelta(seconds=5)),
        (400, "LimitExceededException", "words", Retry, timedelta(minutes=1)),
        (400, "AccountSuspendedException", "words", Retry, timedelta(minutes=1)),
        (400, "SendingPausedException", "words", Retry, timedelta(minutes=1)),
        (400, "ExpiredTokenException", "words", Retry, timedelta(minutes=1)),
        (400, "MailFromDomainNotVerifiedException", "words", Reject, "sender_refused"),
        (400, "MessageRejected", "Email address is not verified. x", Reject, "sender_refused"),
        (400, "MessageRejected", "Address contains illegal words", Reject, "rejected"),
        (400, "BadRequestException", "Missing final '@domain'", Reject, "invalid_recipient"),
        (400, "BadRequestException", "Message length is too large", Reject, "too_large"),
        (400, "BadRequestException:http://internal.amazon.com/", "Invalid tag", Reject, "rejected"),
        (500, "InternalFailure", "words", Uncertain, None),
        (500, "TooManyRequestsException", "words", Uncertain, None),
    ],
)
async def test_each_name_comes_to_something(
    fake: SesFake, status: int, name: str, words: str, kind: type, code: object
) -> None:
    headers = {"x-amzn-errortype": name}
    fake.faults.add(Fault(how=How.ANSWER, status=status, headers=headers, body=json.dumps({"message": words})))
    outcome = await _send(fake, mail_message())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Reject):
        assert outcome.code == code
    if isinstance(outcome, Retry):
        assert (outcome.after, outcome.pause_provider) == (code, True)
    assert f"{name.partition(':')[0]}: {words}" in str(outcome)


def _library(fake: SesFake, **more: str) -> Any:
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": AWS_SECRET, "region_name": "eu-west-1"}
    once = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client("sesv2", endpoint_url=fake.url, config=once, **keys | more)


RAW = b"From: shop@shop.example\r\nTo: a@example.com\r\nSubject: Hi\r\n\r\nHi\r\n"


async def test_amazons_library_sends(fake: SesFake) -> None:
    client = _library(fake)
    asked: dict[str, Any] = {"Content": {"Raw": {"Data": RAW}}, "Destination": {"ToAddresses": ["a@example.com"]}}
    tags: dict[str, Any] = {"EmailTags": [{"Name": "clarion", "Value": "x"}], "ConfigurationSetName": "events"}
    answer = await asyncio.to_thread(client.send_email, **asked, **tags)
    (taken,) = fake.taken
    assert (answer["MessageId"], taken.to, taken.subject) == (taken.id, ["a@example.com"], "Hi")
    assert taken.tags == {"clarion": ["x"]}
    client.close()


@pytest.mark.parametrize(
    ("change", "raw", "name", "words"),
    [
        ({}, RAW.replace(b"shop.example", b"other.example"), "MessageRejected", "Email address is not verified."),
        ({"Destination": {"ToAddresses": ["nobody"]}}, RAW, "BadRequestException", "Missing final '@domain'"),
        ({"ConfigurationSetName": "other"}, RAW, "NotFoundException", "does not exist"),
        ({"EmailTags": [{"Name": "a b", "Value": "x"}]}, RAW, "BadRequestException", "Invalid tag"),
        ({}, b"no mail", "BadRequestException", "Missing required header"),
    ],
)
async def test_amazons_library_reads_the_fakes_errors(
    fake: SesFake, change: dict[str, Any], raw: bytes, name: str, words: str
) -> None:
    client = _library(fake)
    asked: dict[str, Any] = {"Content": {"Raw": {"Data": raw}}, "Destination": {"ToAddresses": ["a@example.com"]}}
    with pytest.raises(getattr(client.exceptions, name)) as caught:
        await asyncio.to_thread(client.send_email, **asked | change)
    assert words in caught.value.response["Error"]["Message"]
    client.close()
    assert fake.taken == []


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"aws_secret_access_key": "x" * 40}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIAOTHER"}, "UnrecognizedClientException"),
        ({"region_name": "us-east-1"}, "InvalidSignatureException"),
    ],
)
async def test_amazons_library_is_not_let_in_otherwise(fake: SesFake, more: dict[str, str], name: str) -> None:
    client = _library(fake, **more)
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(client.send_email, Content={"Raw": {"Data": RAW}})
    assert caught.value.response["Error"]["Code"] == name
    client.close()
