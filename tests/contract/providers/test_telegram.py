"""Telegram: what goes over the wire, and that python-telegram-bot gets on with the fake it is tried against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import telegram
from tests.support.chats import TELEGRAM_TOKEN, chat_message, telegram_account

from clarion.channels.base import Chat
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.telegram import TelegramFake
from clarion.domain.content import ChatButton, ChatField
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent

CARD: Any = {
    "fields": (ChatField(label="<b>Room</b>", value="*2*"), ChatField(label="Grüße 😀", value="a")),
    "buttons": (ChatButton(text="Open", url="https://shop.example/1"), ChatButton(text="Here", url="http://shop:81/")),
}
GROUP, PERSON = "-1001234567890", "987654321"


@pytest.fixture
async def fake() -> AsyncIterator[TelegramFake]:
    async with TelegramFake(token=TELEGRAM_TOKEN) as fake:
        yield fake


async def _send(fake: TelegramFake, *items: Chat, **more: str) -> list[Outcome]:
    provider = open_provider("chat", telegram_account(base_url=fake.url, **more))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_what_is_bold_and_what_is_a_link_stands_beside_the_text(fake: TelegramFake) -> None:
    text = "*no* <b>markup</b> _is_ read & [nothing](http://evil.example) is a link"
    words = {"title": "Grüße 😀!", "url": "https://shop.example/1", "image": "https://cdn.example/a.png"}
    (outcome,) = await _send(fake, chat_message(PERSON, text, **words))
    (said,) = fake.taken
    assert outcome == Sent(said.id)
    assert said.body == {
        "chat_id": 987654321,
        "text": f"Grüße 😀!\n{text}",
        "entities": [
            {"type": "bold", "offset": 0, "length": 9},
            {"type": "text_link", "offset": 0, "length": 9, "url": "https://shop.example/1"},
        ],
        "link_preview_options": {
            **{"url": "https://cdn.example/a.png", "prefer_large_media": True, "show_above_text": True}
        },
    }
    await _send(fake, chat_message("@shopnews", "New!", url="https://shop.example/"), chat_message("", "x"), chat=GROUP)
    assert {str(one.body["chat_id"]): one.body["text"] for one in fake.taken[1:]} == {
        "@shopnews": "New!\nhttps://shop.example/",
        GROUP: "x",
    }, "without a chat's own address it goes to the account's room"


async def test_labels_are_bold_and_links_a_keyboard_under_the_message(fake: TelegramFake) -> None:
    (outcome,) = await _send(fake, chat_message(PERSON, "x", **CARD))
    (said,) = fake.taken
    assert outcome == Sent(said.id)
    assert said.body == {
        "chat_id": 987654321,
        "text": "x\n\n<b>Room</b>: *2*\nGrüße 😀: a\nHere: http://shop:81/",
        "entities": [{"type": "bold", "offset": 3, "length": 12}, {"type": "bold", "offset": 20, "length": 9}],
        "reply_markup": {"inline_keyboard": [[{"text": "Open", "url": "https://shop.example/1"}]]},
    }


async def test_each_refusal_is_what_it_says(fake: TelegramFake) -> None:
    fake.rooms |= {"blocked": {"1"}, "unknown": {"2"}, "deactivated": {"3"}, "kicked": {"-4"}, "read_only": {"-5"}}
    outcomes = await _send(
        fake,
        *(chat_message(room) for room in ("1", "2", "3", "-4", "-5")),
        chat_message("6", "x" * 4_097),
        chat_message("7", "x" * 4_090, title="longer"),
        chat_message("8", "😀" * 4_096),
    )
    assert [(one.code, one.feedback) for one in outcomes if isinstance(one, Reject)] == [
        *[("invalid_recipient", Feedback.DEAD_TOKEN)] * 4,
        ("destination_refused", None),
        ("too_large", None),
        ("too_large", None),
    ]
    assert "bot was blocked by the user" in str(outcomes[0])
    assert isinstance(outcomes[-1], Sent)
    assert fake.asked == 6, "what is too long is not even asked"


async def test_the_accounts_own_room_that_is_gone_burns_no_message(fake: TelegramFake) -> None:
    fake.rooms["kicked"].add(GROUP)
    (own, without) = [*await _send(fake, chat_message(), chat=GROUP), *await _send(fake, chat_message())]
    assert isinstance(own, Retry)
    assert (own.after, own.pause_provider) == (timedelta(minutes=1), True)
    assert isinstance(without, Retry)
    assert (without.pause_provider, without.blameless, without.unspent) == (False, True, True)
    assert "has no room of its own" in without.reason


async def test_a_group_that_has_another_id_now_is_followed_there(fake: TelegramFake) -> None:
    fake.rooms["moved"].add(f"-55>{GROUP}")
    provider = open_provider("chat", telegram_account(base_url=fake.url))
    for _ in range(2):
        (outcome,) = await provider.send([chat_message("-55")])
        assert isinstance(outcome, Sent)
    await provider.close()
    assert [said.room for said in fake.taken] == [GROUP, GROUP]
    assert fake.asked == 3, "the new id is kept in mind"


@pytest.mark.parametrize(("room", "everybody"), [(PERSON, True), (GROUP, False), ("@shopnews", False)])
async def test_a_group_that_is_busy_holds_up_no_other(fake: TelegramFake, room: str, everybody: bool) -> None:
    body = {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 7",
        "parameters": {"retry_after": 7},
    }
    fake.faults.add(Fault(how=How.ANSWER, status=429, body=json.dumps(body)))
    provider = open_provider("chat", telegram_account(base_url=fake.url))
    (outcome,) = await provider.send([chat_message(room)])
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider, outcome.unspent) == (timedelta(seconds=7), everybody, not everybody)
    assert outcome.blameless, "no breaker opens for it"
    (again, other) = await provider.send([chat_message(room), chat_message("1")])
    await provider.close()
    assert isinstance(other, Sent)
    if not everybody:
        assert isinstance(again, Retry)
        assert again.unspent
        assert fake.asked == 2, "who is busy is not asked before the time"


async def test_no_reason_repeats_the_token(fake: TelegramFake) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=400, body=json.dumps({"description": f"/bot{TELEGRAM_TOKEN}/ no"})))
    (outcome,) = await _send(fake, chat_message(PERSON))
    assert isinstance(outcome, Reject)
    assert TELEGRAM_TOKEN not in str(outcome)
    assert f"••••{TELEGRAM_TOKEN[-4:]}" in outcome.reason


@pytest.fixture
async def library(fake: TelegramFake) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(TELEGRAM_TOKEN, base_url=f"{fake.url}/bot") as bot:
        yield bot


async def test_the_library_sends_what_we_send(fake: TelegramFake, library: telegram.Bot) -> None:
    assert library.username == "fake_bot"
    entities = [
        telegram.MessageEntity("bold", 0, 5),
        telegram.MessageEntity("text_link", 0, 5, url="https://shop.example/1"),
    ]
    preview = telegram.LinkPreviewOptions(
        url="https://cdn.example/a.png", prefer_large_media=True, show_above_text=True
    )
    message = await library.send_message(
        int(PERSON), "Order\nIt is ready.", entities=entities, link_preview_options=preview
    )
    assert (message.message_id, message.text, message.chat.id) == (1, "Order\nIt is ready.", int(PERSON))
    words = {"title": "Order", "url": "https://shop.example/1", "image": "https://cdn.example/a.png"}
    await _send(fake, chat_message(PERSON, "It is ready.", **words))
    theirs, ours = fake.taken
    assert theirs.body | {"chat_id": int(str(theirs.body["chat_id"]))} == ours.body


async def test_the_library_sends_the_keyboard_that_we_send(fake: TelegramFake, library: telegram.Bot) -> None:
    await _send(fake, chat_message(PERSON, "x", buttons=CARD["buttons"][:1]))
    button = telegram.InlineKeyboardButton("Open", url="https://shop.example/1")
    await library.send_message(int(PERSON), "x", reply_markup=telegram.InlineKeyboardMarkup([[button]]))
    ours, theirs = (said.body["reply_markup"] for said in fake.taken)
    assert ours == theirs
    for wrong, why in (
        (telegram.InlineKeyboardButton("x", url="http://localhost:3000/"), "button url .* is invalid"),
        (telegram.InlineKeyboardButton("x", url="nowhere"), "button url .* is invalid"),
        (telegram.InlineKeyboardButton("x"), "text buttons are unallowed"),
    ):
        with pytest.raises(telegram.error.BadRequest, match=f"(?i){why}"):
            await library.send_message(int(PERSON), "x", reply_markup=telegram.InlineKeyboardMarkup([[wrong]]))


async def test_the_library_reads_the_fakes_errors(
    fake: TelegramFake, library: telegram.Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")
    fake.rooms |= {"blocked": {"1"}, "unknown": {"2"}, "moved": {"-5>-1005"}}
    with pytest.raises(telegram.error.Forbidden, match="blocked by the user"):
        await library.send_message(1, "x")
    with pytest.raises(telegram.error.BadRequest, match="Chat not found"):
        await library.send_message(2, "x")
    with pytest.raises(telegram.error.ChatMigrated) as caught:
        await library.send_message(-5, "x")
    assert caught.value.new_chat_id == -1005
    with pytest.raises(telegram.error.BadRequest, match="parse entities"):
        await library.send_message(3, "<blink>x</blink>", parse_mode="HTML")
    with pytest.raises(telegram.error.BadRequest, match="too long"):
        await library.send_message(3, "x" * 4_097)
    fake.faults.add(
        Fault(how=How.ANSWER, status=429, body='{"ok": false, "error_code": 429, "parameters": {"retry_after": 3}}')
    )
    with pytest.raises(telegram.error.RetryAfter):
        await library.send_message(3, "x")
    async with TelegramFake(token="220201543" + TELEGRAM_TOKEN[9:]) as other:
        with pytest.raises(telegram.error.InvalidToken):
            async with telegram.Bot(TELEGRAM_TOKEN, base_url=f"{other.url}/bot"):
                pass
    assert fake.taken == []
