"""What a consumer claims: as much as its hands can hold, and of what is limited no more than the limits can use."""

from __future__ import annotations

from clarion.queue.claim import Claimer
from clarion.queue.job import LANES, LAST_PRIORITY, Connection, Job
from clarion.queue.paced import claim_paced
from clarion.worker.backlog import URGENT, Backlog
from clarion.worker.gate import Gate
from clarion.worker.pace import Pace
from clarion.worker.room import USUAL

_NOT_URGENT = frozenset((priority, lane) for priority in range(URGENT + 1, LAST_PRIORITY + 1) for lane in range(LANES))


class Intake:
    """The claims of one consumer."""

    def __init__(self, queue: str, backlog: Backlog, gate: Gate, *, worker: str, pace: Pace) -> None:
        self._queue = queue
        self._backlog = backlog
        self._gate = gate
        self._worker = worker
        self._pace = pace
        self._claimer = Claimer(queue, worker=worker, lease=pace.lease)

    @property
    def is_full(self) -> bool:
        """Whether only what must not wait for a crowd is claimed now."""
        whole = self._gate.whole
        return len(self._backlog) >= self._pace.claim or (whole is not None and not whole.wanted)

    async def claim(self, connection: Connection) -> list[Job]:
        """What there is room for."""
        jobs = await self._claim(connection)
        if self._gate.look_due(nothing_else=not jobs):
            paced = await self.claim_paced(connection)
            self._gate.looked(paced)
            jobs += paced
        return jobs

    async def claim_paced(self, connection: Connection) -> list[Job]:
        """Only jobs with a pace of their own."""
        sizes = self._gate.sizes()
        return await claim_paced(
            connection,
            self._queue,
            {pace: some for pace, (some, _) in sizes.items()},
            self._pace.claim,
            urgent={pace: some for pace, (_, some) in sizes.items()},
            least_urgent=URGENT,
            usual=USUAL,
            worker=self._worker,
            lease=self._pace.lease,
        )

    def rewind(self) -> None:
        """Jobs were given back that the claims have passed."""
        self._claimer.rewind()

    async def _claim(self, connection: Connection) -> list[Job]:
        full = self.is_full
        without = self._backlog.crowded() if full else set()
        size = self._pace.batch if full else self._pace.claim
        if (whole := self._gate.whole) is not None:
            if whole.is_shut:
                return []
            without |= whole.crowded() if full else set()
            without |= _NOT_URGENT if whole.is_packed else set()
            size = min(size, whole.wanted or whole.spare)
        return await self._claimer.claim(connection, size, without=without)
