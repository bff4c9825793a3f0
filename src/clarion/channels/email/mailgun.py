"""Mail through Mailgun's API.

Written from https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages as of November 2026,
the table of errors in https://github.com/mailgun/documentation (source/api-sending.rst, July 2024), and Mailgun's own
library for Python (1.10). Mailgun knows no idempotency key for messages: a request that may have arrived and was not
answered is `Uncertain`. Tried against a fake of ours, against which Mailgun's own library passes; never against the
live service.

Mails are handed over as the letters that we build for SMTP too (``messages.mime``), not in parts: then the Message-ID
is ours and the same at every attempt, by which a mail that came twice shows; and headers and encodings are those that
are tried here. Nothing that is not ASCII goes as it is: nowhere does Mailgun say that it carries such octets unchanged.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Sequence
from datetime import timedelta

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Email, Provider
from clarion.channels.email.letters import Letters
from clarion.channels.email.mailgun_account import api_of
from clarion.channels.email.mailgun_answer import outcome_of
from clarion.channels.email.mime import Letter
from clarion.domain.outcome import Outcome, Reject
from clarion.http.client import Client, Patience
from clarion.http.form_data import form_data
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: The variable that a message carries and its events give back: our id of it. Who gets the mail may see it, as they see
#: the Message-ID, which holds the same.
MESSAGE = "clarion"

#: "Mailgun supports maximum messages size of 25MB."
LARGEST = 25_000_000

#: Giving up early does not undo a mail: it makes one of which nobody knows whether it was sent.
_PATIENCE = Patience(total=timedelta(seconds=60))


class Mailgun(Provider[Email]):
    """One domain at Mailgun."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Mailgun's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        self._to = parse_url(f"{api_of(account)}/v3/{account['domain']}/messages.mime")
        login = base64.b64encode(f"api:{account['api_key']}".encode()).decode("ascii")
        self._headers = {"authorization": f"Basic {login}", "accept": "application/json"}
        self._letters = Letters(from_domains=account.from_domains, max_size=LARGEST)
        connections = int(account["connections"])
        self._http = Client(connections=connections, patience=patience, tls=tls)
        #: A letter is built when its turn has come: a list of large ones does not lie in memory whole.
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
                return Reject("Mailgun takes addresses by RFC 5321 alone: ASCII", code="smtputf8_unsupported")
            id = ids.show(ids.Prefix.MESSAGE, mail.message_id)
            fields = [("to", letter.recipient), (f"v:{MESSAGE}", id)]
            kind, body = form_data(fields, ("message", "message/rfc822", letter.data))
            answer = await self._http.post(self._to, body, {**self._headers, "content-type": kind})
        return outcome_of(answer, clock.now()) if isinstance(answer, Reply) else answer
