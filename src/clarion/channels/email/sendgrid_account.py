"""What an account at SendGrid needs. How it is used: `clarion.channels.email.sendgrid`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, FAKE, read_age
from clarion.domain.duration import parse_duration
from clarion.errors import Invalid

#: Where SendGrid's API is, by the region of the account or the subuser.
REGIONS: Mapping[str, str] = MappingProxyType(
    {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
)
#: A public key on the curve P-256 (RFC 5480), in DER.
_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return account.get("base_url") or REGIONS[account["region"]]


def _api_key(text: str) -> str:
    if not one_line(text).startswith("SG.") or not 20 <= len(text) <= 200 or not text.isascii() or " " in text:
        raise Invalid("expected SG. and 66 letters, digits, dots, dashes or underscores, as SendGrid shows it once")
    return text


def _verification_key(text: str) -> str:
    try:
        key = base64.b64decode(one_line(text), validate=True)
    except ValueError:
        key = b""
    if not key.startswith(_HEAD) or len(key) != len(_HEAD) + 65:
        raise Invalid("expected the verification key of the Signed Event Webhook as SendGrid shows it: base64, MFkw…")
    return text


def _region(text: str) -> str:
    if text not in REGIONS:
        raise Invalid(f"expected {' or '.join(REGIONS)}: the region of the account or subuser at SendGrid")
    return text


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.email.sendgrid import SendGrid

    return SendGrid(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.email.sendgrid_callbacks import SendGridCallbacks

    return SendGridCallbacks(account["verification_key"], age=parse_duration(account["callback_age"]))


SENDGRID = Kind(
    name="sendgrid",
    channel="email",
    says="mail through SendGrid's API",
    options=(
        Option(
            key="api_key", says="an API key with the scope Mail Send, `SG.…`", read=_api_key, required=True, secret=True
        ),
        Option(
            key="verification_key",
            says="the verification key of the Signed Event Webhook: what SendGrid tells later is signed for it",
            read=_verification_key,
            required=True,
        ),
        Option(
            key="region",
            says="of the account or subuser at SendGrid: `global` or `eu`",
            read=_region,
            default="global",
        ),
        Option(
            key="callback_age",
            says="how old what SendGrid tells may be, by the time that it signs: `1m` to `2d`",
            read=read_age,
            default="25h",
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    callbacks=_callbacks,
    address=api_of,
    #: "Events are posted when 1,000 are there, or 768 KB."
    largest_callback=1024 * 1024,
)
