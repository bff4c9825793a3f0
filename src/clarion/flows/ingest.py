"""Taking in what brokers deliver: each message once, for ever, in the transaction of all that it causes.

A list of deliveries of one source becomes one transaction (see `clarion.flows.ingest_settle`), but for those that may
be what a worker died of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from clarion import clock
from clarion.brokers.base import Delivery
from clarion.flows.act import Act
from clarion.flows.ingest_settle import Answer, Outcome, Settle, told
from clarion.flows.reading import Binding, Origin, Reading, read
from clarion.store import inbound
from clarion.store.database import Connection, Pool
from clarion.store.inbound import inbound_id

__all__ = ["POISON", "Answer", "Ingest", "Outcome"]

#: So many workers may have a message and not come to an end with it.
POISON = 3
#: Messages read before others on the event loop get a turn.
_AT_A_TIME = 50


class Ingest:
    """Takes in deliveries."""

    def __init__(self, pool: Pool, act: Act, *, worker: str, wake: Callable[[str], None]) -> None:
        """*worker* is who does it; *wake* is called after a commit with each queue that has new jobs."""
        self._pool = pool
        self._settle = Settle(act, wake, worker=worker)
        self._worker = worker

    async def __call__(
        self, origin: Origin, bindings: Sequence[Binding], deliveries: Sequence[Delivery]
    ) -> list[Answer]:
        """What became of each of *deliveries*, all of one source. It is committed: they may be acknowledged.

        But for those that met a bug of ours (`Outcome.AGAIN`): of them nothing is, and they are to be given back.

        Raises what the database raises when it is away: then nothing may be, and the same may be handed over again.
        """
        keys = [inbound_id(origin.tenant_id, origin.source, delivery.id) for delivery in deliveries]
        once: dict[UUID, Delivery] = {}
        for key, delivery in zip(keys, deliveries, strict=True):
            once.setdefault(key, delivery)  # of two alike the first counts; all stay in the order in which they came
        async with self._pool.acquire() as connection:
            found = await self._take(connection, origin, bindings, once)
        answers, seen = [], set()
        for key in keys:
            again = key in seen and found[key].outcome is Outcome.ACCEPTED
            answers.append(replace(found[key], outcome=Outcome.REPEATED) if again else found[key])
            seen.add(key)
        return answers

    async def _take(
        self, connection: Connection, origin: Origin, bindings: Sequence[Binding], given: Mapping[UUID, Delivery]
    ) -> dict[UUID, Answer]:
        answers = told(await inbound.known(connection, list(given)))
        new = {key: delivery for key, delivery in given.items() if key not in answers}
        again = {key: delivery for key, delivery in new.items() if delivery.redelivered}
        if again:
            answers |= await self._suspects(connection, origin, bindings, again)
        fresh = {key: delivery for key, delivery in new.items() if key not in again}
        if fresh:
            answers |= await self._settle(connection, origin, await _read_all(origin, bindings, fresh))
        return answers

    async def _suspects(
        self, connection: Connection, origin: Origin, bindings: Sequence[Binding], again: Mapping[UUID, Delivery]
    ) -> dict[UUID, Answer]:
        """Messages that were handed over before and are not here: somebody may have died of one (PROMISES P14).

        That somebody has them is written before they are looked at. One that two had before is taken on alone, so that
        none is condemned for another; one that three had is not looked at any more.
        """
        had = await inbound.suspects(connection, list(again), self._worker)
        answers: dict[UUID, Answer] = {}
        condemned = {key: delivery for key, delivery in again.items() if had.get(key, 0) >= POISON - 1}
        if condemned:
            reason = f"poison: {POISON} workers had it and came to no end with it"
            readings = [Reading(id=key, delivery=one, reason=reason) for key, one in condemned.items()]
            answers |= await self._settle(connection, origin, readings, suspects=True)
        alone = [key for key in again if key in had and key not in condemned]
        many = [key for key in again if key not in had]
        for keys in ([many] if many else []) + [[key] for key in alone]:
            await inbound.suspect(connection, origin.tenant_id, {key: had.get(key, 0) for key in keys}, self._worker)
            readings = await _read_all(origin, bindings, {key: again[key] for key in keys})
            answers |= await self._settle(connection, origin, readings, suspects=True)
        # Nobody died of these: who has them again need not know of us.
        if unharmed := [key for key, answer in answers.items() if answer.outcome is Outcome.AGAIN]:
            await inbound.clear(connection, unharmed)
        return answers


async def _read_all(origin: Origin, bindings: Sequence[Binding], deliveries: Mapping[UUID, Delivery]) -> list[Reading]:
    now = clock.now()
    readings = []
    for number, (key, delivery) in enumerate(deliveries.items(), start=1):
        readings.append(read(origin, bindings, key, delivery, now))
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    return readings
