"""What Mailgun tells later of a mail, and whether it is Mailgun that tells it.

Written from https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks as of November 2026; the
signature also from Mailgun's own library for Python (1.10), whose check must agree (in the tests).

Mailgun signs a time and a token, and not what it says: whoever saw one request could put any other words into it. So a
token counts once (it is the report's key, and keys are kept), for as long as its time is recent, and a report moves
nothing but a mail that was sent through this account, under the id that it names. An event of such a mail that says
nothing more says that Mailgun has it: so its token is used up, too.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.email.mailgun import MESSAGE
from clarion.channels.email.mailgun_answer import bare_id
from clarion.channels.email.mailgun_events import TAKEN, Event, meaning_of
from clarion.channels.freshness import is_fresh
from clarion.errors import BadId, Forged

#: Time and token are signed without anything between them: of so many digits, neither can pass for a part of the other.
_TIME = re.compile(r"[0-9]{10}")
_TOKEN = re.compile(r"[!-~]{16,200}")
_UNSIGNED = "the signature of Mailgun is missing or does not match"


class MailgunCallbacks(Callbacks):
    """Believes what is signed with the account's HTTP webhook signing key."""

    def __init__(self, signing_key: str, *, age: timedelta = timedelta(hours=9)) -> None:
        """*age* is how old what is signed may be: Mailgun calls again for eight hours, and may not sign anew."""
        self._key = signing_key.encode()
        self._age = age

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """The signature stands in the body, which is JSON: nothing else of it is looked at before that holds."""
        told = _object(_json(callback.body))
        token = self._genuine(_object(told.get("signature")), now)
        event = _object(told.get("event-data"))
        meaning, taken_as = meaning_of(event) or TAKEN, _taken_as(event)
        id = _message_id(event, taken_as)
        if taken_as is None or id is None:
            return ()
        return [
            Report(
                message_id=id,
                provider_id=taken_as,
                status=meaning.status,
                reason=meaning.reason,
                feedback=meaning.feedback,
                key=token,
            )
        ]

    def _genuine(self, signature: Event, now: datetime) -> str:
        """The token of *signature*, once that holds and is recent. Raises `Forged`."""
        at, token, given = (str(signature.get(name, "")) for name in ("timestamp", "token", "signature"))
        expected = hmac.digest(self._key, f"{at}{token}".encode("utf-8", "replace"), "sha256").hex()
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise Forged(_UNSIGNED)
        if not _TIME.fullmatch(at) or not _TOKEN.fullmatch(token):
            raise Forged(_UNSIGNED)
        if not is_fresh(int(at), now, self._age):
            raise Forged("Mailgun signed it too long ago, or the clocks differ")
        return token


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _object(found: object) -> Mapping[str, object]:
    return found if isinstance(found, dict) else {}


def _taken_as(event: Event) -> str | None:
    """Mailgun's own id of the mail."""
    headers = _object(_object(event.get("message")).get("headers"))
    return bare_id(headers.get("message-id"))


def _message_id(event: Event, taken_as: str | None) -> UUID | None:
    """Our id: the variable that the mail was given, or what stands in its Message-ID, which we make of it."""
    variable = _object(event.get("user-variables")).get(MESSAGE)
    for text in (variable, (taken_as or "").partition("@")[0]):
        try:
            return ids.parse(ids.Prefix.MESSAGE, str(text))
        except BadId:
            continue
    return None
