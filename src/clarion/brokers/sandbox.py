"""Publications in a sandbox: they come as far as the sink, which is not given them."""

from __future__ import annotations

from collections.abc import Sequence

from clarion.brokers.base import Publication, Sink
from clarion.domain.outcome import Outcome, Sent

#: What a receiver is said to have answered to what it never had.
SANDBOX = "sandbox"


class Sandboxed(Sink):
    """Stands before a sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.kind = sink.kind

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        kept = [one for one in publications if not one.sandbox]
        if len(kept) == len(publications):
            return await self._sink.publish(publications)
        outcomes = iter(await self._sink.publish(kept) if kept else ())
        return [Sent(SANDBOX) if one.sandbox else next(outcomes) for one in publications]

    async def close(self) -> None:
        await self._sink.close()
