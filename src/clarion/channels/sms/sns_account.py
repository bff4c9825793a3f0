"""What an account for text messages at Amazon SNS needs. How it is used: `clarion.channels.sms.sns`."""

from __future__ import annotations

import re
from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.aws.account import ACCESS, REGION, check_access, endpoint
from clarion.channels.base import Provider
from clarion.channels.options import CONNECTIONS, FAKE
from clarion.errors import Invalid

#: By what the settings say: what Amazon calls it.
TYPES = {"transactional": "Transactional", "promotional": "Promotional"}

#: E.164; a short code; a name (Amazon: up to 11 letters and digits, at least one letter, no blanks).
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9]{1,11}")


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return endpoint(account, "sns")


def _sender(text: str) -> str:
    if not _SENDER.fullmatch(text):
        raise Invalid("expected a number such as +15017122661, a short code, or a name of up to 11 letters and digits")
    return text


def _type(text: str) -> str:
    if text not in TYPES:
        raise Invalid(f"expected {' or '.join(TYPES)}")
    return text


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.sms.sns import Sns

    return Sns(account)


SNS = Kind(
    name="sns",
    channel="sms",
    says="text messages through Amazon SNS",
    options=(
        REGION,
        *ACCESS,
        Option(
            key="from",
            says="the sender: a name of up to 11 letters and digits, or a number of the account's; unless given, "
            "Amazon chooses",
            read=_sender,
        ),
        Option(
            key="sms_type",
            says="`transactional`, which is delivered first, or `promotional`, which costs less",
            read=_type,
            default="transactional",
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    check=check_access,
    address=api_of,
)
