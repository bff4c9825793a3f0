"""Mail through Postmark's API.

Written from https://postmarkapp.com/developer/user-guide/send-email-with-api and
https://postmarkapp.com/developer/api/overview as of November 2026, and Postmark's own library for Python (0.4).
Postmark knows no idempotency key for messages: a request that may have arrived and was not answered is `Uncertain`.
Tried against a fake of ours, against which Postmark's own library passes; never against the live service.

Postmark takes mails in parts alone. What could not be a letter of ours (senders, headers, sizes) is refused before
anything is asked, as everywhere; the Message-ID is Postmark's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from datetime import timedelta

import orjson

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Email, Provider
from clarion.channels.email.letters import Letters
from clarion.channels.email.mime import Letter
from clarion.channels.email.postmark_account import api_of
from clarion.channels.email.postmark_answer import outcome_of
from clarion.domain.address import parse_sender
from clarion.domain.outcome import Outcome, Reject
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: What a mail carries among its metadata, and webhooks give back: our id of it.
MESSAGE = "clarion"

#: What Postmark takes in all: 10 MB.
LARGEST = 10_000_000

_JSON = {"content-type": "application/json", "accept": "application/json"}

#: Giving up early does not undo a mail: it makes one of which nobody knows whether it was sent.
_PATIENCE = Patience(total=timedelta(seconds=60))


class Postmark(Provider[Email]):
    """One server at Postmark: what a token there stands for."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Postmark's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        self._to = parse_url(f"{api_of(account)}/email")
        token = account["server_token"]
        #: Made anew for each request: so the token stands in no attribute, which somebody might print.
        self._headers = lambda: {**_JSON, "x-postmark-server-token": token}
        self._stream = account["stream"]
        self._letters = Letters(from_domains=account.from_domains, max_size=LARGEST)
        connections = int(account["connections"])
        self._http = Client(connections=connections, patience=patience, tls=tls)
        self._turns = asyncio.Semaphore(connections)

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, mail: Email) -> Outcome:
        async with self._turns:
            letter = self._letters.compose(mail, eight_bit=False)
            if not isinstance(letter, Letter):
                return letter
            if letter.smtputf8:
                return Reject("Postmark takes addresses by RFC 5322 alone: ASCII", code="smtputf8_unsupported")
            answer = await self._http.post(self._to, orjson.dumps(self._body(mail, letter)), self._headers)
        return outcome_of(answer) if isinstance(answer, Reply) else answer

    def _body(self, mail: Email, letter: Letter) -> dict[str, object]:
        id = ids.show(ids.Prefix.MESSAGE, mail.message_id)
        headers = [{"Name": "Auto-Submitted", "Value": "auto-generated"}]
        headers += [{"Name": name, "Value": value} for name, value in mail.headers if name != "Reply-To"]
        body: dict[str, object] = {
            "From": _mailbox(parse_sender(mail.sender)[0], letter.sender),
            "To": _mailbox(mail.to_name, letter.recipient),
            "Subject": mail.content.subject,
            "TextBody": mail.content.text,
            "Headers": headers,
            "Metadata": {MESSAGE: id},
            "MessageStream": self._stream,
        }
        if mail.content.html is not None:
            body["HtmlBody"] = mail.content.html
        if reply_to := dict(mail.headers).get("Reply-To"):
            body["ReplyTo"] = reply_to
        return body


def _mailbox(name: str | None, address: str) -> str:
    """As Postmark has it: a name with punctuation stands in quotes."""
    if not name:
        return address
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'
