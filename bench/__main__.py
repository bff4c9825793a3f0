"""`python -m bench`: measure everything, or what ``--only`` names, print a table, write `bench/results.json`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack

import structlog
import uvloop
from rich.console import Console

from bench import machine, report, runner
from bench.runner import Outcome
from bench.scenarios import SCENARIOS
from bench.stage import WORK, Stage


def main() -> int:
    """Exit status 0 when all that could be measured reached its goals, 1 when some did not, 130 after Ctrl-C."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    try:
        outcomes = uvloop.run(_measure(options, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped; everything that was started is ended")
        return 130
    report.show(console, outcomes, quick=options.quick)
    reached = all(verdict.reached for outcome in outcomes for verdict in outcome.verdicts)
    return 0 if reached or options.quick else 1


async def _measure(options: argparse.Namespace, console: Console) -> list[Outcome]:
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does: cancel, so that every `finally` on the way out ends what it started.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    facts = machine.facts()
    outcomes: list[Outcome] = []
    WORK.mkdir(exist_ok=True)
    # The project's results come from whole runs, and from single measurements where that is asked for.
    file = WORK / "results.json" if options.quick or options.only else report.RESULTS
    async with AsyncExitStack() as stack:
        stage = Stage(stack, quick=options.quick)
        for scenario in SCENARIOS:
            if options.only and scenario.name not in options.only:
                continue
            outcomes.append(await runner.run(scenario, stage, runs=options.runs, tell=console.log))
            # After each: an hour's figures must not be lost to the last minute.
            report.write(outcomes, facts | stage.facts(), quick=options.quick, file=file)
        if options.add:
            report.add(outcomes, facts | stage.facts(), file=report.RESULTS)
    return outcomes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=sys.modules[__name__].__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of: {', '.join(names)}")
    parser.add_argument("--runs", type=int, default=None, help="rounds (5; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="small, to see that everything works; figures mean little")
    parser.add_argument("--add", action="store_true", help="with --only: put it into the project's results")
    options = parser.parse_args()
    if options.add and (options.quick or not options.only):
        parser.error("--add is for measurements of full size that --only names")
    options.runs = options.runs or (1 if options.quick else 5)
    return options


if __name__ == "__main__":
    sys.exit(main())
