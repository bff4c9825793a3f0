"""Deliveries that stay unacknowledged until what they caused has ended: watched all together, with their progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from clarion.brokers.base import Delivery, Source
from clarion.domain.standing import Standing, together

log = structlog.get_logger()

#: How triggers stand: those that are gone are not among the answers.
Look = Callable[[Collection[UUID]], Awaitable[Mapping[UUID, Standing]]]


@dataclass(slots=True)
class _Followed:
    delivery: Delivery
    triggers: Sequence[UUID]
    percent: int = -1


class Follower:
    """Tells a source how what it delivered goes on, and at its end acknowledges or fails it."""

    def __init__(
        self,
        look: Look,
        *,
        every: timedelta,
        ask: Callable[[Awaitable[None]], Awaitable[None]],
        done: Callable[[Sequence[Delivery]], None],
    ) -> None:
        """*ask* waits for an answer of the broker; *done* is called with the deliveries that are settled."""
        self._look = look
        self._ask = ask
        self._every = every
        self._done = done
        self._followed: dict[str, _Followed] = {}
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def add(self, delivery: Delivery, triggers: Sequence[UUID]) -> None:
        """Follow *delivery* from now on: it became *triggers*."""
        self._followed[delivery.id] = _Followed(delivery, triggers)
        self._some.set()
        self._none.clear()

    @property
    def deliveries(self) -> list[Delivery]:
        """Those that are followed."""
        return [one.delivery for one in self._followed.values()]

    async def settled(self) -> None:
        """Wait until none is followed any more."""
        await self._none.wait()

    async def run(self, source: Source) -> None:
        """Follow what there is, for ever. Raises what *source* raises."""
        while True:
            if not self._followed:
                self._some.clear()
                await self._some.wait()
            try:
                standings = await self._look({id for one in self._followed.values() for id in one.triggers})
            except Exception as error:
                log.warning("source.follow_failed", source=source.name, error=repr(error))
            else:
                await self._tell(source, standings)
            await asyncio.sleep(self._every.total_seconds())

    async def _tell(self, source: Source, standings: Mapping[UUID, Standing]) -> None:
        ended: list[Delivery] = []
        for one in list(self._followed.values()):
            stands = together([standings[id] for id in one.triggers if id in standings])
            if stands.ended and stands.failed:
                await self._ask(source.fail(one.delivery, stands.why))
                self._settle([one.delivery])
            elif stands.ended:
                ended.append(one.delivery)
            elif stands.percent > one.percent:
                one.percent = stands.percent
                await self._ask(source.progress(one.delivery, stands.percent))
        if ended:
            await self._ask(source.ack(ended))
            self._settle(ended)

    def _settle(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            self._followed.pop(one.id, None)
        if not self._followed:
            self._none.set()
        self._done(deliveries)
