"""From a mail that came to the bounce address to what it reports, if anything.

Reports by the standards come first. Some servers send words for people instead: of those only what is unmistakable
counts, for a mail wrongly taken for a bounce would silence somebody who gets what is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from clarion.channels.base import Report
from clarion.channels.bounces.mail import Part, parts_of, read_part
from clarion.channels.bounces.status import News, Said, failed, of_delivery_status, of_feedback_report, status_in
from clarion.domain.return_path import ReturnPaths
from clarion.domain.status import Status

#: So much of a text for people is looked at.
_WORDS_LIMIT: Final = 16 * 1024
_STATUSES: Final = {
    Said.FAILED: Status.BOUNCED,
    Said.DELIVERED: Status.DELIVERED,
    Said.COMPLAINT: Status.DELIVERED,
}
_DELIVERY: Final = ("message/delivery-status", "message/global-delivery-status")

_DAEMON = re.compile(r"(?i)(?:^|[<\s\"])(?:mailer-daemon|postmaster|mail-daemon|mailerdaemon)(?=@|[\"\s>]|$)")
_GIVEN_UP = re.compile(
    r"(?i)\b(?:user unknown|unknown user|no such (?:user|mailbox|recipient|address)|mailbox (?:not found|unavailable)"
    r"|(?:user|mailbox|address|recipient|account) (?:does not|doesn't) exist|recipient (?:address )?rejected"
    r"|invalid recipient|could not be delivered|couldn't be delivered|permanent (?:fatal )?(?:error|failure))\b"
)
_NOT_YET = re.compile(
    r"(?i)\b(?:will (?:be retried|keep trying|continue to try|retry)|still being retried|not yet been)\b"
)


class Reading(NamedTuple):
    """What became of one mail when it was read."""

    #: What it reports; None when there is nothing to do.
    report: Report | None
    #: The message that it is about; None when it names none that is known to be ours.
    message_id: UUID | None
    said: Said


class Reader:
    """Reads mails that came back to *paths*."""

    def __init__(self, paths: ReturnPaths) -> None:
        self._paths = paths

    def read(self, raw: bytes, recipients: Iterable[bytes] = ()) -> Reading:
        """What *raw* says; *recipients* are those of its envelope, where that is known.

        A mail without one is about the message that the first address of ours within it names: where it was delivered
        to, or what was returned with it. Raises nothing, whatever *raw* is.
        """
        named = (self._paths.read(recipient) for recipient in recipients)
        message_id = next((id for id in named if id is not None), None) or self._paths.find(raw)
        mail = read_part(raw)
        news = understand(mail)
        status = _STATUSES.get(news.said)
        if message_id is None or status is None:
            return Reading(None, message_id, news.said)
        report = Report(
            message_id=message_id,
            provider_id=None,
            status=status,
            reason=news.reason,
            feedback=news.feedback,
            key=_key(message_id, mail),
        )
        return Reading(report, message_id, news.said)


def understand(mail: Part) -> News:
    """What *mail* says of the message that it is about."""
    parts = parts_of(mail)
    for part in parts:
        if part.kind in _DELIVERY:
            return of_delivery_status(part.content)
        if part.kind == "message/feedback-report":
            return of_feedback_report(part.content)
    if "x-failed-recipients" in mail.fields:  # Exim writes it, and calls what it sends back an automatic reply
        return _by_words(mail, parts)
    if _is_answer(mail) or not _DAEMON.search(mail.fields.get("from", "")[:1_000]):
        return News(said=Said.ANSWER)
    return _by_words(mail, parts)


def _by_words(mail: Part, parts: list[Part]) -> News:
    """What a server says to people alone."""
    readable = next((part for part in parts if part.kind.startswith("text/")), mail)
    words = readable.content[:_WORDS_LIMIT].decode("utf-8", "replace")
    lines = [line.strip() for line in words.splitlines()]
    status = status_in(lines)
    if status is not None and status[0] == "5":
        return failed(status, next(line for line in lines if status in line))
    if _NOT_YET.search(words):
        return News(said=Said.DELAYED)
    if "x-failed-recipients" in mail.fields or _GIVEN_UP.search(words):
        telling = (line for line in lines if (status and status in line) or _GIVEN_UP.search(line))
        return failed(status, next(telling, ""))
    return News(said=Said.UNCLEAR)


def _is_answer(mail: Part) -> bool:
    """Whether a program wrote back for a person (RFC 3834, and what was there before it)."""
    fields = mail.fields
    return (
        fields.get("auto-submitted", "").strip().lower().startswith("auto-replied")
        or fields.get("precedence", "").strip().lower() == "auto_reply"
        or not {"x-autoreply", "x-autorespond", "x-auto-response-suppress"}.isdisjoint(fields)
    )


def _key(message_id: UUID, mail: Part) -> str:
    """The same for the same mail, however often it comes and by whatever way."""
    own = mail.fields.get("message-id", "").encode() or mail.body
    return f"{message_id.hex} {hashlib.sha256(own).hexdigest()}"
