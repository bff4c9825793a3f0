"""What an account at Postmark needs. How it is used: `clarion.channels.email.postmark`."""

from __future__ import annotations

import re
from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, FAKE, read_key
from clarion.errors import Invalid

API = "https://api.postmarkapp.com"
_STREAM = re.compile(r"[a-z][a-z0-9_-]{0,29}")


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return account.get("base_url") or API


def _stream(text: str) -> str:
    if not _STREAM.fullmatch(text):
        raise Invalid("expected the id of a message stream as Postmark shows it, for example outbound")
    return text


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.email.postmark import Postmark

    return Postmark(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.email.postmark_callbacks import PostmarkCallbacks

    return PostmarkCallbacks(account["webhook_password"])


POSTMARK = Kind(
    name="postmark",
    channel="email",
    says="mail through Postmark's API",
    options=(
        Option(key="server_token", says="the token of a server", read=read_key, required=True, secret=True),
        Option(
            key="webhook_password",
            says="what Postmark is to log in with, as `clarion`, when it tells something later: a secret of your own "
            "making",
            read=read_key,
            required=True,
            secret=True,
        ),
        Option(key="stream", says="the message stream that mails go by", read=_stream, default="outbound"),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    callbacks=_callbacks,
    address=api_of,
)
