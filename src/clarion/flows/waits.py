"""What lets messages wait through no fault of theirs: a pause that a provider, or a domain, asked for.

None of it spends an attempt, and all of it is shared by all workers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from clarion import clock
from clarion.domain.outcome import Outcome, Retry
from clarion.domain.status import Status
from clarion.flows.compose import Rows
from clarion.flows.destinations import Destinations, Held
from clarion.flows.endings import PASSING
from clarion.flows.rates import provider_pace
from clarion.queue import limits, settle
from clarion.queue.job import Job, PutOff, storable
from clarion.store import routing
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: How long it is remembered that nobody has paused the provider.
_PAUSE_KNOWN_FOR_S = 0.1


class Waits:
    """What messages through one provider wait for."""

    def __init__(
        self, pool: Pool, provider: str, destinations: Destinations | None, chance: Callable[[], float]
    ) -> None:
        """*provider* is its name; *destinations* is what is known of domains, where it has any."""
        self._pool = pool
        self._provider = provider
        self._destinations = destinations
        self._chance = chance
        #: The name under which all workers share this provider's pauses.
        self._pace = provider_pace(provider)
        #: On the monotonic clock: until then another worker's pause goes unnoticed.
        self._unpaused_until = 0.0

    async def is_paused(self, connection: Connection, jobs: Sequence[Job], slot: int) -> bool:
        """Whether the provider asked everybody to wait; then the jobs wait too, and spend no attempt on it."""
        now = clock.monotonic()
        if now < self._unpaused_until:
            return False
        paused = (await limits.paused(connection, [self._pace])).get(self._pace)
        if paused is None:
            self._unpaused_until = now + _PAUSE_KNOWN_FOR_S
            return False
        wait = paused.wait * (1 + 0.2 * self._chance())
        waiting = [PutOff(job=job, after=wait, error=paused.reason, spent=False) for job in jobs]
        await settle.put_off(connection, waiting, slot=slot)
        return True

    async def heed(self, items: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """Make everybody wait when the provider said so (PROMISES P11), or who writes to a domain that did."""
        await self._pause(outcomes)
        if self._destinations is None or not (news := self._destinations.news(self._provider, items, outcomes)):
            return
        try:
            async with self._pool.acquire() as connection:
                await self._destinations.tell(connection, news)
        except PASSING as error:  # what became of the messages is recorded
            log.warning("destination.not_told", error=str(error), destinations=sorted(news))

    async def hold(
        self, connection: Connection, jobs: Mapping[UUID, Job], rows: Rows, since: float
    ) -> Collection[UUID]:
        """Let those wait at the gate whose domain asked for patience, or has a rate: they are not ours any more.

        *since* (monotonic) is when *rows* were asked for. What was being sent, is cancelled or too late is not held up:
        it has to be decided.
        """
        if self._destinations is None or not self._destinations.any:
            return ()
        passed = timedelta(seconds=clock.monotonic() - since)
        held = {
            id: held
            for id, row in rows.items()
            if may_wait(row, passed)
            and (held := self._destinations.held(self._provider, row["address"], jobs[id])) is not None
        }
        await mark(connection, jobs, rows, held)
        return held.keys()

    async def _pause(self, outcomes: Sequence[Outcome]) -> None:
        asked = [o for o in outcomes if isinstance(o, Retry) and o.pause_provider and o.after is not None]
        if asked:
            self._unpaused_until = 0.0
            longest = max(asked, key=lambda retry: retry.after or timedelta(0))
            async with self._pool.acquire() as connection:
                until = await limits.pause(connection, self._pace, longest.after or timedelta(0), longest.reason)
            log.warning("provider.paused", provider=self._provider, until=until.isoformat(), reason=longest.reason)


def may_wait(row: Mapping[str, Any], passed: timedelta) -> bool:
    """Whether a message (a row of `messages.load`, so long ago) has nothing to be decided now."""
    return row["status"] == Status.QUEUED and not row["cancelled"] and row["remains"] > passed


async def mark(connection: Connection, jobs: Mapping[UUID, Job], rows: Rows, held: Mapping[UUID, Held]) -> None:
    """Give jobs back under the limits that they wait for from now on, and say so in the messages' timelines."""
    if held:
        async with connection.transaction():
            await settle.mark(connection, {jobs[id]: one.pace for id, one in held.items()})
            why = {id: (rows[id]["tenant_id"], storable(one.reason)) for id, one in held.items()}
            await routing.hold_back(connection, why)
