"""What a push service's answer means: pure functions. Users name the service, so that no answer holds up all others.

Sources, as of November 2026: RFC 8030 §5 and §8, RFC 8292 §4,
https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers,
https://mozilla-push-service.readthedocs.io/en/latest/http.html,
https://learn.microsoft.com/en-us/windows/apps/develop/notifications/push-notifications/push-request-response-headers.

answer                                outcome
------------------------------------  -----------------------------------------------------------------------
201, 202                              Sent, under the address of the message where one is given, else an id
404, 410                              Reject unregistered; the device is disabled
413                                   Reject too_large
401, 403 with BadJwtToken             Retry, with a new assertion
403, 400 with VapidPkHashMismatch     Reject sender_refused: the browser subscribed with another key, whose account
                                      may take it. The device stays: an account of the wrong key would disable all
408, 425, 429, 503; 406, by which     Retry, for this message alone: as `Retry-After` says
Microsoft's says 429
any other 2xx, any other 5xx          Uncertain: there is nothing by which a push service would know it again
anything else                         Reject rejected; redirects are not followed
"""

from __future__ import annotations

from clarion.domain.device import shorten
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY
from clarion.http.reply import Reply, printable

_GONE = frozenset({404, 410})
_TAKEN = frozenset({201, 202})
_BUSY = frozenset({406, 429})
_LATER = frozenset({408, 425, 503}) | _BUSY
#: Apple's word for a subscription that was made with another key.
_OTHER_KEY = "VapidPkHashMismatch"
#: … and for an assertion that is none: too old, or for somebody who cannot be written to.
_NO_PROOF = "BadJwtToken"
_LONGEST_ID = 500


def outcome_of(reply: Reply, endpoint: str, id: str) -> Outcome:
    """The outcome of message *id*, posted to *endpoint* and answered with *reply*."""
    status = reply.status
    if status in _TAKEN:
        return Sent(_name_of(reply) or id)
    said = f"HTTP {status}" + (f": {reply.shown}" if reply.shown else "")
    said = said.replace(endpoint, shorten(endpoint))
    if status in _GONE:
        return Reject(said, code="unregistered", feedback=Feedback.DEAD_TOKEN)
    if status == 413:
        return Reject(said, code="too_large")
    if is_unproven(reply):
        return Retry(said, blameless=True)
    if status == 403 or (status == 400 and reply.json.get("reason") == _OTHER_KEY):
        return Reject(said, code="sender_refused")
    if status in _LATER:
        return Retry(said, after=reply.retry_after or (BUSY if status in _BUSY else None), blameless=True)
    if reply.ok or status >= 500:
        return Uncertain(said, blameless=True)
    return Reject(said)


def is_unproven(reply: Reply) -> bool:
    """Whether the assertion was not accepted, whoever the browser subscribed with."""
    return reply.status == 401 or (reply.status == 403 and reply.json.get("reason") == _NO_PROOF)


def without_answer(why: Retry | Reject | Uncertain) -> Outcome:
    """What it means that no answer came, for the reason *why*: nothing for other push services."""
    if isinstance(why, Retry):
        return Retry(why.reason, after=why.after, blameless=True)
    return Uncertain(why.reason, blameless=True) if isinstance(why, Uncertain) else why


def _name_of(reply: Reply) -> str | None:
    name = reply.headers.get("location") or reply.headers.get("apns-id")
    return name if name and len(name) <= _LONGEST_ID and printable(name) == name[:200] else None
