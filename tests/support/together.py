"""Scenarios side by side, each with a system and a database of its own: most of their time they only wait."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.cluster import Cluster, open_cluster
from tests.support.nursery import Nursery
from tests.support.postgres import Databases

Case = TypeVar("Case")

#: How many at a time: so that two cores have something to do, and no lease runs out because they have too much.
_AT_ONCE = 3


@dataclass(kw_only=True)
class Together:
    """Plays a scenario with each of its cases; the environment variable ``SCENARIO`` names the only one to play."""

    databases: Databases
    nursery: Nursery
    folder: Path
    lease: str
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def play(
        self, scenario: Callable[[Cluster, Case], Awaitable[None]], cases: Iterable[Case], *, at_once: int = _AT_ONCE
    ) -> None:
        """Play all *cases* to their ends, so many *at_once*; raises an `ExceptionGroup` of what went wrong, by case."""
        room = asyncio.Semaphore(at_once)
        only = os.environ.get("SCENARIO")
        played = [case for case in cases if only in (None, str(case))]
        if not played:
            pytest.skip(f"the scenario {only!r} is none of these")

        async def play(case: Case) -> None:
            async with room:
                await self._play(scenario, case)

        ends = await asyncio.gather(*map(play, played), return_exceptions=True)
        wrong: list[Exception] = []
        for case, end in zip(played, ends, strict=True):
            if isinstance(end, Exception):
                end.add_note(f"in the scenario {case!r}")
                wrong.append(end)
            elif end is not None:
                raise end
        if wrong:
            raise ExceptionGroup(f"{len(wrong)} of {len(played)} scenarios", wrong)

    async def _play(self, scenario: Callable[[Cluster, Case], Awaitable[None]], case: Case) -> None:
        began = time.monotonic()
        folder = self.folder / f"scenario-{next(self._numbers)}"
        folder.mkdir()
        async with (
            self.databases.migrated() as url,
            open_cluster(url, folder, nursery=self.nursery, worker_lease=self.lease) as cluster,
        ):
            await cluster.sink()
            await scenario(cluster, case)
        print(f"{case!r}: well, after {time.monotonic() - began:.1f} s")
