"""What a preview says of words: how much they are, and what their author should look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.support.chats import discord_account, telegram_account

from clarion.channels.kinds import kinds
from clarion.domain.content import ChatButton, ChatContent, ChatField, EmailContent, PushContent, SmsContent
from clarion.domain.preview import size_of, warnings_of
from clarion.domain.push_size import MOST_BYTES, measure
from clarion.domain.webhook_body import MOST_BYTES as MOST_POSTED
from clarion.domain.workflow import Channel
from clarion.flows.preview_reach import Place, Ways

BOT, CLUB = telegram_account(), discord_account()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Olá, Olá", "á (U+00E1) is not in"),
        ("“x” \u2013 y", "“ (U+201C), ” (U+201D), \u2013 (U+2013) are not in"),
        ("a\u200bb\u00a0c", "U+200B (zero width space), U+00A0 (no-break space) are not in"),
        ("e\u0301 \x01", "U+0301 (combining acute accent), U+0001 (a control character) are not in"),
        ("😀", "😀 (U+1F600) is not in"),
        ("日月火水木金土", "日 (U+65E5), 月 (U+6708), 火 (U+706B), 水 (U+6C34), 木 (U+6728) and 2 more are not in"),
    ],
)
def test_what_makes_a_text_message_longer_is_named(text: str, named: str) -> None:
    (warning,) = warnings_of(SmsContent(text=text))
    assert warning == f"{named} the GSM alphabet, so that one segment has 70 characters, not 160"


def test_a_text_in_the_gsm_alphabet_needs_no_warning() -> None:
    assert warnings_of(SmsContent(text="Grüße: {1} €")) == []


def test_what_a_mail_lacks_or_has_too_much_of_is_told() -> None:
    assert warnings_of(EmailContent(subject="Hello", html=None, text="x")) == []
    assert warnings_of(EmailContent(subject=" ", html="<p>x</p>", text=" ")) == [
        "the subject is empty",
        "it has no text: programs that show no HTML show nothing",
    ]
    long, clipped = warnings_of(EmailContent(subject="x" * 79, html="x" * 104_449, text="x"))
    assert long.startswith("the subject has 79 characters")
    assert clipped == "the HTML has 104,449 bytes; Gmail shows no more than 104,448"


def test_a_webhook_that_is_nearly_full_is_told() -> None:
    def body(size: int) -> dict[str, Any]:
        return {"data": "x" * (size - len('{"data":""}'))}

    assert size_of(body(1_000)) == {"bytes": 1_000, "most_bytes": MOST_POSTED}
    assert warnings_of(body(200_000)) == []
    (near,), (over,) = warnings_of(body(250_000)), warnings_of(body(MOST_POSTED + 1))
    assert near == "its body has 250,000 bytes; of more than 262,144 none is posted"
    assert over == "its body has 262,145 bytes; of more than 262,144 none is posted"


def test_fields_and_buttons_count_in_a_chat_message() -> None:
    card = {"fields": (ChatField(label="a", value="b"),), "buttons": (ChatButton(text="c", url="https://d.example"),)}
    assert size_of(ChatContent(text="x", title="y", **card)) == {"characters": 2 + len("a: b" + "c: https://d.example")}  # type: ignore[arg-type]


def _ways(**carriers: list[str]) -> Ways:
    return Ways(kinds=kinds(), accounts=[BOT, CLUB], carriers=carriers)


def _warnings(ways: Ways, channel: Channel, content: Any, *places: Place) -> list[str]:
    return list(ways.warnings(channel, places, content))


def test_what_one_provider_does_not_take_is_told_of_those_that_are_meant() -> None:
    ways, long = _ways(chat=[BOT.label, CLUB.label]), ChatContent(text="x" * 2_001)
    discord, telegram = Place("c1", "discord"), Place("c2", "telegram")
    told = "discord does not take it: it has more than 2,000 characters, with its title and what keeps it from being "
    told += "markup"
    assert _warnings(ways, Channel.CHAT, long, discord, telegram, discord) == [told]
    assert _warnings(ways, Channel.CHAT, long, telegram) == []
    assert _warnings(ways, Channel.CHAT, long) == [told], "who has no chat yet may have one at any account"
    both = _warnings(ways, Channel.CHAT, ChatContent(text="x" * 4_097), telegram, discord)
    assert [one.partition(" ")[0] for one in both] == ["telegram", "discord"]


def test_a_kind_that_cannot_say_takes_nothing_from_the_preview() -> None:
    def raises(content: ChatContent) -> str | None:
        raise KeyError(content.text)

    broken = {**kinds(), "discord": replace(kinds()["discord"], too_large=raises)}
    ways = Ways(kinds=broken, accounts=[BOT, CLUB], carriers={"chat": [BOT.label, CLUB.label]})
    places, long = (Place("c1", "discord"), Place("c2", "telegram")), ChatContent(text="x" * 4_097)
    with capture_logs() as logs:
        (told,) = _warnings(ways, Channel.CHAT, long, *places)
    assert told.startswith("telegram does not take it: ")
    assert logs == [{"event": "preview.kind_failed", "kind": "discord", "error": "KeyError", "log_level": "warning"}]


def test_browsers_are_given_less_than_others() -> None:
    content = PushContent(title="t", body="x" * 3_900)
    assert measure(content) <= MOST_BYTES, "all channels take it"
    (warning,) = _warnings(_ways(), Channel.PUSH, content, Place("d1", "webpush"), Place("d2", "fcm"))
    assert warning.startswith("webpush does not take it: a message of 4,0") and "given 3,993" in warning


def test_where_no_account_reaches_it_waits() -> None:
    ways, text = _ways(chat=[BOT.label], push=[], sms=[]), ChatContent(text="x")
    (none,) = _warnings(ways, Channel.CHAT, text, Place("c1", "discord"), Place("c2", "telegram"))
    assert none.startswith("no provider is configured for chats of discord: add a table") and none.endswith("it waits")
    (other,) = _warnings(ways, Channel.CHAT, text, Place("c1", "telegram", "spare"), Place("c2", "telegram", "bot"))
    assert "it is for the account spare" in other
    (device,) = _warnings(ways, Channel.PUSH, PushContent(title="t", body="b"), Place("d1", "fcm"))
    assert "devices of fcm" in device
    (sms,) = _warnings(ways, Channel.SMS, SmsContent(text="x"))
    assert sms.startswith("no account carries text messages")
    assert _warnings(_ways(), Channel.SMS, SmsContent(text="x")) == [], "what is not known is not said"
