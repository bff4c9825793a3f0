"""Webhooks of recipients that would leave this machine, given to a catcher; all others are posted as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from clarion.channels.base import Provider, Webhook
from clarion.channels.webhook import WebhookProvider
from clarion.domain.outcome import Outcome
from clarion.http.catching import Catching

#: The catcher is one place: its connections are those of one webhook.
_PLACE = "the catcher"


def caught_by(catching: Catching | None, posting: Provider[Webhook]) -> Provider[Webhook]:
    """*posting*, with what *catching* says given to the catcher."""
    return posting if catching is None else CaughtWebhooks(posting, catching)


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
