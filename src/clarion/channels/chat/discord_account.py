"""What an account at Discord needs. How it is used: `clarion.channels.chat.discord`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import CONNECTIONS, FAKE
from clarion.domain.content import ChatContent
from clarion.errors import Invalid

HOST = "https://discord.com"
VERSION = "v10"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,40}\.[A-Za-z0-9_-]{4,12}\.[A-Za-z0-9_-]{20,64}")
_CHANNEL = re.compile(r"[1-9][0-9]{15,19}")
_HOOK = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api(?:/v[0-9]{1,2})?"
    r"/webhooks/(?P<id>[1-9][0-9]{15,19})/(?P<token>[A-Za-z0-9_-]{40,100})(?:\?thread_id=(?P<thread>[1-9][0-9]{15,19}))?"
)


def api_of(account: Account) -> str:
    """Where the API is spoken to for *account*."""
    return account.get("base_url") or HOST


def is_webhook(room: str) -> bool:
    """Whether *room*, as `read_chat` gave it, is the address of a webhook."""
    return room.startswith("https:")


def read_chat(text: str) -> str:
    """The id of a channel, or the address of a webhook, which may name a thread."""
    hook = _HOOK.fullmatch(text)
    if hook is not None:
        thread = f"?thread_id={hook['thread']}" if hook["thread"] else ""
        return f"{HOST}/api/{VERSION}/webhooks/{hook['id']}/{hook['token']}{thread}"
    if not _CHANNEL.fullmatch(text):
        raise Invalid(
            f"expected the id of a channel, 16 to 20 digits, or the address of a webhook, {HOST}/api/webhooks/…"
        )
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(one_line(text)):
        raise Invalid("expected the token of a bot, three parts with dots between, as its page *Bot* shows it")
    return text


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise Invalid("expected the id of a channel, 16 to 20 digits")
    return text


def _hook(text: str) -> str:
    if not _HOOK.fullmatch(one_line(text)):
        raise Invalid(f"expected the address of a webhook, {HOST}/api/webhooks/…")
    return read_chat(text)


def _check(account: Account) -> Iterator[str]:
    if account.get("channel") and not account.get("token"):
        yield "`channel` needs a `token`; a webhook, `url`, does without"
    if account.get("channel") and account.get("url"):
        yield "it has one room of its own: `channel` or `url`, not both"


def _too_large(content: ChatContent) -> str | None:
    from clarion.channels.chat.discord_message import body_of, too_large

    return too_large(body_of(content))


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.chat.discord import Discord

    return Discord(account)


DISCORD = Kind(
    name="discord",
    channel="chat",
    says="messages to channels of Discord, by a bot or by webhooks",
    options=(
        Option(
            key="token",
            says="the bot's token, which may send messages; without one it writes to webhooks alone",
            read=_token,
            secret=True,
        ),
        Option(key="channel", says="the account's own room: the id of a channel, by the bot", read=_channel),
        Option(key="url", says="the account's own room: the address of a webhook", read=_hook, secret=True),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    too_large=_too_large,
    check=_check,
    read_chat=read_chat,
    address=api_of,
)
