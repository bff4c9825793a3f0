"""Reports that came before our own record of the attempt they mean: looked at again until that is there."""

from __future__ import annotations

from collections.abc import Sequence

from clarion import clock, ids
from clarion.domain.callback import Fate
from clarion.domain.suppression import SoftRule
from clarion.domain.verdict import quarantined
from clarion.flows import late_failures
from clarion.flows.callback import apply, tell, told_by
from clarion.flows.hearing import Hearing
from clarion.flows.slots import Slots
from clarion.queue import settle
from clarion.queue.job import Job, PutOff
from clarion.store.database import Pool


class EarlyCallbacks:
    """The handler of `callback` jobs. A report that is done twice does nothing the second time."""

    def __init__(
        self, pool: Pool, *, slots: Slots, hearing: Hearing | None = None, soft: SoftRule | None = None
    ) -> None:
        self._pool = pool
        self._soft = soft or SoftRule()
        self._slots = slots
        self._hearing = hearing

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Do what each job's report says, or put it off once more."""
        reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
        looked_at = sorted((job for job in jobs if job not in reasons), key=lambda job: job.id)  # as they came
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection, connection.transaction():
                lost = await settle.bury(connection, reasons, slot=slot)
                found, _ = await apply(
                    connection,
                    [told_by(job.args) for job in looked_at],
                    [ids.made_at(job.id) for job in looked_at],
                    now=clock.now(),
                    slot=slot,
                    hearing=self._hearing,
                    soft=self._soft,
                )
                again = [
                    PutOff(job=job, after=one.finding.after, spent=False)
                    for job, one in zip(looked_at, found, strict=True)
                    if one.finding.fate is Fate.EARLY
                ]
                waiting = {put.job for put in again}
                await settle.put_off(connection, again, slot=slot)
                await settle.settle(connection, [job for job in looked_at if job not in waiting], slot=slot)
                if self._hearing is not None:
                    await self._hearing.buried(connection, reasons, lost)
        if self._hearing is not None:
            self._hearing.ring()
        tell([one for one in found if one.finding.fate is not Fate.EARLY])
        await late_failures.count(self._pool, found)
