"""Text messages through Twilio's Programmable Messaging.

Written from https://www.twilio.com/docs/messaging/api/message-resource as of November 2026, and twilio-python 9.13.
Twilio knows no idempotency key for messages: a request that may have arrived and was not answered is `Uncertain`.
Tried against a fake of ours, against which Twilio's own library passes; never against the live service.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Provider, Sms
from clarion.channels.sms.twilio_account import is_messaging_service
from clarion.channels.sms.twilio_answer import outcome_of
from clarion.domain.outcome import Outcome
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: In the query of the address that Twilio is to call: our id of the message.
MESSAGE = "message"

#: Giving up early does not undo a message: it makes one of which nobody knows whether it was sent.
_PATIENCE = Patience(total=timedelta(seconds=30))


class Twilio(Provider[Sms]):
    """One account at Twilio."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Twilio's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        self._sender = account["from"]
        self._callback_url = account.callback_url
        self._to = parse_url(f"{account['base_url']}/2010-04-01/Accounts/{account['account_sid']}/Messages.json")
        self._headers = {
            "authorization": _basic(account),
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        self._http = Client(connections=int(account["connections"]), patience=patience, tls=tls)

    async def send(self, items: Sequence[Sms]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, item: Sms) -> Outcome:
        answer = await self._http.post(self._to, urlencode(self._form(item)).encode(), self._headers)
        return outcome_of(answer) if isinstance(answer, Reply) else answer

    def _form(self, item: Sms) -> dict[str, str]:
        sender = item.sender or self._sender
        form = {"To": item.to, "Body": item.content.text}
        form["MessagingServiceSid" if is_messaging_service(sender) else "From"] = sender
        if self._callback_url is not None:
            id = ids.show(ids.Prefix.MESSAGE, item.message_id)
            form["StatusCallback"] = f"{self._callback_url}?{urlencode({MESSAGE: id})}"
        return form


def _basic(account: Account) -> str:
    user = account.get("api_key") or account["account_sid"]
    password = account.get("api_secret") or account["auth_token"]
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
