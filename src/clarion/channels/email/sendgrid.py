"""Mail through SendGrid's API.

Written from https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send and
https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors as of November 2026, and
SendGrid's own library for Python (6.12). SendGrid knows no idempotency key for messages: a request that may have
arrived and was not answered is `Uncertain`. Tried against a fake of ours, against which SendGrid's own library passes;
never against the live service.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import orjson

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Email
from clarion.channels.email.enclosed import File
from clarion.channels.email.mime import Letter
from clarion.channels.email.over_http import PATIENCE, MailOverHttp, Request
from clarion.channels.email.sendgrid_account import api_of
from clarion.channels.email.sendgrid_answer import outcome_of
from clarion.domain.address import parse_sender
from clarion.domain.outcome import Outcome
from clarion.http.client import Patience
from clarion.http.reply import Reply

#: The custom argument that a mail carries and its events give back: our id of it.
MESSAGE = "clarion"

#: "The total size of your email, including attachments, must be less than 30MB."
LARGEST = 30_000_000


class SendGrid(MailOverHttp):
    """One account, or one subuser, at SendGrid."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(account, f"{api_of(account)}/v3/mail/send", largest=LARGEST, patience=patience, tls=tls)
        key = account["api_key"]
        #: Made anew for each request: so the key stands in no attribute, which somebody might print.
        self._login: Callable[[], str] = lambda: f"Bearer {key}"

    def _request(self, mail: Email, letter: Letter) -> Request:
        content = [{"type": "text/plain", "value": mail.content.text or " "}]
        if mail.content.html is not None:
            content.append({"type": "text/html", "value": mail.content.html})
        extra = dict(mail.headers)
        reply_to = extra.pop("Reply-To", None)
        body: dict[str, object] = {
            "personalizations": [
                {
                    "to": [_person(mail.to_name, letter.recipient)],
                    "custom_args": {MESSAGE: ids.show(ids.Prefix.MESSAGE, mail.message_id)},
                }
            ],
            "from": _person(parse_sender(mail.sender)[0], letter.sender),
            "subject": mail.content.subject,
            "content": content,
            "headers": {"Auto-Submitted": "auto-generated", **extra},
        }
        if reply_to is not None:
            body["reply_to"] = _person(*parse_sender(reply_to))
        if mail.enclosed is not None:
            body["attachments"] = [_attachment(file) for file in mail.enclosed.files]
        headers = {"authorization": self._login(), "content-type": "application/json", "accept": "application/json"}
        return Request(orjson.dumps(body), headers)

    def _outcome(self, reply: Reply) -> Outcome:
        return outcome_of(reply, clock.now())


def _attachment(file: File) -> dict[str, str]:
    named = {"disposition": "inline", "content_id": file.inline} if file.inline else {"disposition": "attachment"}
    return {"content": file.base64, "filename": file.name, "type": file.type, **named}


def _person(name: str | None, address: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}
