"""What Vonage tells later of a message, its delivery receipts, and whether it is Vonage that tells it.

Written from https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts and
https://developer.vonage.com/en/getting-started/concepts/signing-messages as of November 2026; the signature also from
Vonage's own library for Python (vonage-http-client 1.5), whose check must agree (in the tests).

receipt                                    report
-----------------------------------------  ------------------------------------------------------------------
accepted                                   sent: the carrier took it
delivered                                  delivered
expired, failed, rejected                  bounced, with Vonage's code in the reason
buffered, unknown, and any other           nothing

of the number says: 3 and 4 that it is dead, 9 that its owner wants nothing, 2, 7 and 12 that it could not be reached.
Of a message in several parts, each part has a receipt, with an id of its own. It is delivered when one is, and bounced
as soon as one did not arrive.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.freshness import is_fresh
from clarion.channels.sms.vonage import REFERENCE
from clarion.channels.sms.vonage_signature import signature
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import BadId, Forged
from clarion.http.reply import printable

_MOST_FIELDS = 100
_TIME = re.compile(r"[0-9]{10}")
_UNSIGNED = "the signature of Vonage is missing or does not match"

STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "accepted": Status.SENT,
        "delivered": Status.DELIVERED,
        "expired": Status.BOUNCED,
        "failed": Status.BOUNCED,
        "rejected": Status.BOUNCED,
    }
)
#: What ``err-code`` means, and what it says of the number.
CODES: Mapping[str, tuple[str, Feedback | None]] = MappingProxyType(
    {
        "1": ("nobody knows why", None),
        "2": ("the handset was away", Feedback.SOFT_BOUNCE),
        "3": ("nobody has this number any more", Feedback.HARD_BOUNCE),
        "4": ("barred by its user for good", Feedback.HARD_BOUNCE),
        "5": ("it was moved to another carrier", None),
        "6": ("a carrier took it for spam", None),
        "7": ("the handset was busy", Feedback.SOFT_BOUNCE),
        "8": ("an error of the network", None),
        "9": ("its user wants no such messages", Feedback.UNSUBSCRIBE),
        "10": ("something is wrong with the message", None),
        "11": ("there is no route", None),
        "12": ("it cannot be reached", Feedback.SOFT_BOUNCE),
        "13": ("its user is too young for it", None),
        "14": ("its carrier carries no such messages to it", None),
        "15": ("its user's credit is used up", None),
        "16": ("the sender's messages are used up at the carrier", None),
        "50": ("the sender's company is not registered with the carriers", None),
        "51": ("the sender is not registered with the carriers", None),
        "52": ("the carriers do not carry such words", None),
        "53": ("its user has not agreed to such messages", None),
        "54": ("a rule of the country", None),
    }
)


class VonageCallbacks(Callbacks):
    """Believes what is signed with the account's signature secret."""

    def __init__(self, secret: str | None, *, method: str = "sha256", age: timedelta = timedelta(hours=25)) -> None:
        """*age* is how old what is signed may be. Without a *secret*, nothing is believed."""
        self._secret = None if secret is None else secret.encode()
        self._method = method
        self._age = age

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """The key of a report is the message's id at Vonage with what is told of it."""
        told = self._genuine(callback, now)
        taken_as, status, code = (told.get(name, "") for name in ("messageId", "status", "err-code"))
        id = _message_id(told.get(REFERENCE, ""))
        if id is None or not taken_as or status not in STATUSES:
            return ()
        ours, (_, feedback) = STATUSES[status], CODES.get(code, ("", None))
        bad = ours is Status.BOUNCED
        return [
            Report(
                message_id=id,
                provider_id=printable(taken_as),
                status=ours,
                reason=_reason(status, code) if bad else None,
                feedback=feedback if bad else None,
                key=printable(f"{taken_as}:{status}:{code}"),
            )
        ]

    def _genuine(self, callback: Callback, now: datetime) -> Mapping[str, str]:
        """The parameters of *callback*, once their signature holds and is recent. Raises `Forged`."""
        told = _parameters(callback)
        given = told.pop("sig", "").lower()
        if self._secret is None:
            raise Forged("the account has no signature secret: what Vonage tells cannot be believed")
        expected = signature(self._secret, self._method, told.items())
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise Forged(_UNSIGNED)
        at = told.get("timestamp", "")
        if not _TIME.fullmatch(at) or not is_fresh(int(at), now, self._age):
            raise Forged("Vonage signed it too long ago, or the clocks differ")
        return told


def _parameters(callback: Callback) -> dict[str, str]:
    """A form or JSON, as the account's settings at Vonage say. Raises `Forged` for anything else, and for what is given
    twice: it would be signed once."""
    try:
        if callback.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            found = orjson.loads(callback.body)
            return {name: value if isinstance(value, str) else str(value) for name, value in found.items()}
        text = callback.body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except (ValueError, AttributeError):
        raise Forged("it is neither a form nor JSON as Vonage sends them") from None
    if len(dict(pairs)) != len(pairs) or urlsplit(callback.url).query:
        raise Forged("a parameter stands twice, or in the address")
    return dict(pairs)


def _message_id(text: str) -> UUID | None:
    try:
        return ids.parse(ids.Prefix.MESSAGE, text)
    except BadId:
        return None


def _reason(status: str, code: str) -> str:
    meaning, _ = CODES.get(code, ("", None))
    return printable(status + (f", {code}" if code else "") + (f": {meaning}" if meaning else ""))
