"""What an event of Mailgun's says of a mail: pure functions.

Sources, as of November 2026: https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks, and
https://github.com/mailgun/documentation, source/api-events.rst, source/user_manual.rst ("Tracking Failures") and
source/api-suppressions.rst (July 2024). Which words stand in ``reason`` Mailgun has never listed: those known are here,
and what is unknown is judged by the codes of the server that refused.

event                                              report
-------------------------------------------------  -----------------------------------------------------------
accepted                                           sent
delivered                                          delivered
failed, permanent, suppress-bounce                 failed, hard bounce: Mailgun did not try, for it bounced before
failed, permanent, suppress-complaint              failed, complaint
failed, permanent, suppress-unsubscribe            failed, unsubscribe
failed, whatever its severity, old                 bounced, soft bounce: Mailgun had tried for hours and gave up
failed, permanent, 4xx or 4.x.x or 5.2.2           bounced, soft bounce: a full mailbox, or tried too often
failed, permanent, 5.1.x or 5.2.1                  bounced, hard bounce: no such address, or one that is closed
failed, permanent, bounce without such a code      bounced, hard bounce: Mailgun itself says that it is the address
failed, permanent, anything else                   bounced: a policy, a filter, a size; it says nothing of the address
failed, temporary                                  nothing more than that it was taken: Mailgun tries again
rejected                                           failed: Mailgun would not send it
complained                                         delivered, complaint
unsubscribed                                       delivered, unsubscribe
opened, clicked, stored, and what is unknown       nothing more than that it was taken
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.http.reply import printable

Event = Mapping[str, object]


class Meaning(NamedTuple):
    """What an event comes to."""

    status: Status
    feedback: Feedback | None = None
    reason: str | None = None


#: What every event of a mail says, whatever else it does.
TAKEN = Meaning(Status.SENT)

_PLAIN: Mapping[str, Meaning] = MappingProxyType(
    {
        "accepted": TAKEN,
        "delivered": Meaning(Status.DELIVERED),
        "complained": Meaning(Status.DELIVERED, Feedback.COMPLAINT),
        "unsubscribed": Meaning(Status.DELIVERED, Feedback.UNSUBSCRIBE),
    }
)
#: Addresses on lists of Mailgun's own, to which it does not even try to send.
_NOT_TRIED: Mapping[str, Feedback] = MappingProxyType(
    {
        "suppress-bounce": Feedback.HARD_BOUNCE,
        "suppress-complaint": Feedback.COMPLAINT,
        "suppress-unsubscribe": Feedback.UNSUBSCRIBE,
    }
)
_OF_THE_ADDRESS = frozenset({"bounce", "hardfail"})

#: RFC 3463: class, subject, detail.
_ENHANCED = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")
_FULL_MAILBOX = "5.2.2"
#: A mailbox that is closed stands under another subject than the rest.
_CLOSED = "5.2.1"
#: Of subject 1 (addresses), these are of the sender's.
_OF_THE_SENDER = frozenset({"5.1.7", "5.1.8", "5.1.9"})


def meaning_of(event: Event) -> Meaning | None:
    """What *event* (``event-data`` of a webhook) says; None where it says nothing that is final."""
    kind = _text(event, "event")
    if kind == "failed":
        return _failed(event)
    if kind == "rejected":
        return Meaning(Status.FAILED, None, _said("rejected", _text(_inner(event, "reject"), "reason")))
    return _PLAIN.get(kind)


def _failed(event: Event) -> Meaning | None:
    why, status = _text(event, "reason"), _inner(event, "delivery-status")
    if _text(event, "severity") != "permanent" and why != "old":
        return None
    code = status.get("code")
    head = ", ".join([why or "failed", *([str(code)] if isinstance(code, int | str) and code else [])])
    reason = _said(head, _text(status, "message") or _text(status, "description"))
    if why in _NOT_TRIED:
        return Meaning(Status.FAILED, _NOT_TRIED[why], reason)
    return Meaning(Status.BOUNCED, _of_the_address(why, str(code), _enhanced(status)), reason)


def _of_the_address(why: str, code: str, enhanced: str) -> Feedback | None:
    """What a bounce says of the address that was written to."""
    if why == "old" or code.startswith("4") or enhanced.startswith("4") or enhanced == _FULL_MAILBOX:
        return Feedback.SOFT_BOUNCE
    if enhanced:
        is_address = enhanced.startswith("5.1.") and enhanced not in _OF_THE_SENDER
        return Feedback.HARD_BOUNCE if is_address or enhanced == _CLOSED else None
    return Feedback.HARD_BOUNCE if why in _OF_THE_ADDRESS else None


def _enhanced(status: Event) -> str:
    """The enhanced status code: told by itself, or at the beginning of what the other server said."""
    for name in ("enhanced-code", "bounce-code", "message"):
        if found := _ENHANCED.search(_text(status, name)[:300]):
            return found[0]
    return ""


def _said(head: str, words: str) -> str:
    return printable(f"{head}: {words}" if words else head)


def _text(event: Event, name: str) -> str:
    found = event.get(name)
    return found if isinstance(found, str) else ""


def _inner(event: Event, name: str) -> Event:
    found = event.get(name)
    return found if isinstance(found, dict) else {}
