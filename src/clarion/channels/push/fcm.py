"""Push messages through Firebase Cloud Messaging, HTTP v1.

Written from https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send as of November 2026, and
firebase-admin 7. FCM knows no idempotency key: a request that may have arrived and was not answered is `Uncertain`.
Tried against a fake of ours, against which Firebase's own library passes; never against the live service.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from datetime import timedelta

import orjson

from clarion import clock
from clarion.channels.account import Account
from clarion.channels.base import Provider, Push
from clarion.channels.push.fcm_answer import code_of, outcome_of
from clarion.channels.push.fcm_message import message_of
from clarion.channels.push.google_access import GoogleAccess
from clarion.channels.push.service_account import parse_service_account
from clarion.domain.outcome import Outcome, Retry
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

#: Google asks to wait for an answer for 10 s at least; giving up early does not undo a message.
_PATIENCE = Patience(total=timedelta(seconds=30))


class Fcm(Provider[Push]):
    """One project at FCM."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Google's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        who = parse_service_account(account["service_account"])
        self._access = GoogleAccess(who, SCOPE, patience=patience, tls=tls)
        self._to = parse_url(f"{account['base_url']}/v1/projects/{who.project}/messages:send")
        self._channel_id = account.get("channel_id")
        self._http = Client(connections=int(account["connections"]), patience=patience, tls=tls)

    async def send(self, items: Sequence[Push]) -> list[Outcome]:
        token = await self._access.token()
        if isinstance(token, Retry):
            return [token for _ in items]
        return list(await asyncio.gather(*(self._send(item, token) for item in items)))

    async def close(self) -> None:
        await self._access.close()
        await self._http.close()

    async def _send(self, item: Push, token: str) -> Outcome:
        body = orjson.dumps({"message": message_of(item, clock.now(), self._channel_id)})
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "accept": "application/json"}
        answer = await self._http.post(self._to, body, headers)
        if not isinstance(answer, Reply):
            return answer
        if answer.status == 401 and code_of(answer) is None:
            self._access.forget(token)
        return outcome_of(answer, item.to)
