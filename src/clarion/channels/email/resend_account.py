"""What an account at Resend needs. How it is used: `clarion.channels.email.resend`."""

from __future__ import annotations

import base64
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, FAKE, read_key
from clarion.errors import Invalid

API = "https://api.resend.com"
_PREFIX = "whsec_"


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return account.get("base_url") or API


def key_of(secret: str) -> bytes:
    """The key that a signing secret stands for. Raises `Invalid` that does not repeat it."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < 16:
        raise Invalid("expected whsec_ and base64, as Resend shows it beside the webhook")
    return key


def _secret(text: str) -> str:
    key_of(one_line(text))
    return text


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.email.resend import Resend

    return Resend(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.email.resend_callbacks import ResendCallbacks

    return ResendCallbacks(account["signing_secret"])


RESEND = Kind(
    name="resend",
    channel="email",
    says="mail through Resend's API",
    options=(
        Option(key="api_key", says="an API key that may send, `re_…`", read=read_key, required=True, secret=True),
        Option(
            key="signing_secret",
            says="the webhook's signing secret, `whsec_…`: what Resend tells later is signed with it",
            read=_secret,
            required=True,
            secret=True,
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    callbacks=_callbacks,
    address=api_of,
)
