"""What an HTTP server answered, as far as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson

from clarion.domain.outcome import Outcome
from clarion.http.outcome import of_refusal, of_status

_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. Its status is certain; its body may be cut off, by us or by the server."""

    status: int
    #: Names in lower case.
    headers: Mapping[str, str]
    #: At most `clarion.http.progress.MOST_READ`, as it came: nothing is unpacked.
    body: bytes
    #: What ``Retry-After`` asks for; None for none, and for what is no wait at all.
    retry_after: timedelta | None = None

    @property
    def ok(self) -> bool:
        """Whether the status says that it went well."""
        return 200 <= self.status < 300

    @property
    def json(self) -> Mapping[str, object]:
        """The JSON object that the body is; empty for anything else."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def shown(self) -> str:
        """The beginning of the body, fit for a log and a page."""
        return printable(self.body[: 2 * _SHOWN].decode("utf-8", "replace"))

    @property
    def outcome(self) -> Outcome:
        """What the status alone means for a webhook: see `clarion.http.outcome`."""
        return of_status(self.status, self.retry_after, self.shown)

    def refusal(self, said: str | None = None, *, idempotent: bool) -> Outcome:
        """What the status alone means for a message that a provider did not take, in the words *said*."""
        shown = f"HTTP {self.status}" + (f": {self.shown}" if self.shown else "")
        return of_refusal(self.status, self.retry_after, said or shown, idempotent=idempotent)


def printable(text: str) -> str:
    """*text* from outside, fit for a log and a page: one line of at most 200 characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _SHOWN]).split())[:_SHOWN]
