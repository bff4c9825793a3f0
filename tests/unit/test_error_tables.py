"""What providers say in words and codes of their own, as they write it, and what it comes to: no server is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from clarion import clock
from clarion.channels.chat import discord_answer, slack_answer, telegram_answer
from clarion.channels.email import mailgun_answer, postmark_answer, resend_answer, ses_answer
from clarion.channels.push import webpush_answer
from clarion.channels.sms import twilio_answer, vonage_answer
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry
from clarion.http.reply import Reply

MINUTE = timedelta(minutes=1)
WEBHOOK = "https://discord.com/api/v10/webhooks/223704706495545344/s3cret"
SANDBOX = "Domain sandbox0123456789abcdef0123456789abcdef.mailgun.org is not allowed to send"

READ: Mapping[str, Callable[[Reply], Outcome]] = {
    "discord": lambda reply: discord_answer.outcome_of(reply, "t0ken", webhook=False, own=False),
    "discord webhook": lambda reply: discord_answer.outcome_of(reply, WEBHOOK, webhook=True, own=False),
    "mailgun": lambda reply: mailgun_answer.outcome_of(reply, clock.now()),
    "postmark": postmark_answer.outcome_of,
    "resend": resend_answer.outcome_of,
    "ses": ses_answer.outcome_of,
    "slack webhook": lambda reply: slack_answer.of_hook(reply, "https://hooks.slack.com/services/x", own=False),
    "telegram": lambda reply: telegram_answer.outcome_of(reply, "-100123", "1:t0ken"),
    "twilio": twilio_answer.outcome_of,
    "vonage": vonage_answer.outcome_of,
    "webpush": lambda reply: webpush_answer.outcome_of(reply, "https://push.example/x", "msg_1"),
}


def _told(provider: str, status: int, body: object, **headers: str) -> Outcome:
    octets = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    after = timedelta(seconds=int(headers["retry_after"])) if "retry_after" in headers else None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return READ[provider](Reply(status=status, headers=named, body=octets, retry_after=after))


def _vonage(status: str, words: str) -> object:
    return {"message-count": "1", "messages": [{"status": status, "error-text": words}]}


@pytest.mark.parametrize(
    ("provider", "status", "body"),
    [
        ("twilio", 400, {"code": 90010, "message": "Account is not active"}),
        ("twilio", 400, {"code": 10001, "message": "Account is not active"}),
        ("twilio", 201, {"sid": "SM" + "0" * 32, "status": "failed", "error_code": 30002}),
        ("twilio", 429, {"code": 63038, "message": "Account exceeded the 50 daily messages limit"}),
        ("twilio", 400, {"code": 63038, "message": "Account exceeded the 50 daily messages limit"}),
        ("resend", 400, {"name": "validation_error", "message": "API key is invalid"}),
        ("resend", 401, {"name": "validation_error", "message": "API key is invalid"}),
        ("resend", 403, {"name": "invalid_api_key", "message": "API key is invalid."}),
        ("resend", 403, {"name": "validation_error", "message": "something new"}),
        ("postmark", 422, {"ErrorCode": 422, "Message": "Invalid Server or Account."}),
        ("postmark", 422, {"ErrorCode": 1480, "Message": "You are not authorized to send from your IP address"}),
        ("ses", 400, {"__type": "MessageRejected", "message": "Sending paused for this account. For more"}),
        ("ses", 400, {"__type": "MessageRejected", "message": "Sending suspended for this account."}),
        ("ses", 400, {"__type": "MessageRejected", "message": "Account is paused"}),
        ("telegram", 400, {"ok": False, "error_code": 400, "description": "Bad Request: FROZEN_METHOD_INVALID"}),
        ("discord", 403, {"code": 40333, "message": "internal network error"}),
        ("discord", 403, {"code": 50025, "message": "Invalid OAuth2 access token provided"}),
    ],
)
def test_what_is_wrong_with_the_account_burns_no_message(provider: str, status: int, body: object) -> None:
    outcome = _told(provider, status, body)
    assert isinstance(outcome, Retry), outcome
    assert (outcome.after, outcome.pause_provider) == (MINUTE, True)


@pytest.mark.parametrize(
    ("provider", "status", "body"),
    [
        ("twilio", 400, {"code": 21608, "message": "The number is unverified."}),
        ("twilio", 400, {"code": 572005, "message": "Destination number has not completed verification"}),
        ("vonage", 200, _vonage("29", "Non White-listed Destination")),
        ("mailgun", 400, {"message": f"{SANDBOX}: Free accounts are for test purposes only. Please upgrade or add"}),
        (
            "mailgun",
            403,
            {
                "message": f"{SANDBOX}: Sandbox subdomains are for test purposes only. "
                "Please add your own domain or add the address to authorized recipients in Account Settings."
            },
        ),
        ("postmark", 422, {"ErrorCode": 412, "Message": "While your account is pending approval, all recipient …"}),
        (
            "resend",
            403,
            {
                "name": "validation_error",
                "message": "You can only send testing emails to your own email address (a@shop.example). To send "
                "emails to other recipients, please verify a domain, and change the `from` address to one of it.",
            },
        ),
    ],
)
def test_whom_an_account_on_trial_may_not_write_to_holds_up_nobody(provider: str, status: int, body: object) -> None:
    outcome = _told(provider, status, body)
    assert isinstance(outcome, Reject), outcome
    assert (outcome.code, outcome.feedback) == ("destination_refused", None)


@pytest.mark.parametrize(
    ("provider", "status", "body"),
    [
        *(("twilio", 400, {"code": code}) for code in (21601, 21616, 21659, 21660, 21703, 21704)),
        (
            "resend",
            403,
            {"name": "validation_error", "message": "The shop.example domain is not verified. Please, add"},
        ),
    ],
)
def test_another_account_is_asked_where_the_sender_is_not_this_ones(provider: str, status: int, body: object) -> None:
    outcome = _told(provider, status, body)
    assert isinstance(outcome, Reject), outcome
    assert (outcome.code, outcome.feedback) == ("sender_refused", None)


@pytest.mark.parametrize(
    ("provider", "status", "body"),
    [
        ("telegram", 400, {"ok": False, "description": "Bad Request: CHANNEL_PRIVATE"}),
        ("telegram", 400, {"ok": False, "description": "Bad Request: USER_IS_BOT"}),
        ("telegram", 403, {"ok": False, "description": "Forbidden: bot was kicked from the channel chat"}),
        ("telegram", 403, {"ok": False, "description": "Forbidden: bot is not a member of the group chat"}),
        ("telegram", 403, {"ok": False, "description": "Forbidden: the group chat was deleted"}),
        ("telegram", 400, {"ok": False, "description": "Bad Request: private chat not found"}),
        ("slack webhook", 403, "team_disabled"),
        ("slack webhook", 400, "team_disabled"),
        ("discord webhook", 404, {"code": 10015, "message": "Unknown Webhook"}),
    ],
)
def test_a_chat_that_is_gone_is_disabled(provider: str, status: int, body: object) -> None:
    outcome = _told(provider, status, body)
    assert isinstance(outcome, Reject), outcome
    assert (outcome.code, outcome.feedback) == ("invalid_recipient", Feedback.DEAD_TOKEN)


@pytest.mark.parametrize("code", [40058, 40067, 50009, 220001])
def test_a_forum_of_discord_may_be_mended_by_somebody_there(code: int) -> None:
    for provider in ("discord", "discord webhook"):
        outcome = _told(provider, 400, {"code": code, "message": "no"})
        assert isinstance(outcome, Reject)
        assert (outcome.code, outcome.feedback) == ("destination_refused", None)


@pytest.mark.parametrize(
    ("provider", "status", "body", "after", "everybody"),
    [
        ("vonage", 200, _vonage("1", "Throughput Rate Exceeded - please wait [ 250 ] and retry"), 0.25, True),
        ("vonage", 200, _vonage("1", "Throughput Rate Exceeded - please wait [ 0 ] and retry"), 5, True),
        ("vonage", 200, _vonage("1", "Throttled"), 5, True),
        ("webpush", 406, "", 5, False),
        ("webpush", 429, "", 5, False),
        ("resend", 429, {"name": "daily_quota_exceeded", "message": "words"}, 60, True),
        ("twilio", 429, {"code": 63038, "message": "Account exceeded the 50 daily messages limit"}, 60, True),
        ("ses", 400, {"__type": "TooManyRequestsException", "message": "Daily message quota exceeded."}, 60, True),
        ("discord", 400, {"code": 20028, "message": "The write action has hit the write rate limit"}, 5, False),
        ("discord", 403, {"code": 40006, "message": "temporarily disabled server-side"}, None, False),
    ],
)
def test_who_is_busy_says_so_in_its_own_way(
    provider: str, status: int, body: object, after: float | None, everybody: bool
) -> None:
    outcome = _told(provider, status, body)
    assert isinstance(outcome, Retry), outcome
    assert (outcome.after, outcome.pause_provider) == (after and timedelta(seconds=after), everybody)
    assert outcome.blameless or after is None
    asked = _told(provider, status, body, retry_after="30")
    assert isinstance(asked, Retry)
    assert asked.after == timedelta(seconds=30)
