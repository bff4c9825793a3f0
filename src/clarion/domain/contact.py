"""Where a recipient can be reached: several addresses on a channel, of which one is preferred. Pure.

Messages go to the preferred one. That may be none: the recipient then has no address there. Which one is preferred
next, when it goes or is set aside, is decided here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from clarion.domain.address import check_header_text
from clarion.domain.suppression import channel_of, mailbox_of, parse_address
from clarion.errors import Invalid

__all__ = ["Change", "Contact", "changed", "check_reason", "in_order", "mailbox_of", "new", "parse", "removed"]

#: Of one recipient on one channel.
MOST_ADDRESSES: Final = 20
LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One address of a recipient."""

    #: ``email`` or ``sms``.
    channel: str
    #: In its usual form, as it is sent to.
    address: str
    #: The same for all spellings of it.
    mailbox: str
    #: Whether messages go here.
    preferred: bool = False
    #: Since when it is known to be theirs; None: nobody has said so.
    verified_at: datetime | None = None
    created_at: datetime
    #: When the application last said that it is there.
    seen_at: datetime
    #: Since when it is set aside, and why: nothing goes there.
    quarantined_at: datetime | None = None
    quarantine_reason: str | None = None

    @property
    def key(self) -> str:
        """What it is called in paths: the same as long as it is there, and no address, for paths stand in logs."""
        return f"adr_{hashlib.sha256(f'{self.channel} {self.mailbox}'.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is said of one address; None: nothing."""

    verified: bool | None = None
    #: Only True can be said: another one is preferred by saying it of that one.
    preferred: bool | None = None
    #: Why it is set aside; empty: it is used again.
    quarantine: str | None = None
    #: Whether the application says that it is there.
    seen: bool = False


def parse(text: str) -> tuple[str, str]:
    """The channel of an address, by its looks, and the address in its usual form; raises `Invalid`."""
    channel = channel_of(text)
    return channel, parse_address(channel, text)


def new(channel: str, address: str, now: datetime) -> Contact:
    """An address of which nothing is known; *address* is as `parse` gave it."""
    mailbox = mailbox_of(channel, address)
    return Contact(channel=channel, address=address, mailbox=mailbox, created_at=now, seen_at=now)


def check_reason(text: str) -> str:
    """*text*, if it can stand where an address is set aside; raises `Invalid`."""
    if len(text) > LONGEST_REASON:
        raise Invalid(f"it is longer than {LONGEST_REASON} characters", code="too_long")
    return check_header_text(text)


def changed(contacts: Sequence[Contact], new: Contact, change: Change, now: datetime) -> list[Contact]:
    """*contacts*, of one recipient, after *change* was said of the one at the mailbox of *new*: added if there is none.

    The first on a channel is preferred. Raises `Invalid` where there would be too many, or what is set aside is to be
    preferred.
    """
    others = [one for one in contacts if not _is(one, new)]
    had = next((one for one in contacts if _is(one, new)), None)
    theirs = [one for one in others if one.channel == new.channel]
    if had is None and len(theirs) >= MOST_ADDRESSES:
        raise Invalid(f"a recipient has at most {MOST_ADDRESSES} addresses on a channel: remove one", code="too_many")
    one = replace(had, address=new.address) if had is not None else replace(new, preferred=not theirs)
    one = _said(one, change, now)
    if change.preferred and one.quarantined_at is not None:
        raise Invalid(
            "this address is set aside: nothing goes there until its quarantine is lifted", code="quarantined"
        )
    if change.preferred:
        others = [replace(other, preferred=other.preferred and other.channel != one.channel) for other in others]
        one = replace(one, preferred=True)
    if one.preferred and one.quarantined_at is not None:
        return _with_next([*others, replace(one, preferred=False)], one.channel)
    return [*others, one]


def removed(contacts: Sequence[Contact], key: str) -> list[Contact] | None:
    """*contacts* without the one of this key; None where there is none."""
    gone = next((one for one in contacts if one.key == key), None)
    if gone is None:
        return None
    left = [one for one in contacts if one is not gone]
    return _with_next(left, gone.channel) if gone.preferred else left


def in_order(contacts: Iterable[Contact]) -> list[Contact]:
    """As they are used one after the other: the preferred one, then the verified, then the others, the eldest first."""
    return sorted(
        contacts, key=lambda one: (one.channel, not one.preferred, one.verified_at is None, one.created_at, one.mailbox)
    )


def _with_next(contacts: list[Contact], channel: str) -> list[Contact]:
    """*contacts*, none of *channel* preferred, with the next one there preferred, if any can be."""
    fit = [one for one in in_order(contacts) if one.channel == channel and one.quarantined_at is None]
    return [replace(one, preferred=True) if fit and one is fit[0] else one for one in contacts]


def _said(one: Contact, change: Change, now: datetime) -> Contact:
    if change.verified is not None:
        one = replace(one, verified_at=(one.verified_at or now) if change.verified else None)
    if change.quarantine:
        one = replace(one, quarantined_at=one.quarantined_at or now, quarantine_reason=change.quarantine)
    elif change.quarantine is not None:
        one = replace(one, quarantined_at=None, quarantine_reason=None)
    return replace(one, seen_at=now) if change.seen else one


def _is(one: Contact, other: Contact) -> bool:
    return (one.channel, one.mailbox) == (other.channel, other.mailbox)
