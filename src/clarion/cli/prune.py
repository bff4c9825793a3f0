"""``clarion prune``: what has been kept long enough goes, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import ApiKey, DataDir, Insecure, Json, Project, Url

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from clarion.cli.remote import Remote

#: Kept by the mail catcher, in files: no kind of the API's.
_CAUGHT = "caught_mails"

_What = Annotated[
    list[str] | None,
    typer.Option(
        "--what",
        metavar="KIND",
        help="completed_jobs, failed_jobs, messages, feed, attachments, timers, schedule_runs, caught_mails; all "
        "unless said."
        " May be repeated.",
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
    insecure: Insecure = None,
    json: Json = False,
) -> None:
    """Remove what has been kept long enough.

    It does what the schedule system.retention does, of all tenants, and waits for nobody and keeps nobody waiting.
    Caught mails are those of the catcher that `clarion up` runs on this data folder.
    """
    from clarion.cli.address import remote
    from clarion.cli.table import Column, write_list
    from clarion.domain.duration import parse_duration
    from clarion.errors import NotFound

    if older_than is not None and not what:
        raise typer.BadParameter("say what with --what", param_hint="--older-than")
    age = None if older_than is None else parse_duration(older_than)
    removed: dict[str, dict[str, int]] = {}
    if what is None or set(what) - {_CAUGHT}:
        system = remote(url, api_key, project, data_dir, insecure)
        removed = _of_the_system(system, [one for one in what or () if one != _CAUGHT], age, dry_run=dry_run)
    if (what is None and url is None) or (what and _CAUGHT in what):
        caught = _caught(project, data_dir, age, dry_run=dry_run)
        if caught is None and what:
            raise NotFound(
                "No mail catcher runs on this data folder: `clarion up` runs one where no SMTP server is set."
            )
        removed |= {} if caught is None else {_CAUGHT: {"rows": caught, "weeks": 0}}
    found = [{"what": kind, **one} for kind, one in removed.items()]
    columns = [
        Column("would go" if dry_run else "went", "what"),
        Column("rows", "rows", right=True),
        Column("weeks", "weeks", right=True),
    ]
    write_list(found, columns, as_json=json, empty="There is nothing to remove.")


def _of_the_system(
    system: Remote, what: list[str], age: timedelta | None, *, dry_run: bool
) -> dict[str, dict[str, int]]:
    """What went of each kind, asked for until there is no more."""
    body: dict[str, Any] = {"dry_run": dry_run}
    body |= {"what": what} if what else {}
    body |= {"older_than_s": age.total_seconds()} if age is not None else {}
    removed: dict[str, dict[str, int]] = {}
    while True:
        answer = system.post("retention", "run", body=body)
        gone = sum(one["rows"] + one["weeks"] for one in answer["removed"].values())
        for kind, one in answer["removed"].items():
            so_far = removed.setdefault(kind, dict.fromkeys(one, 0))
            removed[kind] = {name: so_far[name] + count for name, count in one.items()}
        if not answer["more"] or not gone:
            return removed


def _caught(project: Path | None, data_dir: Path | None, age: timedelta | None, *, dry_run: bool) -> int | None:
    """How many caught mails went, or would; None when there is no catcher."""
    from clarion.cli.running import find
    from clarion.cli.story.mailbox import Mailbox
    from clarion.config import load_settings

    settings = load_settings({"project": project, "data_dir": data_dir})
    running = find(settings.data_dir)
    if running is None or running.catcher is None:
        return None
    return Mailbox(running.catcher).prune(age or settings.retention.caught_mails, dry_run=dry_run)
