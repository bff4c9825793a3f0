"""What Twilio tells later of a message, and whether it is Twilio that tells it.

Written from https://www.twilio.com/docs/usage/webhooks/webhooks-security and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status as of November 2026; the signature also from
twilio-python 9.13, whose validator must agree (in the tests).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.sms.twilio import MESSAGE
from clarion.channels.sms.twilio_answer import feedback_of
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import BadId, Forged
from clarion.http.reply import printable

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
_PORTS: Final = {"https": 443, "http": 80}

#: What Twilio calls it. The others (accepted, scheduled, queued, sending …) say nothing that is not known.
_STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "sent": Status.SENT,  # a carrier took it
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undelivered": Status.BOUNCED,  # it was sent, and a receipt says that it did not arrive
        "failed": Status.FAILED,  # it could not be sent
        "canceled": Status.FAILED,  # somebody stopped it at Twilio
    }
)

#: What the commonest codes mean (https://www.twilio.com/docs/api/errors): Twilio sends the number alone.
_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "30001": "Twilio's queue for the sender overflowed",
        "30002": "the account is suspended",
        "30003": "the handset cannot be reached",
        "30004": "the number takes none of such messages",
        "30005": "nobody has this number",
        "30006": "a landline, or a carrier that cannot be reached",
        "30007": "a carrier or Twilio filtered it",
        "30008": "the carrier does not say why",
        "30022": "faster than the carriers allow the sender's campaign",
        "30023": "the sender's messages of the day are used up at the carrier",
        "30032": "the toll-free number of the sender is not verified",
        "30034": "the sender's number is not registered for the United States (A2P 10DLC)",
        "30410": "a carrier did not answer in time",
        "30450": "Twilio took it for fraud with messages to be paid for",
        "30500": "an error inside Twilio",
    }
)


class TwilioCallbacks(Callbacks):
    """Believes what is signed with the account's primary auth token."""

    def __init__(self, auth_token: str) -> None:
        self._token = auth_token.encode()

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """There is no time in what Twilio signs: a repetition is known by `Report.key`."""
        fields = self._genuine(callback)
        sid, status = fields.get("MessageSid", ""), fields.get("MessageStatus", "")
        id = _message_id(callback.url)
        if id is None or not sid or status not in _STATUSES:
            return ()
        return [
            Report(
                message_id=id,
                provider_id=printable(sid),
                status=_STATUSES[status],
                reason=_reason(status, fields.get("ErrorCode", "")),
                feedback=_feedback(status, fields.get("ErrorCode", "")),
                key=f"{printable(sid)}:{status}",
            )
        ]

    def _genuine(self, callback: Callback) -> Mapping[str, str]:
        """The fields of *callback*, once its signature holds. Raises `Forged`."""
        given = callback.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
        is_form = callback.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM
        # The hash of any other body stands in the signed address.
        signed = _pairs(callback.body) if is_form else []
        expected = [signature(self._token, url, signed) for url in _with_and_without_port(callback.url)]
        matches = [hmac.compare_digest(given, one.encode()) for one in expected]
        if True not in matches:
            raise Forged(
                "the signature of Twilio is missing or does not match: is auth_token the account's primary one, and"
                " public_url the address that Twilio calls?"
            )
        if is_form:
            return dict(signed)
        hashes = parse_qs(urlsplit(callback.url).query).get("bodySHA256", [""])
        given = hashes[0].lower().encode("utf-8", "replace")
        if not hmac.compare_digest(given, hashlib.sha256(callback.body).hexdigest().encode()):
            raise Forged("the body is not the one that Twilio signed")
        return _json_fields(callback.body)


def signature(token: bytes, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """``X-Twilio-Signature``: of the address, then each field and its value in the order of their names."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(token, signed.encode("utf-8", "surrogatepass"), hashlib.sha1)).decode("ascii")


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Forged("the body is not a form as Twilio sends them") from None


def _with_and_without_port(url: str) -> list[str]:
    """Twilio's servers do not agree on whether a port belongs to what is signed; its library tries both."""
    parts = urlsplit(url)
    host, port = parts.netloc, parts.port
    if port is not None:
        return [urlunsplit(parts._replace(netloc=host.rpartition(":")[0])), url]
    return [url, urlunsplit(parts._replace(netloc=f"{host}:{_PORTS.get(parts.scheme, 80)}"))]


def _json_fields(body: bytes) -> Mapping[str, str]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _message_id(url: str) -> UUID | None:
    """Our id, which stands in the address that Twilio was told: signed like the rest of it."""
    given = parse_qs(urlsplit(url).query).get(MESSAGE, [])
    try:
        return ids.parse(ids.Prefix.MESSAGE, given[0]) if len(given) == 1 else None
    except BadId:
        return None


def _feedback(status: str, code: str) -> Feedback | None:
    if _STATUSES[status] in (Status.SENT, Status.DELIVERED) or not re.fullmatch(r"[0-9]{5}", code, re.ASCII):
        return None
    return feedback_of(int(code))


def _reason(status: str, code: str) -> str | None:
    if _STATUSES[status] in (Status.SENT, Status.DELIVERED):
        return None
    code = printable(code)
    meaning = _MEANINGS.get(code)
    return status + (f", {code}" if code else "") + (f": {meaning}" if meaning else "")
