"""Databases with recipients in them: loaded over HTTP once, copied for every run."""

from __future__ import annotations

from bench.ours.system import system
from bench.stage import Stage

#: The topic that all guests are in.
TOPIC = "guests"


async def load(stage: Stage, guests: int) -> None:
    """Make a database with *guests* recipients, all in `TOPIC`, unless this run has one."""
    name = _name(guests)
    postgres = await stage.postgres()
    if name in stage.loaded:
        return
    async with system(stage, database=await postgres.fresh(name)) as clarion:
        await clarion.client().load(TOPIC, guests)
    await postgres.tidy(name)
    stage.loaded.add(name)


async def copy(stage: Stage, guests: int) -> str:
    """The address of a new copy of the database with *guests*; the copy before it is dropped."""
    postgres = await stage.postgres()
    return await postgres.copy(_name(guests), "bench_clarion")


def _name(guests: int) -> str:
    return f"bench_loaded_{guests}"
