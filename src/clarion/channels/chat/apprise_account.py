"""What an account at a service that Apprise knows needs. How it is used: `clarion.channels.chat.apprise`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from clarion.channels.account import Account, Kind, Option, one_line
from clarion.channels.base import Provider
from clarion.channels.options import CONNECTIONS
from clarion.errors import Invalid

_URL = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)
#: A service of the kind ``json`` on this machine: known without asking Apprise.
_OWN = re.compile(r"json://127\.0\.0\.1:[0-9]+/[a-z]+")


def _url(text: str) -> str:
    if not _URL.fullmatch(one_line(text)):
        raise Invalid("expected one of Apprise's addresses, for example ntfy://host/topic or mmost://host/token")
    return text


def _check(account: Account) -> Iterator[str]:
    if find_spec("apprise") is None:
        yield "it needs the package apprise: install `clarion[apprise]`"
        return
    if _OWN.fullmatch(account["url"]):
        return  # the catcher's: to load Apprise for it takes a second, in every process
    from clarion.channels.chat.apprise_call import is_known

    if not is_known(account["url"]):
        yield "`url`: Apprise knows no such service, or lacks something in it: see https://github.com/caronc/apprise/wiki"


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.chat.apprise import Apprise

    return Apprise(account)


APPRISE = Kind(
    name="apprise",
    channel="chat",
    says="messages through one of the many services that the library Apprise knows",
    options=(
        Option(
            key="url",
            says="the account's own room, and the only one it has: an address as Apprise has it, such as `ntfy://host/topic`",
            read=_url,
            required=True,
            secret=True,
        ),
        CONNECTIONS,
    ),
    open=_open,
    check=_check,
)
