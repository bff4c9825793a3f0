"""What was found: a table for people, `results.json` for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.figures import middle
from bench.runner import Outcome
from bench.scenario import Sample

RESULTS = Path(__file__).parent / "results.json"


def show(console: Console, outcomes: Sequence[Outcome], *, quick: bool) -> None:
    """Print the figures of every side and the goals."""
    figures = Table(
        title="Medians of a quick run: small sizes, the figures mean little" if quick else "Medians",
        title_justify="left",
    )
    for column in ("what", "who"):
        figures.add_column(column)
    for column in ("median", "least", "most", "also"):
        figures.add_column(column, justify="right")
    for outcome in outcomes:
        title = outcome.scenario.title
        for name, samples in outcome.samples.items():
            values = [sample.value for sample in samples]
            unit = outcome.units[name]
            cells = [f"{number(middle(samples))} {unit}", number(min(values)), number(max(values)), _also(samples)]
            figures.add_row(title, name, *cells)
            title = ""
        for name, reason in outcome.missing.items():
            figures.add_row(title, name, "not available", "", "", reason.strip().rpartition("\n")[2][-100:])
            title = ""
        figures.add_section()
    console.print(figures)
    goals = Table(title="Goals", title_justify="left")
    for column in ("what", "goal", "measured", ""):
        goals.add_column(column)
    for outcome in outcomes:
        for verdict in outcome.verdicts:
            mark = "[green]reached[/]" if verdict.reached else "[red]not reached[/]"
            goals.add_row(outcome.scenario.title, verdict.goal, f"{number(verdict.value)} {verdict.unit}", mark)
    if goals.rows:
        console.print(goals)


def write(outcomes: Sequence[Outcome], facts: dict[str, object], *, quick: bool, file: Path) -> None:
    """Write everything that was measured, each run of it."""
    results = {
        "measured_at": _now(),
        "quick": quick,
        "machine": facts,
        "scenarios": [_told(outcome) for outcome in outcomes],
    }
    file.write_text(json.dumps(results, indent=2) + "\n")


def add(outcomes: Sequence[Outcome], facts: dict[str, object], *, file: Path) -> None:
    """Put what was measured by itself into what is there, each with its own time and machine."""
    results = json.loads(file.read_text())
    for outcome in outcomes:
        told = _told(outcome) | {"measured_at": _now(), "machine": facts}
        names = [scenario["name"] for scenario in results["scenarios"]]
        if outcome.scenario.name in names:
            results["scenarios"][names.index(outcome.scenario.name)] = told
        else:
            results["scenarios"].append(told)
    file.write_text(json.dumps(results, indent=2) + "\n")


def _told(outcome: Outcome) -> dict[str, object]:
    return {
        "name": outcome.scenario.name,
        "title": outcome.scenario.title,
        "sides": {
            name: {
                "unit": outcome.units[name],
                "median": middle(samples),
                "runs": [{"value": sample.value, **sample.also} for sample in samples],
            }
            for name, samples in outcome.samples.items()
        },
        "not_available": outcome.missing,
        "goals": [asdict(verdict) for verdict in outcome.verdicts],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _also(samples: Sequence[Sample]) -> str:
    """The medians of the further figures that are numbers."""
    parts = []
    for name in samples[-1].also:
        values = [value for sample in samples if isinstance(value := sample.also.get(name), int | float)]
        if values:
            parts.append(f"{name} {number(median(values))}")
    return ", ".join(parts)
