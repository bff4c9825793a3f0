"""Text messages through Vonage's SMS API.

Written from https://developer.vonage.com/en/api/sms and
https://developer.vonage.com/en/getting-started/concepts/signing-messages as of November 2026, the guides in
https://github.com/Nexmo/nexmo-developer (July 2021), and Vonage's own library for Python (vonage-sms 1.2). Vonage knows
no idempotency key: a request that may have arrived and was not answered is `Uncertain`. Tried against a fake of ours,
against which Vonage's own library passes; never against the live service.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Provider, Sms
from clarion.channels.sms.vonage_account import api_of
from clarion.channels.sms.vonage_answer import outcome_of
from clarion.channels.sms.vonage_signature import signature
from clarion.domain.outcome import Outcome
from clarion.domain.sms_text import Alphabet, measure
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: What receipts give back of what they were given with the message: our id.
REFERENCE = "client-ref"

#: "Max 100 characters": a longer address is to be set in the dashboard.
_LONGEST_CALLBACK = 100

#: Giving up early does not undo a message: it makes one of which nobody knows whether it was sent.
_PATIENCE = Patience(total=timedelta(seconds=30))
_HEADERS = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class Vonage(Provider[Sms]):
    """One account at Vonage."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Vonage's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        self._sender = account["from"]
        self._callback_url = account.callback_url
        self._to = parse_url(f"{api_of(account)}/sms/json")
        self._let_in = _login(account)
        connections = int(account["connections"])
        self._http = Client(connections=connections, patience=patience, tls=tls)
        #: What is signed has a time in it: it is signed when its turn has come.
        self._turns = asyncio.Semaphore(connections)

    async def send(self, items: Sequence[Sms]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, item: Sms) -> Outcome:
        async with self._turns:
            body = urlencode(self._let_in(self._form(item))).encode()
            answer = await self._http.post(self._to, body, _HEADERS)
        return outcome_of(answer) if isinstance(answer, Reply) else answer

    def _form(self, item: Sms) -> dict[str, str]:
        text = item.content.text
        form = {
            "to": item.to.removeprefix("+"),
            "from": (item.sender or self._sender).removeprefix("+"),
            "text": text,
            REFERENCE: ids.show(ids.Prefix.MESSAGE, item.message_id),
        }
        if measure(text).alphabet is not Alphabet.GSM:
            form["type"] = "unicode"
        if self._callback_url is not None:
            form["status-report-req"] = "true"
            if len(self._callback_url) <= _LONGEST_CALLBACK:
                form["callback"] = self._callback_url
        return form


def _login(account: Account) -> Callable[[dict[str, str]], Mapping[str, str]]:
    """What makes a form one of *account*: a function, so that the secret stands in no attribute."""
    key, secret = account["api_key"], account.get("api_secret")
    if secret is not None:
        return lambda form: {**form, "api_key": key, "api_secret": secret}
    signing, method = account["signature_secret"].encode(), account["signature_method"]

    def sign(form: dict[str, str]) -> Mapping[str, str]:
        told = {**form, "api_key": key, "timestamp": str(int(clock.now().timestamp()))}
        return {**told, "sig": signature(signing, method, told.items())}

    return sign
