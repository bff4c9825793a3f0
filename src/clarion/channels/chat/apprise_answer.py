"""What a call of Apprise came to: a pure function over its status, and what it logged.

Source: apprise 2.3 (November 2026), whose plugins answer with yes or no, and log the HTTP status where there was one
as ``error=404``.

Apprise says                               outcome
-----------------------------------------  ------------------------------------------------------------------
SUCCESS                                    Sent, with the name of the service: no plugin tells an id
NOMATCH: it makes nothing of the address   Retry, everybody waits: the account
FAILURE with 401, 403, 404, 405, 3xx       Retry, everybody waits: the account
FAILURE with 408, 425, 429, 503            Retry; of 429 everybody waits a little
FAILURE with 413, any other 4xx            Reject too_large, rejected
FAILURE otherwise, TIMEOUT                 Uncertain: it does not say whether anything was sent
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from clarion.domain.outcome import Outcome, Sent, Uncertain
from clarion.http.outcome import locked_out, of_refusal
from clarion.http.reply import printable

#: Apprise makes nothing of the account's address.
NO_SERVICE = locked_out("Apprise makes no service of its url")
_STATUS = re.compile(r"\berror=(?P<status>[1-5][0-9]{2})\b")


def outcome_of(status: str, service: str, logged: Sequence[str]) -> Outcome:
    """The outcome of a call with this *status* (of `apprise.AppriseResultStatus`), that *logged* these lines."""
    if status == "SUCCESS":
        return Sent(f"taken by {printable(service)}")
    if status == "NOMATCH":
        return NO_SERVICE
    said = printable(f"{service}: {' '.join(logged)}" if logged else f"{service}: {status}")
    found = [int(match["status"]) for line in logged for match in _STATUS.finditer(line)]
    if status != "FAILURE" or len(found) != 1:
        return Uncertain(said)
    return of_refusal(found[0], None, said, idempotent=False)
