"""One schedule file: ``schedules/<key>.yaml``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import yaml

from clarion.domain.binding_value import PlacedFault
from clarion.domain.cadence import parse_cadence
from clarion.domain.schedule import LONGEST_JITTER, MOST, CatchUp, Schedule
from clarion.domain.suggest import did_you_mean
from clarion.domain.zone import check_zone
from clarion.errors import Invalid
from clarion.project.files import list_files, read_text
from clarion.project.mistake import Mistake, Severity
from clarion.project.name import NAME
from clarion.project.plain_value import Plain, locate
from clarion.project.table import Notes, Table, place_in
from clarion.project.yaml_text import compose

KEYS = ("cron", "timezone", "catch_up", "catch_up_limit", "jitter", "do")
_POLICIES = {policy.value: policy for policy in CatchUp}


def read_schedules(folder: Path, workflows: Collection[str]) -> tuple[list[Schedule], list[Mistake]]:
    """All schedules of the project in *folder*, whose workflows are *workflows*, and all that is wrong with them."""
    found: list[Schedule] = []
    mistakes: list[Mistake] = []
    try:
        paths = list(list_files(folder, "schedules"))
    except Invalid as error:
        return [], [Mistake(file="schedules", message=error.message)]
    for path in paths:
        file = path.relative_to(folder).as_posix()
        if path.parent != folder / "schedules" or path.suffix != ".yaml":
            hint = f"rename it to {path.stem}.yaml" if path.suffix == ".yml" else "schedules are schedules/<key>.yaml"
            severity = Severity.ERROR if path.suffix in (".yml", ".yaml") else Severity.WARNING
            mistakes.append(Mistake(file=file, message="it is not read as a schedule", hint=hint, severity=severity))
            continue
        try:
            schedule, wrong = read_schedule(read_text(folder, path), file, path.stem, workflows)
        except Invalid as error:
            schedule, wrong = None, [Mistake(file=file, message=error.message)]
        mistakes += wrong
        found += [schedule] if schedule else []
    return found, mistakes


def read_schedule(text: str, file: str, key: str, workflows: Collection[str]) -> tuple[Schedule | None, list[Mistake]]:
    """The schedule in *text*, the content of *file*, which is called *key*; and all that is wrong with it."""
    node, mistakes = compose(text, file)
    notes = Notes(file)
    notes.mistakes += mistakes
    if not NAME.fullmatch(key):
        notes.add(None, f"`{key}` cannot be a schedule's name", "use up to 64 of a-z, 0-9, - and _")
        return None, notes.mistakes
    if node is None:
        if not mistakes:
            notes.add(None, "the file is empty", "a schedule needs at least `cron` and `do`")
        return None, notes.mistakes
    table = Table.of(node, notes, KEYS, "a schedule")
    return (_schedule(table, notes, key, workflows) if table else None), notes.mistakes


def _schedule(table: Table, notes: Notes, key: str, workflows: Collection[str]) -> Schedule | None:
    if not table.has("cron"):
        notes.add(table.node, "there is no `cron`", "for example: cron: 30 7 * * MON-FRI")
    cron = table.checked("cron", _line)
    timezone = table.checked("timezone", check_zone)
    most = table.number("catch_up_limit", 1, MOST, whole=True)
    policy = table.choice("catch_up", _POLICIES)
    jitter = table.duration("jitter", timedelta(0), LONGEST_JITTER)
    node = table.at("do")
    if node is None:
        notes.add(table.node, "there is no `do`", "for example: do: [{trigger: {workflow: …, recipients: […]}}]")
        return None
    do = Plain(notes).value(node)
    if not isinstance(do, list):
        notes.add(node, "`do` must be a list of actions", "begin each with `- trigger:`, for example")
        return None
    if not _check(key, do, table.node, notes, workflows) or cron is None:
        return None
    return Schedule(
        key=key,
        cron=cron,
        timezone=timezone or "UTC",
        catch_up=policy or CatchUp.ONE,
        most=100 if most is None else int(most),
        jitter=jitter or timedelta(0),
        actions=do,
    )


def _line(text: str) -> str:
    parse_cadence(text)
    return text


def _check(key: str, do: list[object], root: yaml.Node, notes: Notes, workflows: Collection[str]) -> bool:
    """Whether the actions can be compiled; what is wrong is noted where it stands."""
    from clarion.domain.binding import Binding
    from clarion.domain.binding_compiled import compile_binding
    from clarion.domain.expression_text import EVENT
    from clarion.domain.own_event import OwnEvent
    from clarion.templates.text import Text  # the engine takes 0.2 s to import

    draft = Binding(key=key, on=OwnEvent(type="schedule.fired"), do=do)  # type: ignore[arg-type]
    try:
        compiled = compile_binding(draft, lambda text: Text(text, EVENT.roots))
    except Invalid as error:
        for fault in error.faults:
            message, _, hint = fault.detail.partition("; ")
            _, value = locate(root, fault.pointer)
            name = fault.pointer.rpartition("/")[2]
            if isinstance(fault, PlacedFault):
                line, column = (int(part) for part in fault.place.split(":"))
                notes.put(*place_in(value, notes, line, column), f"`{name}`: {message}", hint or None)
            else:
                notes.add(value, f"`{name}`: {message}", hint or None)
        return False
    for workflow, pointer in compiled.names.workflows:
        if workflow not in workflows:
            _, value = locate(root, pointer)
            hint = did_you_mean(workflow, workflows) if workflows else f"write workflows/{workflow[:64]}.yaml"
            notes.add(value, f"there is no workflow `{workflow[:64]}`", hint)
    return True
