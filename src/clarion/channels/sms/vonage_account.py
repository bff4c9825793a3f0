"""What an account at Vonage needs. How it is used: `clarion.channels.sms.vonage`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, FAKE, read_age
from clarion.domain.duration import parse_duration
from clarion.errors import Invalid

_KEY = re.compile(r"[A-Za-z0-9]{4,32}")
_SECRET = re.compile(r"[!-~]{8,128}")
#: E.164; a short code; a name of up to 11 letters, digits and blanks.
_SENDER = re.compile(r"\+?[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")

#: What signs: those of Vonage's algorithms that nobody has found a way around. "MD5 hash", the one that is set unless
#: somebody chooses, is none of them: it does not even use its secret as a key.
METHODS = ("sha256", "sha512")


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return account.get("base_url") or "https://rest.nexmo.com"


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise Invalid("expected 8 letters and digits, as Vonage's dashboard shows it")
    return text


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(one_line(text)):
        raise Invalid("expected 8 to 128 characters without blanks, as Vonage's dashboard shows it")
    return text


def _method(text: str) -> str:
    if text not in METHODS:
        raise Invalid(f"expected {' or '.join(METHODS)}: choose the HMAC of that name in Vonage's dashboard")
    return text


def _sender(text: str) -> str:
    if not _SENDER.fullmatch(text):
        raise Invalid("expected a number such as +447700900000, a short code, or a name of up to 11 letters and digits")
    return text


def _check(account: Account) -> Iterator[str]:
    if account.get("api_secret") is None and account.get("signature_secret") is None:
        yield "give `api_secret`, or `signature_secret`, or both: messages cannot be sent without one of them"


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.sms.vonage import Vonage

    return Vonage(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.sms.vonage_callbacks import VonageCallbacks

    return VonageCallbacks(
        account.get("signature_secret"),
        method=account["signature_method"],
        age=parse_duration(account["callback_age"]),
    )


VONAGE = Kind(
    name="vonage",
    channel="sms",
    says="text messages through Vonage's SMS API",
    options=(
        Option(key="api_key", says="the account's API key", read=_key, required=True),
        Option(
            key="api_secret",
            says="its secret; without one, requests are signed with `signature_secret`",
            read=_secret,
            secret=True,
        ),
        Option(
            key="signature_secret",
            says="the account's signature secret: what Vonage tells later is signed with it; without it, nothing is "
            "believed",
            read=_secret,
            secret=True,
        ),
        Option(
            key="signature_method",
            says="how Vonage signs: `sha256` or `sha512`, both as HMAC",
            read=_method,
            default="sha256",
        ),
        Option(
            key="from",
            says="the sender: a number in E.164 form, a short code, or a name of up to 11 letters and digits",
            read=_sender,
            required=True,
        ),
        Option(
            key="callback_age",
            says="how old what Vonage tells may be, by the time that it signs: `1m` to `2d`",
            read=read_age,
            default="25h",
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    callbacks=_callbacks,
    check=_check,
    address=api_of,
)
