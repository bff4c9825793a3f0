"""Push messages through Expo's push service.

Written from https://docs.expo.dev/push-notifications/sending-notifications/ as of November 2026. Expo knows no
idempotency key: a request that may have arrived and was not answered leaves all of its messages `Uncertain`. What
became of a message at Apple or Google, Expo tells when it is asked for receipts. Tried against a fake of ours, against
which Expo's library for Python passes (exponent_server_sdk 2); never against the live service.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import orjson

from clarion.channels.account import Account
from clarion.channels.base import Asked, Heard, Provider, Push, Report
from clarion.channels.push.expo_answer import GONE, error_of, outcomes_of, said_of
from clarion.channels.push.expo_message import message_of
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry
from clarion.domain.status import Status
from clarion.http.client import Answer, Client, Patience
from clarion.http.outcome import BUSY
from clarion.http.reply import Reply
from clarion.http.url_guard import Destination, parse_url

#: Messages of a request, and receipts that are asked for in one.
TOGETHER, RECEIPTS = 100, 300
_HEADERS = {"content-type": "application/json", "content-encoding": "gzip", "accept": "application/json"}
_PATIENCE = Patience(total=timedelta(seconds=30))


class Expo(Provider[Push]):
    """One account at Expo, or none: tokens of projects without enhanced security need no login."""

    #: As Expo asks.
    asks_after = timedelta(minutes=15)

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how Expo's servers are verified: by the system's authorities unless given."""
        self.name = account.label
        api = f"{account['base_url']}/--/api/v2/push"
        self._send_to, self._ask_at = parse_url(f"{api}/send"), parse_url(f"{api}/getReceipts")
        token = account.get("access_token")
        #: A function, so that nothing that shows this shows the token.
        self._login: Callable[[], Mapping[str, str]] = lambda: (
            {"authorization": f"Bearer {token}"} if token is not None else {}
        )
        self._channel_id = account.get("channel_id")
        self._http = Client(connections=int(account["connections"]), patience=patience, tls=tls)

    async def send(self, items: Sequence[Push]) -> list[Outcome]:
        lists = [items[start : start + TOGETHER] for start in range(0, len(items), TOGETHER)]
        return [one for some in await asyncio.gather(*map(self._send, lists)) for one in some]

    async def ask(self, asked: Sequence[Asked]) -> Heard | Retry:
        reports: list[Report] = []
        missing: list[Asked] = []
        for start in range(0, len(asked), RECEIPTS):
            some = asked[start : start + RECEIPTS]
            answer = await self._post(self._ask_at, {"ids": [one.provider_id for one in some]})
            found = answer.json.get("data") if isinstance(answer, Reply) and answer.ok else None
            if not isinstance(found, Mapping):
                return _not_told(answer)
            for one in some:
                receipt = found.get(one.provider_id)
                if not isinstance(receipt, Mapping):
                    missing.append(one)
                elif receipt.get("status") == "error":
                    reports.append(_report(one, receipt))
        return Heard(reports, missing)

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, items: Sequence[Push]) -> list[Outcome]:
        answer = await self._post(self._send_to, [message_of(item, self._channel_id) for item in items])
        if not isinstance(answer, Reply):
            return [answer for _ in items]
        outcomes = outcomes_of(answer, [item.to for item in items])
        if len(items) > 1 and not answer.ok and all(isinstance(one, Reject) for one in outcomes):
            # One that is wrong, or of another project, spoils all: none was taken, and each is tried by itself.
            return [one for some in await asyncio.gather(*(self._send([item]) for item in items)) for one in some]
        return outcomes

    async def _post(self, to: Destination, content: object) -> Answer:
        body = gzip.compress(orjson.dumps(content), compresslevel=1)
        return await self._http.post(to, body, {**_HEADERS, **self._login()})


def _report(asked: Asked, receipt: Mapping[str, object]) -> Report:
    return Report(
        message_id=asked.message_id,
        provider_id=asked.provider_id,
        status=Status.FAILED,
        reason=said_of(receipt) or None,
        feedback=Feedback.DEAD_TOKEN if error_of(receipt) == GONE else None,
        key=f"receipt {asked.provider_id}",
    )


def _not_told(answer: Answer) -> Retry:
    """Asking changes nothing: whatever went wrong, it may be done again."""
    if not isinstance(answer, Reply):
        return Retry(answer.reason, after=BUSY)
    said = f"HTTP {answer.status}: {answer.shown}"
    return Retry(said, after=answer.retry_after or timedelta(minutes=1))
