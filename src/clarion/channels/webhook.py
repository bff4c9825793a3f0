"""Webhooks of recipients, posted as those of the settings are: signed, and nowhere they must not go."""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from clarion.channels.base import Provider, Webhook
from clarion.domain.outcome import Outcome
from clarion.http.standard_webhooks import DEADLINE, post_signed
from clarion.http.url_guard import UrlGuard

if TYPE_CHECKING:
    from clarion.http.client import Client

#: Requests on their way to one webhook at once, from one process: they are small machines, and one that hangs must not
#: take all there is.
_AT_ONCE = 4
#: Webhooks whose connections are kept.
_KEEP = 500


@dataclass(slots=True)
class _Line:
    """The connections to one webhook."""

    client: Client
    #: Requests that are on their way, or wait for that.
    busy: int = 0


class WebhookProvider(Provider[Webhook]):
    """Posts to any number of webhooks, over connections of its own to each."""

    name = "webhook"

    def __init__(
        self,
        guard: UrlGuard,
        *,
        deadline: timedelta = DEADLINE,
        tls: ssl.SSLContext | None = None,
        keep: int = _KEEP,
    ) -> None:
        """*guard* says where requests may go; *tls* is how servers are verified: by the system's authorities unless
        given."""
        self._guard = guard
        self._deadline = deadline
        self._tls = tls
        self._keep = keep
        self._lines: OrderedDict[Hashable, _Line] = OrderedDict()

    async def send(self, items: Sequence[Webhook]) -> list[Outcome]:
        """Post all, some at the same time; each has its own outcome."""
        return list(await asyncio.gather(*(self._post(item) for item in items)))

    async def close(self) -> None:
        lines, self._lines = self._lines, OrderedDict()
        for line in lines.values():
            await line.client.close()

    def _client(self) -> Client:
        from clarion.http.client import Client, Patience  # nine megabytes, for those who have webhooks

        patience = Patience(total=self._deadline)
        return Client(guard=self._guard, connections=_AT_ONCE, patience=patience, tls=self._tls)

    async def _post(self, item: Webhook) -> Outcome:
        line = self._lines.get(item.place)
        if line is None:
            line = self._lines[item.place] = _Line(self._client())
        self._lines.move_to_end(item.place)
        line.busy += 1
        try:
            return await post_signed(line.client, item.to, item.secrets, item.id, item.body)
        finally:
            line.busy -= 1
            await self._let_go()

    async def _let_go(self) -> None:
        """Close the connections that were not used for longest, where there are too many; never those in use."""
        spare = len(self._lines) - self._keep
        if spare <= 0:
            return
        idle = [place for place, line in self._lines.items() if not line.busy][:spare]
        for line in [self._lines.pop(place) for place in idle]:
            await line.client.close()
