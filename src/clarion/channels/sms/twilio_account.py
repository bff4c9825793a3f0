"""What an account at Twilio needs. How it is used: `clarion.channels.sms.twilio`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, read_key, read_origin
from clarion.errors import Invalid

_MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
#: E.164; a short code; a name (Twilio: up to 11 of A-Z, a-z, 0-9, space and + - _ &, at least one letter).
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")


def is_messaging_service(sender: str) -> bool:
    """Whether *sender* is a group of senders at Twilio, from which it chooses."""
    return _MESSAGING_SERVICE.fullmatch(sender) is not None


def _sid(prefix: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(rf"{prefix}[0-9a-f]{{32}}", text):
            raise Invalid(f"expected {prefix} and 32 of the digits 0-9 and a-f, as the console of Twilio shows it")
        return text

    return read


def _sender(text: str) -> str:
    if not _SENDER.fullmatch(text) and not is_messaging_service(text):
        raise Invalid("expected a number such as +15017122661, a short code, a name of up to 11 letters, or MG…")
    return text


def _check(account: Account) -> Iterator[str]:
    if (account.get("api_key") is None) != (account.get("api_secret") is None):
        yield "give both `api_key` and `api_secret`, or neither"


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.sms.twilio import Twilio

    return Twilio(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.sms.twilio_callbacks import TwilioCallbacks

    return TwilioCallbacks(account["auth_token"])


TWILIO = Kind(
    name="twilio",
    channel="sms",
    says="text messages through Twilio's Programmable Messaging",
    options=(
        Option(key="account_sid", says="the account, `AC…`", read=_sid("AC"), required=True),
        Option(
            key="auth_token",
            says="the account's primary auth token: what Twilio tells later is signed with it, and it logs in unless "
            "there is an `api_key`",
            read=read_key,
            required=True,
            secret=True,
        ),
        Option(key="api_key", says="an API key, `SK…`, to log in with instead", read=_sid("SK")),
        Option(key="api_secret", says="the API key's secret", read=read_key, secret=True),
        Option(
            key="from",
            says="the sender: a number in E.164 form, a short code, a name of up "
            "to 11 letters, or a messaging service, `MG…`",
            read=_sender,
            required=True,
        ),
        Option(
            key="base_url",
            says="where Twilio's API is; a region's own address, or, on this machine also by http, a fake",
            read=read_origin,
            default="https://api.twilio.com",
        ),
        CONNECTIONS,
    ),
    open=_open,
    callbacks=_callbacks,
    check=_check,
)
