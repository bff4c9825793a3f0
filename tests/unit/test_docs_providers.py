"""The pages about providers say what the source says, and what they show works."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from tests.support.docs import blocks, page, rows, section
from tests.support.endpoint import EndpointServer, status
from tests.support.providers import text_message

from clarion.channels.account import Account, Kind
from clarion.channels.chat import discord_answer, slack_answer, teams_answer
from clarion.channels.email import (
    mailgun_answer,
    mailgun_events,
    postmark_answer,
    postmark_callbacks,
    resend_answer,
    resend_callbacks,
    sendgrid_callbacks,
    ses_answer,
    ses_events,
)
from clarion.channels.kinds import kinds
from clarion.channels.push import apns_answer, expo_answer, fcm_answer
from clarion.channels.sms import sns_answer, twilio_answer, vonage_answer, vonage_callbacks
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, LOCKED_OUT
from clarion.http.progress import MOST_READ

PROVIDERS = page("reference/providers.md")
WRITE = page("how-to/write-a-provider.md")


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_every_setting_of_every_kind_is_told(kind: Kind) -> None:
    told = rows(section(PROVIDERS, f"`{kind.name}`"))
    assert kind.says[1:] in PROVIDERS.replace("\n", " ")
    for option in kind.options:
        default = "must be given" if option.required else f"`{option.default}`" if option.default else "none"
        assert [option.key, default, option.says] in told, f"| `{option.key}` | {default} | {option.says} |"


def test_every_code_of_twilio_that_is_known_is_told() -> None:
    answers = section(PROVIDERS, "`twilio`")
    assert [code for code in twilio_answer._KNOWN if str(code) not in answers] == []


def test_every_reason_of_mailgun_that_is_known_is_told() -> None:
    told = section(PROVIDERS, "`mailgun`")
    known = [*mailgun_events._PLAIN, *mailgun_events._NOT_TRIED, "old", "bounce"]
    assert [word for word in known if f"`{word}`" not in told] == []
    words = (mailgun_answer._RECIPIENT, mailgun_answer._SENDER, mailgun_answer._NOT_ALLOWED)
    assert [one for one in words if one not in told] == []


def test_every_code_and_type_of_postmark_that_is_known_is_told() -> None:
    told = section(PROVIDERS, "`postmark`")
    assert [code for code in postmark_answer._KNOWN if str(code) not in told] == []
    types = [name for name, meaning in postmark_callbacks._BOUNCES.items() if meaning is not None]
    assert [name for name in types if name not in ("Unsubscribe",) and f"`{name}`" not in told] == []


def test_every_code_of_fcm_that_is_known_is_told() -> None:
    answers = section(PROVIDERS, "`fcm`")
    assert [code for code in fcm_answer.KNOWN if f"`{code}`" not in answers] == []


def test_every_reason_of_apns_that_is_known_is_told() -> None:
    answers = section(PROVIDERS, "`apns`")
    assert [reason for reason in apns_answer.KNOWN if f"`{reason}`" not in answers] == []


def test_every_error_of_expo_that_is_known_is_told() -> None:
    answers = section(PROVIDERS, "`expo`")
    assert [error for error in expo_answer.KNOWN if f"`{error}`" not in answers] == []


def test_every_name_and_event_of_resend_that_is_known_is_told() -> None:
    told = section(PROVIDERS, "`resend`")
    names = {resend_answer._OTHER_WORDS, resend_answer._AT_ONCE, resend_answer._FROM, *resend_answer._KEYS}
    known = (
        names
        | resend_answer._QUOTAS
        | {kind.removeprefix("email.") for kind in resend_callbacks._PLAIN}
        | resend_callbacks._SOFT
    )
    assert [name for name in known if f"`{name}`" not in told] == []


def test_every_event_of_sendgrid_that_is_known_is_told() -> None:
    told = section(PROVIDERS, "`sendgrid`")
    assert [kind for kind in sendgrid_callbacks._PLAIN if f"`{kind}`" not in told] == []
    assert [why for why in sendgrid_callbacks._DROPPED if why not in told] == []


def test_every_name_and_event_of_ses_that_is_known_is_told() -> None:
    told = section(PROVIDERS, "`ses`")
    names = ses_answer.PAUSED | ses_answer.LIMITED | ses_answer.SENDER | ses_answer.OF_THE_MAIL
    known = names | ses_events.SOFT | {*ses_events.PLAIN, *ses_events.NOT_TRIED, ses_answer.NOT_VERIFIED}
    assert [name for name in known if f"`{name}`" not in told] == []


def test_every_status_and_code_of_vonage_that_is_known_is_told() -> None:
    told = section(PROVIDERS, "`vonage`")
    first = " ".join(line.split("|")[1] for line in told.splitlines() if re.match(r"\| [0-9]", line))
    cells = set(re.findall(r"[0-9]+", first))
    assert [status for status in vonage_answer.KNOWN if status not in cells] == []
    assert [code for code, (_, feedback) in vonage_callbacks.CODES.items() if feedback and code not in cells] == []
    assert [status for status in vonage_callbacks.STATUSES if f"`{status}`" not in told] == []


def test_what_sns_says_of_a_message_is_told() -> None:
    told = section(PROVIDERS, "`sns`")
    assert [code for code in ("OptedOut", "InvalidParameter") if f"`{code}`" not in told] == []
    assert {"OptedOut", "InvalidParameter"} <= sns_answer.OPTED_OUT | sns_answer.PARAMETERS


def test_every_error_of_chats_that_is_known_is_told() -> None:
    slack = section(PROVIDERS, "`slack`")
    known = slack_answer.GONE | slack_answer.NOT_ALLOWED | slack_answer.ACCOUNT | slack_answer.BUSY | slack_answer.AWAY
    assert [one for one in known | slack_answer.UNSURE | slack_answer.TOO_LONG if f"`{one}`" not in slack] == []
    discord = section(PROVIDERS, "`discord`")
    codes = discord_answer.GONE | discord_answer.NOT_ALLOWED | discord_answer.ACCOUNT | discord_answer.AWAY
    assert [one for one in codes if str(one) not in discord] == []
    teams = section(PROVIDERS, "`teams`")
    assert [one for one in teams_answer.GONE if f"`{one}`" not in teams] == []


def test_the_lengths_are_those_of_the_source() -> None:
    assert (timedelta(seconds=5), timedelta(minutes=1), 64 * 1024) == (BUSY, LOCKED_OUT, MOST_READ)


def _shown() -> Kind:
    (source,) = blocks(WRITE, "python")
    assert len([line for line in source.splitlines() if line]) < 60
    found: dict[str, Any] = {}
    exec(compile(source, "write-a-provider.md", "exec"), found)
    kind = found["CARRIER"]
    assert isinstance(kind, Kind)
    return kind


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (200, b'{"id": "c1"}', Sent("c1")),
        (200, b"OK", Uncertain("it was taken, and has no id")),
        (422, b'{"error": "unknown_number"}', Reject("nobody has this number", code="invalid_recipient")),
        (500, b"", Retry("HTTP 500")),
        (400, b"no", Reject("HTTP 400: no")),
    ],
)
async def test_the_provider_that_is_shown_works(code: int, body: bytes, expected: Outcome) -> None:
    kind = _shown()
    async with EndpointServer(answer=status(code, body=body)) as server:
        values = {"token": "t0ken", "from": "Shop", "base_url": f"http://127.0.0.1:{server.port}"}
        provider = kind.open(Account(name="main", kind=kind, values=values))
        outcomes = await provider.send([text_message()])
        await provider.close()
        assert outcomes == [expected]
        assert server.posted[0].line == "POST /v2/messages HTTP/1.1"
        assert server.posted[0].headers["authorization"] == "Bearer t0ken"
