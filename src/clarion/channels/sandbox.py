"""Messages in a sandbox: they come as far as the provider, which is not given them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clarion.channels.base import Asked, Heard, Provider
from clarion.domain.outcome import Outcome, Retry, Sent

#: What a provider is said to have called a message that it never had.
SANDBOX = "sandbox"


class Sandboxed(Provider[Any]):
    """Stands before a provider."""

    def __init__(self, provider: Provider[Any]) -> None:
        self._provider = provider
        self.name = provider.name
        self.asks_after = provider.asks_after

    async def send(self, items: Sequence[Any]) -> list[Outcome]:
        kept = [item for item in items if not item.sandbox]
        if len(kept) == len(items):
            return await self._provider.send(items)
        outcomes = iter(await self._provider.send(kept) if kept else ())
        return [Sent(SANDBOX) if item.sandbox else next(outcomes) for item in items]

    async def ask(self, asked: Sequence[Asked]) -> Heard | Retry:
        return await self._provider.ask([one for one in asked if one.provider_id != SANDBOX])

    async def close(self) -> None:
        await self._provider.close()
