"""What an account for Web Push needs: a key, and whom to write to. How it is used: `clarion.channels.push.webpush`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import read_connections, read_fake
from clarion.domain.content import PushContent
from clarion.errors import Invalid

#: Apple refuses what is signed for anybody who cannot be written to: the host has a dot, and is none of this network.
_MAILTO = re.compile(r"mailto:[^\s@<>]+@(?P<host>[^\s@<>/?#]+)")
_PAGE = re.compile(r"https://(?P<host>[^\s@<>/?#:]+)[^\s<>]*")
_NOWHERE = re.compile(r"[^.]*|.*\.(?:local|localhost|internal)", re.IGNORECASE)


def _private_key(text: str) -> str:
    from clarion.channels.push.vapid import load_key  # only where there is one

    load_key(text)
    return text


def _subject(text: str) -> str:
    found = _MAILTO.fullmatch(one_line(text)) or _PAGE.fullmatch(text)
    if found is None:
        raise Invalid("expected mailto: and an address of yours, or an address that begins with https://")
    if _NOWHERE.fullmatch(found["host"]):
        raise Invalid("its host is not one of the internet: Apple's push service refuses who cannot be reached there")
    return text


def _elsewhere(text: str) -> str:
    if text != "caught":
        raise Invalid("expected `caught`, or nothing at all")
    return text


def _too_large(content: PushContent) -> str | None:
    from clarion.channels.push.webpush_message import payload_of, too_large

    return too_large(payload_of(content, UUID(int=0)))  # each id is as long as any other


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.push.webpush import WebPush

    return WebPush(account)


def _read_token(text: str, accounts: Sequence[Account]) -> str:
    from clarion.channels.push.subscription import parse_subscription
    from clarion.http.url_guard import UrlGuard

    found = parse_subscription(text)
    if found.origin not in {account.get("base_url") for account in accounts}:
        try:
            UrlGuard().check(found.to)
        except Invalid as error:
            raise Invalid(f"its `endpoint`: {error.message}", code="invalid_token") from None
    return found.token()


WEBPUSH = Kind(
    name="webpush",
    channel="push",
    says="push messages to browsers by Web Push (RFC 8030), encrypted for each (RFC 8291), signed by a key (RFC 8292)",
    options=(
        Option(
            key="private_key",
            says="the private key, as `clarion vapid` makes it, or PEM; browsers subscribe with the public one",
            read=_private_key,
            required=True,
            secret=True,
        ),
        Option(
            key="subject",
            says="whom a push service writes to if something is wrong: `mailto:` and an address, or a page by `https://`",
            read=_subject,
            required=True,
        ),
        Option(
            key="connections",
            says="requests that are on their way at once to each push service, per worker process: 1 to 200",
            read=read_connections,
            default="20",
        ),
        Option(
            key="base_url",
            says="a fake push service on this machine, whose endpoints are taken too; no other address may be given",
            read=read_fake,
        ),
        Option(
            key="elsewhere",
            says="`caught`: the fake gets messages for all other push services too, and none leaves this machine",
            read=_elsewhere,
        ),
    ),
    open=_open,
    too_large=_too_large,
    read_token=_read_token,
    address=lambda _: None,
)
