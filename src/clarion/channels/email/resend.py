"""Mail through Resend's API.

Written from https://resend.com/docs/api-reference/emails/send-email,
https://resend.com/docs/dashboard/emails/idempotency-keys and https://resend.com/docs/api-reference/errors as of
November 2026, and Resend's own library for Python (2). Tried against a fake of ours, against which Resend's own library
passes; never against the live service.

A mail goes with its id as idempotency key: for a day, Resend does not send it a second time. A request that was not
answered is `Uncertain` all the same, for nobody says that the next one comes within that day.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import orjson

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Email
from clarion.channels.email.enclosed import File
from clarion.channels.email.mime import Letter
from clarion.channels.email.over_http import PATIENCE, MailOverHttp, Request, mailbox
from clarion.channels.email.resend_account import api_of
from clarion.channels.email.resend_answer import outcome_of
from clarion.domain.address import parse_sender
from clarion.domain.outcome import Outcome
from clarion.http.client import Patience
from clarion.http.reply import Reply

#: The tag that a mail carries and webhooks give back: our id of it.
MESSAGE = "clarion"

#: "Max 40MB per email, including attachments after their base64 encoding."
LARGEST = 40_000_000


class Resend(MailOverHttp):
    """One team at Resend."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(account, f"{api_of(account)}/emails", largest=LARGEST, patience=patience, tls=tls)
        key = account["api_key"]
        #: Made anew for each request: so the key stands in no attribute, which somebody might print.
        self._login: Callable[[], str] = lambda: f"Bearer {key}"

    def _request(self, mail: Email, letter: Letter) -> Request:
        id = ids.show(ids.Prefix.MESSAGE, mail.message_id)
        # The same at every attempt: Resend refuses a key that comes with another mail.
        body: dict[str, object] = {
            "from": mailbox(parse_sender(mail.sender)[0], letter.sender),
            "to": [mailbox(mail.to_name, letter.recipient)],
            "subject": mail.content.subject,
            "text": mail.content.text,
            "headers": {
                "Auto-Submitted": "auto-generated",
                **{name: value for name, value in mail.headers if name != "Reply-To"},
            },
            "tags": [{"name": MESSAGE, "value": id}],
        }
        if mail.content.html is not None:
            body["html"] = mail.content.html
        if reply_to := dict(mail.headers).get("Reply-To"):
            body["reply_to"] = reply_to
        if mail.enclosed is not None:
            body["attachments"] = [_attachment(file) for file in mail.enclosed.files]
        headers = {
            "authorization": self._login(),
            "content-type": "application/json",
            "accept": "application/json",
            "idempotency-key": id,
        }
        return Request(orjson.dumps(body), headers)

    def _outcome(self, reply: Reply) -> Outcome:
        return outcome_of(reply)


def _attachment(file: File) -> dict[str, str]:
    named = {"content_id": file.inline} if file.inline else {}
    return {"filename": file.name, "content": file.base64, "content_type": file.type, **named}
