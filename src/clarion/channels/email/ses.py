"""Mail through Amazon SES, by its API of version 2.

Written from https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html,
https://docs.aws.amazon.com/ses/latest/dg/quotas.html and https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
as of November 2026, and the model of the service in botocore 1.44. SES knows no idempotency key: a request that may
have arrived and was not answered is `Uncertain`. Tried against a fake of ours, against which Amazon's own library
passes; never against the live service.

Mails are handed over as the letters that we build for SMTP too (``Content.Raw``). SES writes a Message-ID and a Date of
its own over ours; ours it gives back in what it publishes, beside the tag that holds the message's id.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping, Sequence

import orjson

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.aws.access import open_access
from clarion.channels.aws.refusals import FORBIDDEN
from clarion.channels.aws.signing import signer
from clarion.channels.base import Email
from clarion.channels.email.mime import Letter
from clarion.channels.email.over_http import PATIENCE, MailOverHttp, Request
from clarion.channels.email.ses_account import api_of
from clarion.channels.email.ses_answer import outcome_of
from clarion.domain.outcome import Outcome, Retry
from clarion.http.client import Patience
from clarion.http.reply import Reply

#: The tag that a mail carries and events give back: our id of it.
MESSAGE = "clarion"

#: "40 MB per message (after base64 encoding)": what a mail is here, for its parts are in base64 already.
LARGEST = 40_000_000

#: "Amazon SES overrides" these.
_REWRITTEN = frozenset({b"date", b"message-id"})

_PATH = "/v2/email/outbound-emails"
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


class Ses(MailOverHttp):
    """One user or role of one account at Amazon, in one region."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            account,
            f"{api_of(account)}{_PATH}",
            largest=LARGEST,
            patience=patience,
            tls=tls,
            signer=account.signer,
            rewritten=_REWRITTEN,
        )
        self._set = account.get("configuration_set")
        self._access = open_access(account)
        self._sign = signer(region=account["region"], service="ses", to=self._to)

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        keys = await self._access.keys()
        if isinstance(keys, Retry):
            return [keys for _ in items]
        return await super().send(items)

    async def close(self) -> None:
        await self._access.close()
        await super().close()

    def _request(self, mail: Email, letter: Letter) -> Request:
        asked: dict[str, object] = {
            "Destination": {"ToAddresses": [letter.recipient]},
            "Content": {"Raw": {"Data": base64.b64encode(letter.whole()).decode("ascii")}},
            "EmailTags": [{"Name": MESSAGE, "Value": ids.show(ids.Prefix.MESSAGE, mail.message_id)}],
        }
        if self._set is not None:
            asked["ConfigurationSetName"] = self._set
        body = orjson.dumps(asked)

        def headers() -> Mapping[str, str]:
            return self._sign(self._access.latest, body, _HEADERS, clock.now())

        return Request(body, headers)

    def _outcome(self, reply: Reply) -> Outcome:
        if reply.status == FORBIDDEN:
            self._access.forget()
        return outcome_of(reply)
