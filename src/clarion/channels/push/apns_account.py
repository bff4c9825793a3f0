"""What an account at Apple's push service needs. How it is used: `clarion.channels.push.apns`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import read_connections, read_origin
from clarion.domain.content import PushContent
from clarion.errors import Invalid

_ID = re.compile(r"[A-Z0-9]{10}")
_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,254}")
_TOKEN = re.compile(r"(?:[0-9a-f]{2}){32,100}")


def _key(text: str) -> str:
    from clarion.channels.push.apns_access import load_key  # only where there is one

    load_key(text)
    return text


def _id(text: str) -> str:
    if not _ID.fullmatch(one_line(text)):
        raise Invalid("expected ten capital letters and digits, as Apple's developer page shows it")
    return text


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(one_line(text)):
        raise Invalid("expected the application's bundle id, for example com.example.shop")
    return text


def _too_large(content: PushContent) -> str | None:
    from clarion.channels.push.apns_message import payload_of, too_large

    return too_large(payload_of(content, UUID(int=0)))  # each id is as long as any other


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.push.apns import Apns

    return Apns(account)


def _read_token(text: str, _: Sequence[Account]) -> str:
    token = text.lower()
    if not _TOKEN.fullmatch(token):
        raise Invalid("a token of Apple's is 64 to 200 hexadecimal digits, two for each byte", code="invalid_token")
    return token


APNS = Kind(
    name="apns",
    channel="push",
    says="push messages through Apple's push service (APNs, HTTP/2, with a token), to one application",
    options=(
        Option(
            key="key",
            says="the signing key for APNs, PEM, as Apple's developer page gives it out (`AuthKey_….p8`)",
            read=_key,
            required=True,
            secret=True,
        ),
        Option(key="key_id", says="the id of the key, ten letters and digits", read=_id, required=True),
        Option(key="team_id", says="the id of the team, ten letters and digits", read=_id, required=True),
        Option(key="topic", says="the application's bundle id", read=_topic, required=True),
        Option(
            key="base_url",
            says="where the API is; for builds of developers `https://api.sandbox.push.apple.com`; on this machine "
            "also by http, a fake",
            read=read_origin,
            default="https://api.push.apple.com",
        ),
        Option(
            key="connections",
            says="requests that are on their way at once on the one connection, per worker process: 1 to 200",
            read=read_connections,
            default="100",
        ),
    ),
    open=_open,
    too_large=_too_large,
    read_token=_read_token,
)
