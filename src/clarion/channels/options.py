"""How values that many kinds of accounts have are read: keys, numbers of connections, addresses of APIs.

Each gives the value in its usual form, and raises `Invalid` that says what is wrong and repeats no secret.
"""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from clarion.channels.account import Option, one_line
from clarion.domain.duration import parse_duration
from clarion.errors import Invalid

if TYPE_CHECKING:
    from clarion.http.url_guard import Destination

MOST_CONNECTIONS = 200
#: How old what a provider signs may be: the least, and the most.
YOUNGEST, OLDEST = timedelta(minutes=1), timedelta(days=2)

_CHANNEL = re.compile(r"[A-Za-z0-9._-]{1,100}")
_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")


def read_key(text: str) -> str:
    """A key, a token or a secret as consoles show them."""
    if not _KEY.fullmatch(one_line(text)):
        raise Invalid("expected 16 to 128 letters and digits, as the provider's console shows it")
    return text


def read_channel(text: str) -> str:
    """A notification channel of an application on Android, as the application has called it."""
    if not _CHANNEL.fullmatch(text):
        raise Invalid("expected the id of a notification channel: up to 100 letters, digits, dots, dashes, underscores")
    return text


def read_connections(text: str) -> str:
    """How many requests may be on their way at once."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MOST_CONNECTIONS:
        raise Invalid(f"expected a whole number from 1 to {MOST_CONNECTIONS}")
    return text


def read_age(text: str) -> str:
    """How old what a provider signs may be."""
    if not YOUNGEST <= parse_duration(text) <= OLDEST:
        raise Invalid("expected a length from 1m to 2d")
    return text


def read_origin(text: str) -> str:
    """An address without a path, encrypted unless it is on this machine; without the final slash."""
    url = _origin(text)
    if url.scheme != "https" and not is_here(url):
        raise Invalid("the account's secret would go there unencrypted: use https://")
    return text.rstrip("/")


def read_fake(text: str) -> str:
    """An address on this machine, where a fake stands for the provider: nothing else may be given."""
    if not is_here(_origin(text)):
        raise Invalid("expected an address on this machine, for example http://127.0.0.1:8025: it is for fakes alone")
    return text.rstrip("/")


def _origin(text: str) -> Destination:
    from clarion.http.url_guard import parse_url  # only where there is one: it brings `idna` with it

    url = parse_url(text)
    if url.path != "/" or url.query:
        raise Invalid("expected an address without a path, for example https://api.provider.example")
    return url


def is_here(url: Destination) -> bool:
    """Whether *url* is on this machine."""
    return url.host == "localhost" or (url.address is not None and ip_address(url.address).is_loopback)


#: Options that accounts of many kinds have.
CHANNEL = Option(
    key="channel_id",
    says="the notification channel of the application in which Android shows messages; unless given, its default one",
    read=read_channel,
)
CONNECTIONS = Option(
    key="connections",
    says="requests that are on their way at once, per worker process: 1 to 200",
    read=read_connections,
    default="20",
)
FAKE = Option(
    key="base_url",
    says="a fake on this machine to speak to instead; no other address may be given",
    read=read_fake,
)
