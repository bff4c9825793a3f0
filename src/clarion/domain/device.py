"""The devices of recipients: what stands for one at a provider, and how it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from clarion.errors import Invalid

#: Of one recipient; when there is one more, the one that was not seen for longest goes.
MOST_DEVICES = 20

#: Longer than any provider's, and short enough to be found by an index.
LONGEST_TOKEN = 2_000
_TOKEN = re.compile(r"[\x21-\x7e]+")
#: So much of a token is shown, where it is long enough that this tells nothing of the rest.
_SHOWN = 4
_MASK = "••••"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device as it is stored."""

    #: The application's own name for it: the same as long as it is the same installation.
    id: str
    #: Whose token it is: that of another provider is of no use there.
    provider: str
    token: str
    #: ``android``, ``ios`` or ``web``, where the application says so; nothing depends on it.
    platform: str | None
    created_at: datetime
    #: When the application last said that it is there.
    seen_at: datetime
    #: Since when nothing is sent to it, and why.
    disabled_at: datetime | None = None
    disabled_reason: str | None = None


class Dead(NamedTuple):
    """A token, or the address of a chat, that its provider knows no more, and what it said."""

    token: str
    reason: str
    #: Of a chat, whose address says nothing without it: the kind of provider.
    provider: str | None = None
    #: Of a chat whose address is sealed: by which it is known.
    digest: bytes | None = None


def check_token(text: str) -> str:
    """*text*, when it can be a token; raises `Invalid` (``invalid_token``) that does not repeat it."""
    if not text:
        raise Invalid("it is empty", code="invalid_token")
    if len(text) > LONGEST_TOKEN:
        raise Invalid(f"it is longer than {LONGEST_TOKEN:,} characters", code="invalid_token")
    if not _TOKEN.fullmatch(text):
        raise Invalid("it has blanks, line breaks or characters beyond ASCII; take it as it is", code="invalid_token")
    return text


def digest(token: str) -> str:
    """What knows *token* again, and is not it: for where no token is to be kept."""
    return sha256(token.encode()).hexdigest()


def shorten(token: str) -> str:
    """*token* as people and programs are shown it: who has it whole may send to the device."""
    return _MASK + (token[-_SHOWN:] if len(token) >= 4 * _SHOWN else "")
