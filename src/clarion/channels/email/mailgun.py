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

import base64
import ssl

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Email
from clarion.channels.email.mailgun_account import api_of
from clarion.channels.email.mailgun_answer import outcome_of
from clarion.channels.email.mime import Letter
from clarion.channels.email.over_http import PATIENCE, MailOverHttp, Request
from clarion.domain.outcome import Outcome
from clarion.http.client import Patience
from clarion.http.form_data import form_data
from clarion.http.reply import Reply

#: The variable that a message carries and its events give back: our id of it. Who gets the mail may see it, as they see
#: the Message-ID, which holds the same.
MESSAGE = "clarion"

#: "Mailgun supports maximum messages size of 25MB."
LARGEST = 25_000_000


class Mailgun(MailOverHttp):
    """One domain at Mailgun."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        url = f"{api_of(account)}/v3/{account['domain']}/messages.mime"
        super().__init__(account, url, largest=LARGEST, patience=patience, tls=tls, signer=account.signer)
        login = base64.b64encode(f"api:{account['api_key']}".encode()).decode("ascii")
        self._headers = {"authorization": f"Basic {login}", "accept": "application/json"}

    def _request(self, mail: Email, letter: Letter) -> Request:
        fields = [("to", letter.recipient), (f"v:{MESSAGE}", ids.show(ids.Prefix.MESSAGE, mail.message_id))]
        kind, body = form_data(fields, ("message", "message/rfc822", letter.whole()))
        return Request(body, {**self._headers, "content-type": kind})

    def _outcome(self, reply: Reply) -> Outcome:
        return outcome_of(reply, clock.now())
