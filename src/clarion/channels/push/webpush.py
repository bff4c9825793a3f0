"""Push messages to browsers, by Web Push.

Written from RFC 8030, RFC 8291 and RFC 8292 as of November 2026. A push service knows no idempotency key: a request
that may have arrived and was not answered is `Uncertain`. Tried against a fake of ours, against which `pywebpush`
passes, and by `http_ece`, which reads what we encrypt; never against the live services.

The token of a device names a push service, and so do strangers: each has connections and a rest of its own, is reached
at public addresses alone (`clarion.http.url_guard`), and how it behaves says nothing against the account.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Provider, Push
from clarion.channels.push.encryption import encrypt
from clarion.channels.push.subscription import Subscription, parse_subscription
from clarion.channels.push.vapid import Vapid, load_key
from clarion.channels.push.webpush_answer import is_unproven, outcome_of, without_answer
from clarion.channels.push.webpush_message import headers_of, payload_of, too_large
from clarion.domain.outcome import Outcome, Reject
from clarion.errors import Invalid
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import UrlGuard, parse_url

#: Shorter than for a server of an operator's: what hangs is somebody's, and holds up the list that it is in.
_PATIENCE = Patience(connect=timedelta(seconds=3), total=timedelta(seconds=10))
#: How many messages are encrypted between two looks at whether others should have the loop.
_PIECE = 5
#: Connections are kept to so many push services: there are few, but anybody may name more.
_MOST_SERVICES = 100
_HERE = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class WebPush(Provider[Push]):
    """One key, and the push services that it was used with."""

    def __init__(self, account: Account, *, patience: Patience = _PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        """*tls* is how push services are verified: by the system's authorities unless given."""
        self.name = account.label
        self._vapid = Vapid(load_key(account["private_key"]), account["subject"])
        self._fake = account.get("base_url")
        #: Where messages for other push services go, where a fake catches them.
        self._elsewhere = f"{self._fake}/elsewhere/" if self._fake and account.get("elsewhere") else None
        self._connections, self._patience, self._tls = int(account["connections"]), patience, tls
        #: By origin; the one that was not used for longest first.
        self._services: OrderedDict[str, _Service] = OrderedDict()

    async def send(self, items: Sequence[Push]) -> list[Outcome]:
        async with asyncio.TaskGroup() as group:
            sending = []
            for number, item in enumerate(items, 1):
                sending.append(group.create_task(self._send(item)))
                if number % _PIECE == 0:
                    await asyncio.sleep(0)
        return [task.result() for task in sending]

    async def close(self) -> None:
        while self._services:
            _, service = self._services.popitem()
            await service.http.close()

    async def _send(self, item: Push) -> Outcome:
        message = payload_of(item.content, item.message_id)
        if why := too_large(message):
            return Reject(why, code="too_large")
        try:
            to = parse_subscription(item.to)
        except Invalid as error:
            return Reject(error.message, code="invalid_recipient")
        if self._elsewhere is not None and to.origin != self._fake:
            to = replace(to, to=parse_url(self._elsewhere + to.to.host))
        service = self._service(to)
        try:
            service.guard.check(to.to)
        except Invalid as error:
            return Reject(error.message, code=error.code)
        body = encrypt(message, to.p256dh, to.auth)
        service.using += 1
        try:
            await self._let_go()
            answer = await service.http.post(to.to, body, lambda: self._headers(item, to))
        finally:
            service.using -= 1
        if not isinstance(answer, Reply):
            return without_answer(answer)
        if is_unproven(answer):
            self._vapid.forget(to.origin)
        return outcome_of(answer, to.endpoint, ids.show(ids.Prefix.MESSAGE, item.message_id))

    def _headers(self, item: Push, to: Subscription) -> dict[str, str]:
        return {**headers_of(item), "authorization": self._vapid.authorization(to.origin, clock.now())}

    def _service(self, to: Subscription) -> _Service:
        found = self._services.get(to.origin)
        if found is None:
            guard = UrlGuard(_HERE if to.origin == self._fake else ())
            http = Client(guard=guard, connections=self._connections, patience=self._patience, tls=self._tls)
            found = self._services[to.origin] = _Service(http, guard)
        self._services.move_to_end(to.origin)
        return found

    async def _let_go(self) -> None:
        """Close connections to push services that were not used for longest, where there are too many."""
        if len(self._services) > _MOST_SERVICES:
            idle = [origin for origin, one in self._services.items() if not one.using]
            gone = [self._services.pop(origin) for origin in idle[: len(self._services) - _MOST_SERVICES]]
            for service in gone:
                await service.http.close()


class _Service:
    """One push service."""

    __slots__ = ("guard", "http", "using")

    def __init__(self, http: Client, guard: UrlGuard) -> None:
        self.http, self.guard = http, guard
        #: Requests that are on their way, or wait for their turn.
        self.using = 0
