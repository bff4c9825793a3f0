"""``clarion schedules``: what is done at which times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="What is done at which times: cron with time zones.")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the schedule.")]
_Count = Annotated[int, typer.Option("--count", help="How many times.", min=1, max=100)]


@app.command("list")
@talks
def list_(system: Remote, limit: Limit = 20, json: Json = False) -> None:
    """List schedules, the system's own too."""
    from clarion.cli.table import write_list

    found = system.pages("schedules", limit=limit)
    write_list(found, _columns(), as_json=json, empty="There are no schedules yet.")


@app.command()
@talks
def show(system: Remote, key: _Key, limit: Limit = 20, json: Json = False) -> None:
    """Show a schedule and what it did, newest first."""
    from clarion.cli.table import write_list

    _write(system.get("schedules", key), as_json=json)
    runs = system.pages("schedules", key, "runs", limit=limit)
    write_list(runs, _run_columns(), as_json=json, empty="It has not run yet.")


@app.command("next")
@talks
def next_(system: Remote, key: _Key, count: _Count = 10, json: Json = False) -> None:
    """Show when it is due, in UTC and on the clocks of its zone."""
    from clarion.cli.table import Column, moment, write_list

    times = system.get("schedules", key, "next", count=count)["items"]
    write_list(times, [Column("UTC", moment("at")), Column("there", "local")], as_json=json, empty="Never again.")


@app.command()
@talks
def pause(system: Remote, key: _Key, json: Json = False) -> None:
    """Let it rest until it is resumed."""
    _write(system.post("schedules", key, "pause"), as_json=json)


@app.command()
@talks
def resume(system: Remote, key: _Key, json: Json = False) -> None:
    """Let it go on, with the first time that is still to come."""
    _write(system.post("schedules", key, "resume"), as_json=json)


@app.command()
@talks
def run(system: Remote, key: _Key, json: Json = False) -> None:
    """Have it run once now, besides its times."""
    from clarion.cli.table import write_one

    write_one(system.post("schedules", key, "run"), _run_columns(), as_json=json)


def _write(schedule: dict[str, Any], *, as_json: bool) -> None:
    from clarion.cli.table import Column, write_one

    more = [Column("catch up", "catch_up"), Column("does", "do"), Column("paused because", "paused_reason")]
    write_one(schedule, [*_columns(), *more], as_json=as_json)


def _columns() -> list[Any]:
    from clarion.cli.table import Column, moment

    return [
        Column("key", "key"),
        Column("cron", "cron"),
        Column("zone", "timezone"),
        Column("from", "origin"),
        Column("next", moment("next_at")),
        Column("last", moment("last_at")),
        Column("paused", moment("paused_at")),
    ]


def _run_columns() -> list[Any]:
    from clarion.cli.table import Column, moment

    return [
        Column("for", moment("nominal_at")),
        Column("ran", moment("ran_at")),
        Column("late, s", "late_s", right=True),
        Column("by hand", "manual"),
        Column("passed over", "passed_over", right=True),
        Column("status", "status"),
        Column("result", "result"),
        Column("error", "error"),
    ]
