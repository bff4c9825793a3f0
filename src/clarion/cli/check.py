"""``clarion check``: every mistake in the project folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from clarion.cli.options import Json, Project

if TYPE_CHECKING:
    from pathlib import Path

    from clarion.config import Settings
    from clarion.project.mistake import Mistake
    from clarion.project.project import Project as Found


def check(project: Project = None, json: Json = False) -> None:
    """Find every mistake in the project folder.

    Each with file, line and a suggestion, and every channel that is used and that no account carries. Exits with 1 when
    one stands in the way; warnings do not.
    """
    import json as writer

    from clarion.cli.notes import note
    from clarion.project.mistake import any_error

    found, mistakes = _read(project)
    for mistake in mistakes:
        print(writer.dumps(mistake.to_json(), ensure_ascii=False) if json else str(mistake))
    if any_error(mistakes) or found is None:
        raise typer.Exit(1)
    counts = [_counted(len(found.workflows), "workflow")]
    counts += [_counted(len(found.bindings), "binding")] if found.bindings else []
    counts += [_counted(len(found.schedules), "schedule")] if found.schedules else []
    note(f"{', '.join(counts)}, {_counted(len(mistakes), 'warning')}.")


def _read(project: Path | None) -> tuple[Found | None, list[Mistake]]:
    """The folder as the settings in force see it; settings that cannot be used are no reason not to read it."""
    from clarion.config import project_folder, read_settings
    from clarion.errors import ConfigError
    from clarion.project.carried import uncarried
    from clarion.project.defaults import WorkflowDefaults
    from clarion.project.load import load_project
    from clarion.project.mistake import in_order
    from clarion.project.settings_file import NAME

    settings, wrong = read_settings({"project": project})
    if settings is not None:
        found, mistakes = load_project(settings.project, WorkflowDefaults.from_settings(settings))
        if found is not None and not _is_caught(settings):
            mistakes = in_order([*mistakes, *uncarried(found, _carried(settings))])
        return found, mistakes
    found, mistakes = load_project(project_folder(project))
    in_file = [mistake for mistake in wrong if mistake.file == NAME]
    if found is not None and not in_file:  # then it is not the folder that is wrong
        raise ConfigError("\n".join(str(mistake) for mistake in wrong))
    return None, in_order([*mistakes, *in_file])


def _is_caught(settings: Settings) -> bool:
    """Whether a `clarion up` runs here that catches what no account carries."""
    from clarion.cli.running import find

    running = find(settings.data_dir)
    return running is not None and running.catcher is not None


def _carried(settings: Settings) -> set[str]:
    """The channels that something carries which is among *settings*."""
    from clarion.connections import accounts_of
    from clarion.project.providers import CARRIED

    found = {channel for channel in CARRIED if accounts_of(settings, channel)}
    return found | ({"email"} if settings.smtp_url is not None else set())


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
