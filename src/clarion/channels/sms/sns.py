"""Text messages through Amazon SNS, each published to a number.

Written from https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and
https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html as of November 2026, and the model of the service in
botocore 1.44. SNS knows no idempotency key for numbers: a request that may have arrived and was not answered is
`Uncertain`. It tells nothing later but to logs of Amazon's own. Tried against a fake of ours, against which Amazon's
own library passes; never against the live service.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from clarion import clock
from clarion.channels.account import Account
from clarion.channels.aws.access import open_access
from clarion.channels.aws.refusals import FORBIDDEN
from clarion.channels.aws.signing import signer
from clarion.channels.base import Provider, Sms
from clarion.channels.sms.sns_account import TYPES, api_of
from clarion.channels.sms.sns_answer import outcome_of
from clarion.domain.outcome import Outcome, Retry
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: Giving up early does not undo a message: it makes one of which nobody knows whether it was sent.
_PATIENCE = Patience(total=timedelta(seconds=30))
_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

_TYPE = "AWS.SNS.SMS.SMSType"
_NAME = "AWS.SNS.SMS.SenderID"
_NUMBER = "AWS.MM.SMS.OriginationNumber"


class Sns(Provider[Sms]):
    """One user or role of one account at Amazon, in one region."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Amazon's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        self._sender = account.get("from") or ""
        self._type = TYPES[account["sms_type"]]
        self._to = parse_url(api_of(account))
        self._access = open_access(account)
        self._sign = signer(region=account["region"], service="sns", to=self._to)
        self._http = Client(connections=int(account["connections"]), patience=patience, tls=tls)

    async def send(self, items: Sequence[Sms]) -> list[Outcome]:
        keys = await self._access.keys()
        if isinstance(keys, Retry):
            return [keys for _ in items]
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._access.close()
        await self._http.close()

    async def _send(self, item: Sms) -> Outcome:
        body = urlencode(self._form(item)).encode()

        def headers() -> Mapping[str, str]:
            return self._sign(self._access.latest, body, _HEADERS, clock.now())

        answer = await self._http.post(self._to, body, headers)
        if isinstance(answer, Reply) and answer.status == FORBIDDEN:
            self._access.forget()
        return outcome_of(answer) if isinstance(answer, Reply) else answer

    def _form(self, item: Sms) -> dict[str, str]:
        form = {"Action": "Publish", "Version": "2010-03-31", "PhoneNumber": item.to, "Message": item.content.text}
        attributes = {_TYPE: self._type}
        if sender := item.sender or self._sender:
            attributes[_NUMBER if sender.removeprefix("+").isdigit() else _NAME] = sender
        for number, (name, value) in enumerate(attributes.items(), start=1):
            entry = f"MessageAttributes.entry.{number}"
            form |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
        return form
