"""What an account at Slack needs. How it is used: `clarion.channels.chat.slack`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import CONNECTIONS, FAKE
from clarion.domain.content import ChatContent
from clarion.errors import Invalid

API, HOOKS = "https://slack.com", "https://hooks.slack.com"
_TOKEN = re.compile(r"xox[a-z](?:\.[a-z])?-[A-Za-z0-9-]{10,250}")
_CHANNEL = re.compile(r"[CDGUW][A-Z0-9]{6,20}")
_HOOK = re.compile(re.escape(HOOKS) + r"/services/[A-Z0-9]{6,20}/[A-Z0-9]{6,20}/[A-Za-z0-9]{16,64}")


def api_of(account: Account) -> str:
    """Where the API is spoken to for *account*."""
    return account.get("base_url") or API


def is_webhook(room: str) -> bool:
    """Whether *room*, as `read_chat` gave it, is the address of a webhook."""
    return room.startswith("https:")


def read_chat(text: str) -> str:
    """The id of a channel, conversation or member, or the address of an incoming webhook."""
    if not _CHANNEL.fullmatch(text) and not _HOOK.fullmatch(text):
        raise Invalid(
            "expected the id of a channel or a member such as C024BE91L or U024BE7LH (not its name), or the address of "
            f"an incoming webhook, {HOOKS}/services/…"
        )
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(one_line(text)):
        raise Invalid("expected a token such as `xoxb-…`, as the app's page *OAuth & Permissions* shows it")
    return text


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise Invalid("expected the id of a channel or a member such as C024BE91L (not its name)")
    return text


def _hook(text: str) -> str:
    if not _HOOK.fullmatch(one_line(text)):
        raise Invalid(f"expected the address of an incoming webhook, {HOOKS}/services/…")
    return text


def _check(account: Account) -> Iterator[str]:
    if account.get("channel") and not account.get("token"):
        yield "`channel` needs a `token`; an incoming webhook, `url`, does without"
    if account.get("channel") and account.get("url"):
        yield "it has one room of its own: `channel` or `url`, not both"


def _too_large(content: ChatContent) -> str | None:
    from clarion.channels.chat.slack_message import body_of, too_large

    return too_large(body_of(content))


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.chat.slack import Slack

    return Slack(account)


SLACK = Kind(
    name="slack",
    channel="chat",
    says="messages to channels and members of Slack, by a bot or by incoming webhooks",
    options=(
        Option(
            key="token",
            says="the bot's token, `xoxb-…`, with the scope `chat:write`; without one it writes to webhooks alone",
            read=_token,
            secret=True,
        ),
        Option(
            key="channel", says="the account's own room: the id of a channel or a member, by the bot", read=_channel
        ),
        Option(key="url", says="the account's own room: the address of an incoming webhook", read=_hook, secret=True),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    too_large=_too_large,
    check=_check,
    read_chat=read_chat,
    address=api_of,
)
