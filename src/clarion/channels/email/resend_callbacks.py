"""What Resend tells later of a mail, and whether it is Resend that tells it.

Written from https://resend.com/docs/webhooks/event-types, https://resend.com/docs/webhooks/verify-webhooks-requests and
https://resend.com/docs/dashboard/emails/email-bounces as of November 2026; the signature also from Resend's own library
for Python (2), whose check must agree (in the tests).

event                                              report
-------------------------------------------------  -----------------------------------------------------------
email.sent                                         sent
email.delivered                                    delivered
email.bounced, Permanent                           bounced, hard bounce
email.bounced, Transient: General, MailboxFull     bounced, soft bounce
email.bounced, any other                           bounced: a size, a filter, a word; it says nothing of the address
email.complained                                   delivered, complaint
email.suppressed                                   failed, hard bounce: Resend did not try, for it bounced or complained
email.failed                                       failed
any other, such as email.opened                    nothing
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.email.resend import MESSAGE
from clarion.channels.email.resend_account import key_of
from clarion.channels.freshness import is_fresh
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import BadId, Forged
from clarion.http.reply import printable

#: How old what is signed may be. Whoever calls again signs anew.
AGE = timedelta(minutes=5)
_TIME = re.compile(r"[0-9]{10}")
_UNSIGNED = "the signature of Resend is missing or does not match"

Meaning = tuple[Status, Feedback | None]
Object = Mapping[str, object]

_PLAIN: Mapping[str, Meaning] = MappingProxyType(
    {
        "email.sent": (Status.SENT, None),
        "email.delivered": (Status.DELIVERED, None),
        "email.complained": (Status.DELIVERED, Feedback.COMPLAINT),
        "email.suppressed": (Status.FAILED, Feedback.HARD_BOUNCE),
        "email.failed": (Status.FAILED, None),
    }
)
_SOFT = frozenset({"General", "MailboxFull"})


class ResendCallbacks(Callbacks):
    """Believes what is signed with the webhook's signing secret."""

    def __init__(self, signing_secret: str) -> None:
        self._key = key_of(signing_secret)

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """The key of a report is the request's id, which is the same when Resend calls again."""
        key = self._genuine(callback, now)
        event = _object(_json(callback.body))
        data = _object(event.get("data"))
        meaning, id, taken_as = _meaning(event, data), _message_id(data), data.get("email_id")
        if meaning is None or id is None or not isinstance(taken_as, str) or not taken_as:
            return ()
        status, feedback = meaning
        reason = _reason(event, data) if status in (Status.BOUNCED, Status.FAILED) else None
        return [
            Report(
                message_id=id,
                provider_id=printable(taken_as),
                status=status,
                reason=reason,
                feedback=feedback,
                key=key,
            )
        ]

    def _genuine(self, callback: Callback, now: datetime) -> str:
        """The id of the request, once its signature holds and is recent. Raises `Forged`."""
        id, at, given = (callback.headers.get(f"svix-{name}", "") for name in ("id", "timestamp", "signature"))
        signed = f"{id}.{at}.".encode("utf-8", "replace") + callback.body
        expected = base64.b64encode(hmac.digest(self._key, signed, "sha256"))
        # Several where the secret is being changed, each with its version.
        proofs = [one.partition(",") for one in given.split(" ")[:20]]
        matches = [
            hmac.compare_digest(proof.encode("utf-8", "replace"), expected) and version == "v1"
            for version, _, proof in proofs
        ]
        if True not in matches or not id or not _TIME.fullmatch(at):
            raise Forged(_UNSIGNED)
        if not is_fresh(int(at), now, AGE):
            raise Forged("Resend signed it too long ago, or the clocks differ")
        return printable(id)


def _meaning(event: Object, data: Object) -> Meaning | None:
    kind = event.get("type")
    if kind == "email.bounced":
        bounce = _object(data.get("bounce"))
        if bounce.get("type") == "Permanent":
            return Status.BOUNCED, Feedback.HARD_BOUNCE
        soft = bounce.get("type") == "Transient" and bounce.get("subType") in _SOFT
        return Status.BOUNCED, Feedback.SOFT_BOUNCE if soft else None
    return _PLAIN.get(kind) if isinstance(kind, str) else None


def _reason(event: Object, data: Object) -> str:
    bounce, failed, suppressed = (_object(data.get(name)) for name in ("bounce", "failed", "suppressed"))
    words = [bounce.get("type"), bounce.get("subType"), bounce.get("message")]
    words += [failed.get("reason"), suppressed.get("type"), suppressed.get("message")]
    said = ", ".join(word for word in words if isinstance(word, str) and word)
    kind = str(event.get("type")).removeprefix("email.")
    return printable(f"{kind}: {said}" if said else kind)


def _message_id(data: Object) -> UUID | None:
    """Our id among the tags: an object by name, or a list as it was given."""
    tags = data.get("tags")
    if isinstance(tags, list):
        tags = {str(tag.get("name")): tag.get("value") for tag in tags if isinstance(tag, dict)}
    try:
        return ids.parse(ids.Prefix.MESSAGE, str(_object(tags).get(MESSAGE)))
    except BadId:
        return None


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _object(found: object) -> Object:
    return found if isinstance(found, dict) else {}
