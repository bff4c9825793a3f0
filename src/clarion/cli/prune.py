"""``clarion prune``: what has been kept long enough goes, now."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clarion.cli.options import ApiKey, DataDir, Json, Project, Url

_What = Annotated[
    list[str] | None,
    typer.Option(
        "--what",
        metavar="KIND",
        help="completed_jobs, failed_jobs, messages, feed, timers, schedule_runs; all unless said. May be repeated.",
    ),
]
_OlderThan = Annotated[
    str | None,
    typer.Option("--older-than", metavar="AGE", help="With --what: an age other than the set one, e.g. 7d."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Remove nothing, and say what would go.")]


def prune(
    what: _What = None,
    older_than: _OlderThan = None,
    dry_run: _DryRun = False,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Remove what has been kept long enough.

    It does what the schedule system.retention does, of all tenants, and waits for nobody and keeps nobody waiting.
    """
    from clarion.cli.address import remote
    from clarion.cli.table import Column, write_list
    from clarion.domain.duration import parse_duration

    if older_than is not None and not what:
        raise typer.BadParameter("say what with --what", param_hint="--older-than")
    body: dict[str, Any] = {"dry_run": dry_run}
    if what:
        body["what"] = what
    if older_than is not None:
        body["older_than_s"] = parse_duration(older_than).total_seconds()
    system = remote(url, api_key, project, data_dir)
    removed: dict[str, dict[str, int]] = {}
    while True:
        answer = system.post("retention", "run", body=body)
        gone = sum(one["rows"] + one["weeks"] for one in answer["removed"].values())
        for kind, one in answer["removed"].items():
            so_far = removed.setdefault(kind, dict.fromkeys(one, 0))
            removed[kind] = {name: so_far[name] + count for name, count in one.items()}
        if not answer["more"] or not gone:
            break
    found = [{"what": kind, **one} for kind, one in removed.items()]
    columns = [
        Column("would go" if dry_run else "went", "what"),
        Column("rows", "rows", right=True),
        Column("weeks", "weeks", right=True),
    ]
    write_list(found, columns, as_json=json, empty="There is nothing to remove.")
