"""Cards of chat messages as each provider is given them: what cannot be shown as a field or button stands as text."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.channels.chat import discord_message, slack_message, teams_message, telegram_message
from clarion.channels.kinds import kinds
from clarion.dev.fakes.chat_message import buttons_of, words_of
from clarion.dev.fakes.discord_rules import shown
from clarion.domain.card import LONGEST, MOST_BUTTONS, MOST_FIELDS, has_full_host
from clarion.domain.content import ChatButton, ChatContent, ChatField

OPEN = ChatButton(text="Open", url="https://shop.example/1")
LOCAL = ChatButton(text="Here", url="http://localhost:3000/")
LONG = ChatButton(text="Long", url="https://shop.example/" + "x" * 600)
CARD = ChatContent(
    text="It is *ready*.",
    title="Order 1",
    fields=(
        ChatField(label="Room", value="2"),
        ChatField(label="Beds", value="2"),
        ChatField(label="Note", value="a\n**b**"),
    ),
    buttons=(OPEN, LOCAL, LONG),
)
#: As large as every limit allows, without a character that has to be escaped.
LARGEST = ChatContent(
    text="x",
    fields=tuple(ChatField(label="l" * LONGEST["label"], value="v" * 100) for _ in range(MOST_FIELDS)),
    buttons=tuple(
        ChatButton(text="t" * LONGEST["text"], url="https://x.example/".ljust(500, "x")) for _ in range(MOST_BUTTONS)
    ),
)


def test_what_discord_makes_no_button_of_is_a_link() -> None:
    body = discord_message.body_of(CARD)
    assert body["components"] == [
        {"type": 1, "components": [{"type": 2, "style": 5, "label": "Open", "url": OPEN.url}]}
    ]
    assert body["content"].splitlines()[2:] == [f"[Here](<{LOCAL.url}>)", f"[Long](<{LONG.url}>)"]
    fields = body["embeds"][0]["fields"]
    assert fields[2] == {"name": "Note", "value": "a\n\\*\\*b\\*\\*", "inline": False}
    assert [one["inline"] for one in fields] == [True, True, False]
    assert "components" not in discord_message.body_of(ChatContent(text="x", buttons=(LOCAL,)))


def test_labels_at_telegram_are_bold_by_entities_whatever_stands_before_them() -> None:
    content = ChatContent(text="x", title="😀", fields=CARD.fields, buttons=CARD.buttons)
    body = telegram_message.body_of(content)
    assert body["text"] == "😀\nx\n\nRoom: 2\nBeds: 2\nNote: a\n**b**\nHere: http://localhost:3000/"
    units = body["text"].encode("utf-16-le")
    bold = [units[2 * one["offset"] : 2 * (one["offset"] + one["length"])] for one in body["entities"]]
    assert [one.decode("utf-16-le") for one in bold] == ["😀", "Room:", "Beds:", "Note:"]
    keyboard = body["reply_markup"]["inline_keyboard"]
    assert keyboard == [[{"text": one.text, "url": one.url}] for one in (OPEN, LONG)]


def test_only_hosts_that_are_whole_make_buttons() -> None:
    for url in ("https://a.example", "https://user@a.example:81/x", "http://10.0.0.1/", "http://[2001:db8::1]/"):
        assert has_full_host(url)
    for url in ("http://localhost/", "http://shop:3000", "https://shop./", "http://[x", "https://@/"):
        assert not has_full_host(url)


@pytest.mark.parametrize("name", ["slack", "discord", "telegram", "teams"])
def test_the_largest_card_that_is_let_through_fits_everywhere(name: str) -> None:
    assert kinds()[name].too_large(LARGEST) is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("slack", ChatContent(text="x" * 40_001), "more than 40,000 characters"),
        ("telegram", ChatContent(text="x" * 4_000, fields=(ChatField(label="a", value="b" * 100),)), "4,096"),
        ("discord", ChatContent(text="*" * 1_001), "more than 2,000 characters, with its title and what keeps"),
        ("discord", ChatContent(text="x", fields=(ChatField(label="*" * 129, value="b"),)), "label of a field has"),
        ("discord", ChatContent(text="x", fields=(ChatField(label="a", value="*" * 513),)), "value of a field has"),
        ("discord", ChatContent(text="x", fields=(ChatField(label="a", value="b" * 1_000),) * 6), "6,000 characters"),
        ("teams", ChatContent(text="x" * 28_000), "28,672 bytes as a card"),
    ],
)
def test_what_one_provider_alone_does_not_take(name: str, content: ChatContent, says: str) -> None:
    assert says in (kinds()[name].too_large(content) or "")


@pytest.mark.parametrize(
    ("body", "buttons"),
    [
        (slack_message.body_of(CARD), ["Open", "Here", "Long"]),
        (discord_message.body_of(CARD), ["Open"]),
        (telegram_message.body_of(CARD), ["Open", "Long"]),
        (orjson.loads(teams_message.body_of(CARD)), ["Open", "Here", "Long"]),
    ],
)
def test_what_is_caught_is_shown_with_its_fields_and_buttons(body: object, buttons: list[str]) -> None:
    lines = words_of(body).splitlines()
    assert {"Room: 2", "Beds: 2", "Note: a"} <= set(lines)
    assert "Open" not in lines and "Room" not in lines
    shown = buttons_of(body)
    assert [text for text, _ in shown] == buttons
    assert dict(shown)["Open"] == OPEN.url


def test_what_is_caught_for_discord_is_read_as_people_read_it() -> None:
    words = "a \\ b **c** [d](https://x.example/a_b) <@1> # e `f`"
    content = ChatContent(text=words, title="*T* [1]", url="https://shop.example/1", buttons=(LOCAL,))
    body = discord_message.body_of(content)
    assert shown(words_of(body)) == f"*T* [1] (https://shop.example/1)\n{words}\nHere ({LOCAL.url})"


@given(st.text("*_~`|<>[]()#\\-+1. \nab@:", max_size=40))
def test_whatever_the_value_discord_shows_it_as_it_is(value: str) -> None:
    assert shown(discord_message.escape(value)) == value


def test_a_caught_button_leads_to_the_web_or_is_none() -> None:
    assert buttons_of({"inline_keyboard": [[{"text": "x", "url": "javascript:alert(1)"}]]}) == ()
    assert buttons_of({"text": "x", "entities": [{"type": "text_link", "url": "https://x.example"}]}) == ()
    assert words_of({"blocks": [{"type": "link", "url": "https://x.example"}], "text": "y"}) == "https://x.example"
