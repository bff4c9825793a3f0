"""Runs scenarios: their sides in turn, round by round, so that a slow minute of the machine meets everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import asyncpg

from bench.scenario import NotAvailable, Sample, Scenario, Side, Verdict
from bench.servers.process import ProgramFailed
from bench.stage import Stage

#: What may go wrong with one side without the others suffering for it.
FAILURES = (NotAvailable, ProgramFailed, TimeoutError, OSError, aiohttp.ClientError, asyncpg.PostgresError)


@dataclass(slots=True)
class Outcome:
    """What a scenario gave."""

    scenario: Scenario
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    #: Why a side has no samples, or fewer than the others.
    missing: dict[str, str] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()


async def run(scenario: Scenario, stage: Stage, *, runs: int, tell: Callable[[str], None]) -> Outcome:
    """Run *scenario*; a side that fails is left out of the rounds that follow, with its reason kept."""
    outcome = Outcome(scenario)
    sides = list(scenario.sides(stage))
    for side in sides:
        outcome.units[side.name] = side.unit
        await _attempt(outcome, side, stage, tell, prepare=True)
    for number in range(scenario.runs(stage, runs)):
        for side in sides:
            if side.name not in outcome.missing:
                tell(f"{scenario.name}, round {number + 1}: {side.name}")
                await _attempt(outcome, side, stage, tell, prepare=False)
    outcome.verdicts = scenario.judge(outcome.samples)
    return outcome


async def _attempt(outcome: Outcome, side: Side, stage: Stage, tell: Callable[[str], None], *, prepare: bool) -> None:
    try:
        if prepare:
            await side.prepare(stage)
        else:
            sample = await side.run(stage)
            outcome.samples.setdefault(side.name, []).append(sample)
    except FAILURES as error:
        outcome.missing[side.name] = str(error) or type(error).__name__
        tell(f"{side.name} is not available: {error}")
