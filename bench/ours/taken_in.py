"""From the broker to committed triggers: `clarion worker --sources` as a user would start it, with one binding."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from bench.mail import project
from bench.ours.arriving import Broker
from bench.ours.loaded import copy, load
from bench.ours.system import System, system
from bench.scenario import Sample, Side
from bench.servers.process import ProgramFailed
from bench.stage import Stage

PATIENCE_S = 300.0
#: Looking costs the database something, so it is done seldom: the figure is made of times that are in the rows.
LOOK_EVERY_S = 0.2

#: Rows are written last in the transaction of their triggers, all of one list with one time.
COURSE = """
    SELECT count(*) AS rows, count(*) FILTER (WHERE at = first) AS first_list, count(DISTINCT at) AS lists,
           count(*) FILTER (WHERE state = 0 AND cardinality(triggers) = 1) AS accepted,
           extract(epoch FROM max(at) - min(at)) AS seconds
    FROM inbound, (SELECT min(at) AS first FROM inbound) AS f
"""


class TakenIn(Side):
    """One worker process that has what waits become triggers of a workflow, and does nothing with those.

    Counted from the first commit to the last, less the first list, whose reading came before. At the end everything is
    acknowledged: nothing is left at the broker, and there is a trigger for each message.
    """

    unit = "messages/s"

    def __init__(self, broker: Broker, count: int, name: str = "clarion", *, words: tuple[str, ...] = ()) -> None:
        self.name = name
        self.broker = broker
        self.count = count
        #: Without others, the process has the queue of timers to look at, in which there is nothing.
        self.words = words or ("--queues", "timers")

    async def prepare(self, stage: Stage) -> None:
        await load(stage, 1)

    async def run(self, stage: Stage) -> Sample:
        url = await self.broker.url(stage)
        await self.broker.fill(url, self.count)
        database = await copy(stage, 1)
        folder = _with_binding(stage.work / f"project-{self.broker.kind}", self.broker)
        async with system(stage, database=database, folder=folder, more={self.broker.setting: url}) as clarion:
            async with clarion.worker("--sources", *self.words) as peak:
                await self._all(clarion)
                async with asyncio.timeout(30):
                    while await self.broker.left(url):  # noqa: ASYNC110 - it is the broker that knows
                        await asyncio.sleep(0.1)
            # What the broker has handed over and not heard of comes back when the worker has gone.
            if left := await self.broker.left(url):
                raise ProgramFailed(f"{left} of {self.count} were not acknowledged")
            return await self._course(clarion, peak.rss_mb)

    async def _all(self, clarion: System) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await clarion.count("SELECT count(*) FROM inbound") < self.count:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise ProgramFailed(f"not all of {self.count} were taken in within {PATIENCE_S:.0f} s") from None

    async def _course(self, clarion: System, rss_mb: float) -> Sample:
        connection = await asyncpg.connect(clarion.database)
        try:
            course = await connection.fetchrow(COURSE)
            triggers = await connection.fetchval("SELECT count(*) FROM trigger")
        finally:
            await connection.close()
        assert course is not None
        if not course["rows"] == course["accepted"] == triggers == self.count:
            raise ProgramFailed(f"of {self.count}: {course['accepted']} accepted, {triggers} triggers")
        also = {"messages": self.count, "a_list": self.count / course["lists"], "rss_mb": rss_mb}
        return Sample(value=(self.count - course["first_list"]) / float(course["seconds"]), also=also)


def _with_binding(folder: Path, broker: Broker) -> Path:
    project.write(folder)
    (folder / "bindings").mkdir(exist_ok=True)
    (folder / "bindings" / "arrived.yaml").write_text(
        f"on:\n  {broker.on}\ndo:\n"
        "  - trigger: {workflow: booking-confirmed, recipients: [data.guest], payload: data}\n"
    )
    return folder
