"""What the trigger of a workflow answers, and what that means: pure functions.

Sources, as of November 2026: https://learn.microsoft.com/en-us/azure/connectors/connectors-native-reqres,
https://learn.microsoft.com/en-us/azure/logic-apps/logic-apps-http-endpoint,
https://learn.microsoft.com/en-us/power-automate/limits-and-config (429).

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
200, 202                                   Sent, with the id of the workflow's run where a header has it
any other 2xx                              the same where it has one; else Uncertain
a code of `GONE`; 401, 403, 404, 410       Reject invalid_recipient; the chat is disabled
429                                        Retry, for this room alone, as long as ``Retry-After`` says
413                                        Reject too_large
5xx other than 503 (NoResponse, …)         Uncertain
405, redirects                             Retry, for this room alone
any other                                  Reject rejected
of the account's own room                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re

from clarion.channels.chat.over_http import gone, of_webhook, taken_as_nothing, without
from clarion.domain.outcome import Outcome, Sent
from clarion.http.reply import Reply, printable

#: Deleted, switched off, or its address was made anew.
GONE = frozenset(
    {"WorkflowNotFound", "WorkflowTriggerNotFound", "WorkflowTriggerIsNotEnabled", "WorkflowDisabled", "FlowNotFound"}
    | {"DirectApiAuthorizationRequired", "InvalidSharedAccessSignature", "SharedAccessSignatureExpired"}
)

#: A workflow that answers at the end of its run says 200, any other 202; neither need name the run.
TAKEN = frozenset({200, 202})
RUN = "x-ms-workflow-run-id"
_RUN = re.compile(r"[A-Za-z0-9_-]{8,100}")


def outcome_of(reply: Reply, url: str, *, own: bool) -> Outcome:
    """The outcome of what was posted to the workflow at *url*, which is in no reason; *own*: the account's room."""
    error = reply.json.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    words = error.get("message") if isinstance(error, dict) else None
    shown = printable(f"{code}: {words}") if isinstance(code, str) else reply.shown
    said = without(f"HTTP {reply.status}" + (f", {shown}" if shown else ""), url)
    if code in GONE and reply.status < 500:
        return gone(said)
    if reply.ok:
        run = reply.headers.get(RUN, "")
        taken = _RUN.fullmatch(run) or reply.status in TAKEN
        return Sent(run or f"HTTP {reply.status}") if taken else taken_as_nothing(said)
    return of_webhook(reply, said, own=own)
