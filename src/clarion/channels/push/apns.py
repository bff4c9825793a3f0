"""Push messages through Apple's push service (APNs), with a token, over HTTP/2.

Written from https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns as of
November 2026. APNs promises nothing of a message that comes twice: a request that may have arrived and was not answered
is `Uncertain`. Tried against a fake of ours, against which `aioapns` passes; never against the live service.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta

from clarion import clock
from clarion.channels.account import Account
from clarion.channels.base import Provider, Push
from clarion.channels.push.apns_access import ApnsAccess
from clarion.channels.push.apns_answer import outcome_of
from clarion.channels.push.apns_message import headers_of, payload_of, too_large
from clarion.domain.outcome import Outcome, Reject
from clarion.errors import Invalid
from clarion.http.client import Patience
from clarion.http.http2 import Http2Client
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

_PATIENCE = Patience(total=timedelta(seconds=20))


class Apns(Provider[Push]):
    """One application, by one key."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Apple's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        self._topic = account["topic"]
        self._access = ApnsAccess(account["key"], key_id=account["key_id"], team_id=account["team_id"])
        self._base = account["base_url"]
        self._http = Http2Client(connections=int(account["connections"]), patience=patience, tls=tls)

    async def send(self, items: Sequence[Push]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, item: Push) -> Outcome:
        payload = payload_of(item.content, item.message_id, item.priority)
        if why := too_large(payload):
            return Reject(why, code="too_large")

        def headers() -> Mapping[str, str]:
            now = clock.now()
            return {**headers_of(item, self._topic, now), "authorization": f"bearer {self._access.token(now)}"}

        try:
            to = parse_url(f"{self._base}/3/device/{item.to}")
        except Invalid as error:
            return Reject(f"the token is none: {error.message}", code="invalid_recipient")
        answer = await self._http.post(to, payload, headers)
        return outcome_of(answer, item.to) if isinstance(answer, Reply) else answer
