"""What an account at Expo's push service needs. How it is used: `clarion.channels.push.expo`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.base import Provider
from clarion.channels.options import CHANNEL, read_connections, read_key, read_origin
from clarion.errors import Invalid

_TOKEN = re.compile(r"Expo(?:nent)?PushToken\[[A-Za-z0-9_-]{1,200}\]")


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.push.expo import Expo

    return Expo(account)


def _read_token(text: str, _: Sequence[Account]) -> str:
    if not _TOKEN.fullmatch(text):
        raise Invalid("a token of Expo's looks like ExponentPushToken[…]", code="invalid_token")
    return text


EXPO = Kind(
    name="expo",
    channel="push",
    says="push messages through Expo's push service, to applications that are built with Expo",
    options=(
        Option(
            key="access_token",
            says="an access token of the account at Expo, needed where the project has enhanced push security",
            read=read_key,
            secret=True,
        ),
        Option(
            key="base_url",
            says="where the API is; on this machine also by http, a fake",
            read=read_origin,
            default="https://exp.host",
        ),
        Option(
            key="connections",
            says="requests that are on their way at once, each with up to 100 messages, per worker process: 1 to 200",
            read=read_connections,
            default="6",
        ),
        CHANNEL,
    ),
    open=_open,
    read_token=_read_token,
)
