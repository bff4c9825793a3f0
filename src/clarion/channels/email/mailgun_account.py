"""What an account at Mailgun needs. How it is used: `clarion.channels.email.mailgun`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, FAKE, read_age, read_key
from clarion.domain.duration import parse_duration
from clarion.errors import Invalid

#: Where Mailgun's API is, by the region in which the domain was added there.
REGIONS: Mapping[str, str] = MappingProxyType({"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"})

#: A host name in lower case: it stands in a path.
_DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return account.get("base_url") or REGIONS[account["region"]]


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise Invalid("expected a domain in lower case as Mailgun lists it, for example mg.shop.example")
    return text


def _region(text: str) -> str:
    if text not in REGIONS:
        raise Invalid(f"expected {' or '.join(REGIONS)}: the region in which the domain was added at Mailgun")
    return text


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.email.mailgun import Mailgun

    return Mailgun(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.email.mailgun_callbacks import MailgunCallbacks

    return MailgunCallbacks(account["signing_key"], age=parse_duration(account["callback_age"]))


MAILGUN = Kind(
    name="mailgun",
    channel="email",
    says="mail through Mailgun's API",
    options=(
        Option(key="domain", says="the sending domain, as Mailgun lists it", read=_domain, required=True),
        Option(
            key="api_key",
            says="a sending key of the domain, or an API key of the account",
            read=read_key,
            required=True,
            secret=True,
        ),
        Option(
            key="signing_key",
            says="the account's HTTP webhook signing key: what Mailgun tells later is signed with it",
            read=read_key,
            required=True,
            secret=True,
        ),
        Option(
            key="region",
            says="where the domain was added at Mailgun: `us` or `eu`",
            read=_region,
            default="us",
        ),
        Option(
            key="callback_age",
            says="how old what Mailgun tells may be, by the time that it signs: `1m` to `2d`",
            read=read_age,
            default="9h",
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    callbacks=_callbacks,
    address=api_of,
)
