"""``clarion queues``: how the queues stand, and what an operator may do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

_Name = Annotated[str | None, typer.Argument(metavar="NAME", help="One queue; without it they are listed.")]
_Pause = Annotated[bool, typer.Option("--pause", help="Claim none of its jobs until it is resumed.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Claim its jobs again.")]
_Rate = Annotated[
    str | None,
    typer.Option("--rate", metavar="RATE", help="Begin its jobs no faster, e.g. 20/s; none lifts the limit."),
]
_Redrive = Annotated[bool, typer.Option("--redrive", help="Give its buried jobs another chance.")]
_Clean = Annotated[
    str | None, typer.Option("--clean", metavar="AGE", help="Delete jobs that failed longer ago, e.g. 7d.")
]
_State = Annotated[
    str | None,
    typer.Option("--state", metavar="STATE", help="With --clean: completed or failed ones; failed unless said."),
]
_Jobs = Annotated[
    str | None, typer.Option("--jobs", metavar="STATE", help="List its ready, scheduled, running, done or buried jobs.")
]


@talks
def queues(
    system: Remote,
    name: _Name = None,
    pause: _Pause = False,
    resume: _Resume = False,
    rate: _Rate = None,
    redrive: _Redrive = False,
    clean: _Clean = None,
    state: _State = None,
    jobs: _Jobs = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show queues; pause, resume, limit, redrive or clean one."""
    wanted = sum((pause, resume, rate is not None, redrive, clean is not None, jobs is not None))
    if wanted > 1:
        raise typer.BadParameter("one of --pause, --resume, --rate, --redrive, --clean and --jobs at a time")
    if state is not None and clean is None:
        raise typer.BadParameter("it goes with --clean", param_hint="--state")
    if wanted and name is None:
        raise typer.BadParameter("say which queue", param_hint="NAME")
    if name is not None and redrive:
        _tell(system.post("queues", name, "redrive", body={}), as_json=json)
    elif name is not None and clean is not None:
        body = {"state": state or "failed", "older_than_s": _seconds(clean)}
        _tell(system.post("queues", name, "clean", body=body), as_json=json)
    elif name is not None and jobs is not None:
        _list_jobs(system, name, jobs, limit, as_json=json)
    else:
        if name is not None and (pause or resume):
            found = [system.post("queues", name, "pause" if pause else "resume")]
        elif name is not None and rate is not None:
            found = [_set_rate(system, name, rate)]
        else:
            found = [system.get("queues", name)] if name is not None else system.get("queues")["items"]
        _list(found, as_json=json)


def _set_rate(system: Remote, name: str, rate: str) -> dict[str, Any]:
    if rate == "none":
        answer = system.call("DELETE", "queues", name, "rate")
    else:
        answer = system.call("PUT", "queues", name, "rate", body={"rate": rate})
    found: dict[str, Any] = answer.content
    return found


def _list(queues: list[dict[str, Any]], *, as_json: bool) -> None:
    from clarion.cli.table import Column, show, write_list

    def count(state: str) -> Column:
        return Column(state, lambda one: show(one[state]) + ("+" if state in one["capped"] else ""), right=True)

    columns = [
        Column("queue", "name"),
        Column("paused", "paused"),
        Column("rate", lambda one: ", ".join(map(_rate, one["rates"]))),
        *(count(state) for state in ("ready", "scheduled", "running", "buried", "done")),
        Column("oldest, s", "oldest_s", right=True),
        Column("done/s", "done_per_s", right=True),
    ]
    write_list(queues, columns, as_json=as_json, empty="There are no queues yet.")


def _rate(limit: dict[str, Any]) -> str:
    burst = f" burst {limit['burst']}" if limit["burst"] > 1 else ""
    of = "" if limit["limit"].startswith("queue:") else f" ({limit['limit'].partition(':')[2]})"
    kept = f" reserve {limit['reserve']:.0%}" if limit["reserve"] else ""
    return f"{limit['rate']}{burst}{kept}{of}"


def _list_jobs(system: Remote, name: str, state: str, limit: int, *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_list

    columns = [
        Column("id", "id"),
        Column("kind", "kind"),
        Column("priority", "priority"),
        Column("state", "state"),
        Column("attempts", "attempts", right=True),
        Column("due", moment("run_at")),
        Column("worker", "worker"),
        Column("error", "error"),
    ]
    found = system.pages("queues", name, "jobs", limit=limit, state=state)
    write_list(found, columns, as_json=as_json, empty=f"No job of {name} is {state}.")


def _seconds(age: str) -> float:
    from clarion.domain.duration import parse_duration

    return parse_duration(age).total_seconds()


def _tell(done: dict[str, int], *, as_json: bool) -> None:
    from clarion.cli.table import Column, write_one

    write_one(done, [Column(name.replace("_", " "), name) for name in done], as_json=as_json)
