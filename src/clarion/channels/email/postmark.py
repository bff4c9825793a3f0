"""Mail through Postmark's API.

Written from https://postmarkapp.com/developer/user-guide/send-email-with-api and
https://postmarkapp.com/developer/api/overview as of November 2026, and Postmark's own library for Python (0.4).
Postmark knows no idempotency key for messages: a request that may have arrived and was not answered is `Uncertain`.
Tried against a fake of ours, against which Postmark's own library passes; never against the live service.

Postmark takes mails in parts alone. What could not be a letter of ours (senders, headers, sizes) is refused before
anything is asked, as everywhere; the Message-ID is Postmark's.
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
from clarion.channels.email.postmark_account import api_of
from clarion.channels.email.postmark_answer import outcome_of
from clarion.domain.address import parse_sender
from clarion.domain.outcome import Outcome
from clarion.http.client import Patience
from clarion.http.reply import Reply

#: What a mail carries among its metadata, and webhooks give back: our id of it.
MESSAGE = "clarion"

#: What Postmark takes in all: 10 MB.
LARGEST = 10_000_000

_JSON = {"content-type": "application/json", "accept": "application/json"}


class Postmark(MailOverHttp):
    """One server at Postmark: what a token there stands for."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(account, f"{api_of(account)}/email", largest=LARGEST, patience=patience, tls=tls)
        token = account["server_token"]
        #: Made anew for each request: so the token stands in no attribute, which somebody might print.
        self._headers: Callable[[], dict[str, str]] = lambda: {**_JSON, "x-postmark-server-token": token}
        self._stream = account["stream"]

    def _request(self, mail: Email, letter: Letter) -> Request:
        headers = [{"Name": "Auto-Submitted", "Value": "auto-generated"}]
        headers += [{"Name": name, "Value": value} for name, value in mail.headers if name != "Reply-To"]
        body: dict[str, object] = {
            "From": mailbox(parse_sender(mail.sender)[0], letter.sender),
            "To": mailbox(mail.to_name, letter.recipient),
            "Subject": mail.content.subject,
            "TextBody": mail.content.text,
            "Headers": headers,
            "Metadata": {MESSAGE: ids.show(ids.Prefix.MESSAGE, mail.message_id)},
            "MessageStream": self._stream,
        }
        if mail.content.html is not None:
            body["HtmlBody"] = mail.content.html
        if reply_to := dict(mail.headers).get("Reply-To"):
            body["ReplyTo"] = reply_to
        if mail.enclosed is not None:
            body["Attachments"] = [_attachment(file) for file in mail.enclosed.files]
        return Request(orjson.dumps(body), self._headers())

    def _outcome(self, reply: Reply) -> Outcome:
        return outcome_of(reply)


def _attachment(file: File) -> dict[str, str]:
    named = {"ContentID": f"cid:{file.inline}"} if file.inline else {}
    return {"Name": file.name, "Content": file.base64, "ContentType": file.type, **named}
