"""Webhooks of recipients that would leave this machine, given to a catcher; all others are posted as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from clarion.channels.base import Provider, Webhook
from clarion.channels.webhook import WebhookProvider
from clarion.domain.outcome import Outcome
from clarion.http.catching import Catching
from clarion.http.url_guard import Network, UrlGuard

#: The catcher is one place: its connections are those of one webhook.
_PLACE = "the catcher"


def posting(catching: Catching | None, own: Sequence[Network]) -> Provider[Webhook]:
    """What posts webhooks, into the internet and networks of one's *own*, but for those that *catching* takes."""
    provider = WebhookProvider(UrlGuard(own))
    return provider if catching is None else CaughtWebhooks(provider, catching)


class CaughtWebhooks(Provider[Webhook]):
    """Stands before what posts them."""

    name = WebhookProvider.name

    def __init__(self, posting: Provider[Webhook], catching: Catching) -> None:
        self._posting = posting
        self._catching = catching
        self._catcher = WebhookProvider(catching.guard)

    async def send(self, items: Sequence[Webhook]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._catcher.close()
        await self._posting.close()

    async def _send(self, item: Webhook) -> Outcome:
        where = self._catching.caught(item.to)
        provider, one = self._posting, item
        if where is not None:
            provider, one = self._catcher, replace(item, to=where, place=_PLACE)
        (outcome,) = await provider.send([one])
        return outcome
