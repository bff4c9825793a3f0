"""What a report says of a message: delivery status notifications (RFC 3464) and complaints (RFC 5965)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clarion.channels.bounces.mail import read_fields
from clarion.channels.email.outcome import clean, feedback_of
from clarion.domain.feedback import Feedback


class Said(StrEnum):
    """What a mail that came back says."""

    FAILED = "failed"  #: it was not delivered, and is not tried any more
    DELIVERED = "delivered"  #: it is in the mailbox
    COMPLAINT = "complaint"  #: its recipient called it spam
    DELAYED = "delayed"  #: it is still being tried
    PASSED_ON = "passed_on"  #: it went on to where nothing is reported
    ANSWER = "answer"  #: no report at all: somebody is on holiday, or wrote back
    UNCLEAR = "unclear"  #: nothing that is understood


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one mail says of the message that it is about."""

    said: Said
    reason: str | None = None
    feedback: Feedback | None = None


#: RFC 3464 §2.3.3; where several recipients are told of, the first of these that any of them has counts.
_ACTIONS: Final[Mapping[str, Said]] = {
    "failed": Said.FAILED,
    "delivered": Said.DELIVERED,
    "delayed": Said.DELAYED,
    "relayed": Said.PASSED_ON,
    "expanded": Said.PASSED_ON,
}
#: RFC 5965 §7.3: kinds of feedback that say that somebody does not want the mail.
_COMPLAINTS: Final = frozenset({"abuse", "fraud"})
_MOST_RECIPIENTS: Final = 50

_EMPTY_LINES = re.compile(rb"(?:\r?\n[ \t]*){2,}")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")


def of_delivery_status(text: bytes) -> News:
    """What a part ``message/delivery-status`` says: fields of the message, then of each recipient."""
    blocks = [read_fields(block) for block in _EMPTY_LINES.split(text.strip(), _MOST_RECIPIENTS + 1)]
    news = [_of_recipient(fields) for fields in blocks[: _MOST_RECIPIENTS + 1] if "action" in fields]
    order = list(_ACTIONS.values())
    return min(news, key=lambda one: order.index(one.said), default=News(said=Said.UNCLEAR))


def of_feedback_report(text: bytes) -> News:
    """What a part ``message/feedback-report`` says."""
    kind = read_fields(text).get("feedback-type", "").strip().lower()
    if kind not in _COMPLAINTS:
        return News(said=Said.UNCLEAR, reason=clean(f"feedback of the kind {kind or 'none'}"))
    return News(said=Said.COMPLAINT, reason=f"a complaint: {kind}", feedback=Feedback.COMPLAINT)


def status_in(texts: Iterable[str]) -> str | None:
    """The status code (RFC 3463) that says most: the first that is more than a class alone."""
    codes = [found[1] for text in texts if (found := _STATUS.search(text))]
    return next((code for code in codes if not code.endswith(".0.0")), codes[0] if codes else None)


def failed(status: str | None, words: str) -> News:
    """That a message was not delivered, for which *status* and *words* are the reasons given."""
    reason = clean(words) or None
    if status and status not in words:
        reason = clean(f"{status} {words}".rstrip())
    return News(said=Said.FAILED, reason=reason, feedback=_feedback(status))


def _of_recipient(fields: Mapping[str, str]) -> News:
    said = _ACTIONS.get(fields["action"].partition("(")[0].strip().lower())
    if said is None:
        return News(said=Said.PASSED_ON)
    diagnostic = fields.get("diagnostic-code", "")
    words = diagnostic.partition(";")[2].strip() or diagnostic  # its type stands before: `smtp; 550 …`
    status = status_in((fields.get("status", ""), words))
    if said is Said.FAILED:
        return failed(status, words)
    return News(said=said, reason=clean(f"{status or ''} {words}".strip()) or None)


def _feedback(status: str | None) -> Feedback | None:
    """What a failure says of the address. Where it is about content, policy or protocol, nothing."""
    if status is None:
        return Feedback.SOFT_BOUNCE
    if (of_mailbox := feedback_of(status)) is not None:
        return of_mailbox
    kind, subject, _ = status.split(".")
    if kind == "4" or subject in ("0", "1", "2", "4"):  # given up; or about the address, the mailbox, the way there
        return Feedback.SOFT_BOUNCE
    return None
