"""Looking how triggers stand, many at once, for sources that wait for their end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from clarion.domain.standing import Standing
from clarion.flows.finish import Finish
from clarion.flows.hearing import Hearing
from clarion.store.database import Pool
from clarion.store.standing import standings


class Follow:
    """Answers how triggers stand."""

    def __init__(self, pool: Pool, hearing: Hearing | None = None) -> None:
        """*hearing* tells bindings of triggers that complete."""
        self._pool = pool
        self._finish = Finish(pool, hearing=hearing)

    async def __call__(self, trigger_ids: Collection[UUID]) -> Mapping[UUID, Standing]:
        """How these stand; one that is gone is not among them.

        Where all messages of one have ended, its end need not wait for the next turn of those who complete triggers.
        """
        found = await self._look(trigger_ids)
        all_done = any(not one.ended and one.messages and one.done == one.messages for one in found.values())
        if all_done and await self._finish.run_once():
            return await self._look(trigger_ids)
        return found

    async def _look(self, trigger_ids: Collection[UUID]) -> Mapping[UUID, Standing]:
        async with self._pool.acquire() as connection:
            return await standings(connection, trigger_ids)
