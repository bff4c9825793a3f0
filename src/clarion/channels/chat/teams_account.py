"""What an account at Microsoft Teams needs. How it is used: `clarion.channels.chat.teams`."""

from __future__ import annotations

import re
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import CONNECTIONS, FAKE
from clarion.domain.content import ChatContent
from clarion.errors import Invalid

#: Where flows of Power Automate are triggered: nothing else is ever asked.
_HOST = re.compile(
    r"(?:[a-z0-9-]+\.){1,3}logic\.azure\.(?:com|us)|(?:[a-z0-9-]+\.){1,3}environment\.api\.powerplatform\.com"
)
_CONNECTOR = re.compile(r"(?:[a-z0-9-]+\.)*webhook\.office\.com|outlook\.office(?:365)?\.com")
_PATH = re.compile(r"/(?:[A-Za-z0-9_-]+/){0,6}workflows/[A-Za-z0-9_-]+/triggers/[A-Za-z0-9_-]+/paths/invoke")
_WHAT = (
    "the address of a workflow with the trigger *When a Teams webhook request is received*, https://….logic.azure.com/…"
)
_RETIRED = (
    "it is the address of a connector, which Microsoft has retired: make a workflow in Teams, and take its address"
)


def read_chat(text: str) -> str:
    """The address of a workflow. Its signature is in it: whoever has it may write."""
    from clarion.http.url_guard import parse_url  # only where there is one: it brings `idna` with it

    there = parse_url(text)
    if _CONNECTOR.fullmatch(there.host):
        raise Invalid(_RETIRED)
    names = {part.partition("=")[0] for part in there.query.split("&")}
    known = _HOST.fullmatch(there.host) and _PATH.fullmatch(there.path) and "sig" in names
    if not known or there.scheme != "https" or there.port != 443:
        raise Invalid(f"expected {_WHAT}")
    return text


def _url(text: str) -> str:
    return read_chat(one_line(text))


def _too_large(content: ChatContent) -> str | None:
    from clarion.channels.chat.teams_message import body_of, too_large

    return too_large(body_of(content))


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.chat.teams import Teams

    return Teams(account)


TEAMS = Kind(
    name="teams",
    channel="chat",
    says="messages to channels and chats of Microsoft Teams, by workflows of Power Automate",
    options=(
        Option(key="url", says=f"the account's own room: {_WHAT}", read=_url, secret=True),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    too_large=_too_large,
    read_chat=read_chat,
)
