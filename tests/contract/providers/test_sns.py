"""Amazon SNS: what goes over the wire, and that Amazon's own library gets on with the fake it is tried against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.providers_sms import ACCESS_KEY, AWS_SECRET, sns_account, text_message

from clarion.channels.base import Sms
from clarion.channels.kinds import kinds
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.sns import OPTED_OUT, REFUSED, Refusal, SnsFake, invalid
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain


@pytest.fixture
async def fake() -> AsyncIterator[SnsFake]:
    async with SnsFake(access_key=ACCESS_KEY, secret=AWS_SECRET) as fake:
        yield fake


async def _send(fake: SnsFake, item: Sms, **more: str) -> Outcome:
    provider = open_provider("sms", sns_account(base_url=fake.url, **more), "https://notify.example")
    try:
        (outcome,) = await provider.send([item])
    finally:
        await provider.close()
    return outcome


@pytest.mark.parametrize(
    ("own", "given", "attribute"),
    [
        ("", "", {}),
        ("Shop", "", {"AWS.SNS.SMS.SenderID": "Shop"}),
        ("Shop", "+447700900001", {"AWS.MM.SMS.OriginationNumber": "+447700900001"}),
        ("+447700900001", "Other", {"AWS.SNS.SMS.SenderID": "Other"}),
        ("12345", "", {"AWS.MM.SMS.OriginationNumber": "12345"}),
    ],
)
async def test_a_message_says_what_it_was_given(fake: SnsFake, own: str, given: str, attribute: dict[str, str]) -> None:
    item = text_message("+447700900000", "Grüße & 1+1=2 😀", sender=given)
    outcome = await _send(fake, item, **({"from": own} if own else {}))
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert (taken.to, taken.text) == ("+447700900000", "Grüße & 1+1=2 😀")
    assert taken.attributes == {"AWS.SNS.SMS.SMSType": "Transactional", **attribute}


async def test_it_may_cost_less(fake: SnsFake) -> None:
    assert isinstance(await _send(fake, text_message(), sms_type="promotional"), Sent)
    assert fake.taken[0].attributes == {"AWS.SNS.SMS.SMSType": "Promotional"}


async def test_who_opted_out_is_not_written_to_again(fake: SnsFake) -> None:
    outcome = await _send(fake, text_message(OPTED_OUT))
    assert isinstance(outcome, Reject)
    assert (outcome.code, outcome.feedback) == ("unsubscribed", Feedback.UNSUBSCRIBE)
    assert (
        outcome.reason == "HTTP 400, OptedOut: The phone number opted out of receiving SMS messages from your account."
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"secret_access_key": "x" * 40}, "SignatureDoesNotMatch: The request signature we calculated"),
        ({"access_key_id": "AKIA" + "0" * 16}, "InvalidClientTokenId: The security token included"),
        ({"region": "us-east-1"}, "scoped to a valid region"),
    ],
)
async def test_an_account_that_is_wrong_makes_everybody_wait(fake: SnsFake, more: dict[str, str], words: str) -> None:
    outcome = await _send(fake, text_message(), **more)
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    assert words in outcome.reason
    assert fake.taken == []


@pytest.mark.parametrize(
    ("refusal", "kind", "code"),
    [
        (Refusal(400, "Throttled", "Rate exceeded"), Retry, timedelta(seconds=5)),
        (Refusal(400, "ThrottledException", "Rate exceeded"), Retry, timedelta(seconds=5)),
        (Refusal(403, "AuthorizationError", "not authorized to perform: SNS:Publish"), Retry, timedelta(minutes=1)),
        (Refusal(403, "OptInRequired", "words"), Retry, timedelta(minutes=1)),
        (Refusal(400, "RequestExpired", "words"), Retry, timedelta(minutes=1)),
        (invalid("PhoneNumber", "<+1> is not valid"), Reject, "invalid_recipient"),
        (invalid("MessageAttributes", "AWS.SNS.SMS.SenderID x is not valid"), Reject, "sender_refused"),
        (invalid("Message", "Message too long"), Reject, "too_large"),
        (invalid("Message", "Empty message"), Reject, "rejected"),
        (Refusal(400, "ParameterValueInvalid", "words"), Reject, "rejected"),
        (Refusal(400, "KMSDisabled", "words"), Reject, "rejected"),
        (Refusal(500, "InternalError", "words"), Uncertain, None),
        (Refusal(503, "ServiceUnavailable", "words"), Retry, None),
    ],
    ids=lambda given: given.code if isinstance(given, Refusal) else "",
)
async def test_each_code_comes_to_something(fake: SnsFake, refusal: Refusal, kind: type, code: object) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=refusal.status, body=refusal.body()))
    outcome = await _send(fake, text_message())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Reject):
        assert outcome.code == code
    if isinstance(outcome, Retry):
        assert (outcome.after, outcome.pause_provider) == (code, code is not None)
    assert f"HTTP {refusal.status}, {refusal.code}: {refusal.words}" in str(outcome)


def test_sns_tells_nothing_later() -> None:
    assert kinds()["sns"].callbacks is None


def _library(fake: SnsFake, **more: str) -> Any:
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": AWS_SECRET, "region_name": "eu-west-1"}
    once = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client("sns", endpoint_url=fake.url, config=once, **keys | more)


async def test_amazons_library_publishes(fake: SnsFake) -> None:
    client = _library(fake)
    attributes = {"AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "Shop"}}
    asked: dict[str, Any] = {"PhoneNumber": "+447700900000", "Message": "Hi 😀", "MessageAttributes": attributes}
    answer = await asyncio.to_thread(client.publish, **asked)
    (taken,) = fake.taken
    assert (answer["MessageId"], taken.to, taken.text) == (taken.id, "+447700900000", "Hi 😀")
    assert taken.attributes == {"AWS.SNS.SMS.SenderID": "Shop"}
    client.close()


@pytest.mark.parametrize(
    ("fields", "login", "code"),
    [
        ({"PhoneNumber": REFUSED}, {}, "InvalidParameter"),
        ({"PhoneNumber": OPTED_OUT}, {}, "OptedOut"),
        ({"Message": "x" * 1_601}, {}, "InvalidParameter"),
        ({}, {"aws_secret_access_key": "x" * 40}, "SignatureDoesNotMatch"),
        ({}, {"aws_access_key_id": "AKIAOTHER"}, "InvalidClientTokenId"),
        ({}, {"region_name": "us-east-1"}, "SignatureDoesNotMatch"),
    ],
)
async def test_amazons_library_reads_the_fakes_errors(
    fake: SnsFake, fields: dict[str, str], login: dict[str, str], code: str
) -> None:
    client = _library(fake, **login)
    asked = {"PhoneNumber": "+447700900000", "Message": "Hi"} | fields
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(client.publish, **asked)
    assert caught.value.response["Error"]["Code"] == code
    client.close()
    assert fake.taken == []
