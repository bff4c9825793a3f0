"""What an account at Telegram needs. How it is used: `clarion.channels.chat.telegram`."""

from __future__ import annotations

import re
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import CONNECTIONS, FAKE
from clarion.domain.content import ChatContent
from clarion.errors import Invalid

API = "https://api.telegram.org"
_TOKEN = re.compile(r"[0-9]{5,16}:[A-Za-z0-9_-]{30,64}")
_CHAT = re.compile(r"-?[1-9][0-9]{0,15}|@[A-Za-z][A-Za-z0-9_]{3,31}")


def api_of(account: Account) -> str:
    """Where the API is spoken to for *account*."""
    return account.get("base_url") or API


def read_chat(text: str) -> str:
    """The id of a chat, or the name of a public group or channel."""
    if not _CHAT.fullmatch(text):
        raise Invalid("expected the id of a chat such as 987654321 or -1001234567890, or the @name of a public channel")
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(one_line(text)):
        raise Invalid("expected the token of a bot, digits and a colon and 35 characters, as @BotFather gives it")
    return text


def _too_large(content: ChatContent) -> str | None:
    from clarion.channels.chat.telegram_message import body_of, too_large

    return too_large(body_of(content))


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.chat.telegram import Telegram

    return Telegram(account)


TELEGRAM = Kind(
    name="telegram",
    channel="chat",
    says="messages to people, groups and channels by a Telegram bot",
    options=(
        Option(key="token", says="the bot's token, as @BotFather gives it", read=_token, required=True, secret=True),
        Option(
            key="chat",
            says="the account's own room: where messages go whose chat names none; an id, or the `@name` of a public "
            "channel",
            read=read_chat,
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    too_large=_too_large,
    read_chat=read_chat,
    address=api_of,
)
