"""One workflow file: ``workflows/<key>.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import yaml

from clarion.domain.engagement import Kind
from clarion.domain.rate import FASTEST, MOST_BURST, MOST_RESERVE, Rate, parse_rate
from clarion.domain.workflow import Backoff, OnUncertain, Priority, Workflow
from clarion.project.defaults import WorkflowDefaults
from clarion.project.mistake import Mistake, Severity
from clarion.project.name import NAME, checked_name
from clarion.project.table import Notes, Table, duration
from clarion.project.workflow_caps import read_caps
from clarion.project.workflow_steps import read_steps
from clarion.project.yaml_text import compose

KEYS = frozenset(
    {"key", "cap", "category", "priority", "attempts", "backoff", "expires_after", "on_uncertain"}
    | {"rate", "require_verified", "sender", "steps", "track"}
)
RATE_KEYS = frozenset({"per_second", "burst", "reserve"})
BACKOFF_KEYS = frozenset({"waits", "factor", "longest", "jitter"})

MOST_ATTEMPTS = 50
_RATE = "write for example 20/s, 100/m, 5000/h, or 20/s burst 5"
SECOND = timedelta(seconds=1)
YEAR = timedelta(days=366)

_PRIORITIES = {priority.label: priority for priority in Priority}
_TRACKED, _UNTRACKED = {"opens": Kind.OPENED, "clicks": Kind.CLICKED}, "none"
_POLICIES = {policy.value: policy for policy in OnUncertain}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """What one file says, with the places that later checks point at."""

    workflow: Workflow
    file: str
    #: Whether there is a line for the sender, be it right or wrong.
    says_sender: bool = False
    #: Line and column of each step, in order.
    places: tuple[tuple[int, int], ...] = field(default=())


def read_workflow(
    text: str, file: str, key: str, defaults: WorkflowDefaults
) -> tuple[WorkflowFile | None, list[Mistake]]:
    """The workflow in *text*, the content of *file*, which is called *key* by its name; and all that is wrong with it.

    There may be a workflow although there are mistakes: it is good enough to check its templates too.
    """
    node, mistakes = compose(text, file)
    notes = Notes(file)
    notes.mistakes += mistakes
    if not NAME.fullmatch(key):
        notes.add(None, f"`{key}` cannot be a workflow's name", "use up to 64 of a-z, 0-9, - and _")
        return None, notes.mistakes
    if node is None:
        if not mistakes:
            notes.add(None, "the file is empty", "a workflow needs at least `steps`")
        return None, notes.mistakes
    table = Table.of(node, notes, KEYS, "a workflow")
    return (_workflow(table, notes, key, defaults) if table else None), notes.mistakes


def _workflow(table: Table, notes: Notes, key: str, defaults: WorkflowDefaults) -> WorkflowFile | None:
    said = table.text("key")
    if said is not None and said != key:
        notes.add(table.at("key"), f"the key `{said}` is not the file's name", f"write `{key}`, or rename the file")
    priority = table.choice("priority", _PRIORITIES)  # CRITICAL is 0
    attempts = table.number("attempts", 1, MOST_ATTEMPTS, whole=True)
    steps = read_steps(table, notes)
    if not steps:
        return None
    workflow = Workflow(
        key=key,
        steps=tuple(step for step, _ in steps),
        category=table.checked("category", checked_name),
        priority=Priority.NORMAL if priority is None else priority,
        attempts=defaults.attempts if attempts is None else int(attempts),
        backoff=_backoff(table, notes),
        expires_after=table.duration("expires_after", SECOND, YEAR) or defaults.expires_after,
        on_uncertain=table.choice("on_uncertain", _POLICIES),
        sender=table.checked("sender", defaults.check_sender),
        rate=_rate(table, notes),
        track=_track(table, notes),
        caps=read_caps(table, notes),
        require_verified=table.flag("require_verified") or False,
    )
    if workflow.caps and workflow.priority is Priority.CRITICAL:
        notes.add(table.at("cap"), "`cap` does nothing: the priority is critical", severity=Severity.WARNING)
    places = tuple(place for _, place in steps)
    return WorkflowFile(workflow=workflow, file=notes.file, says_sender=table.has("sender"), places=places)


def _track(table: Table, notes: Notes) -> frozenset[Kind] | None:
    """``track: opens``, ``track: [opens, clicks]`` or ``track: none``."""
    said = table.texts("track")
    if said is None:
        return None
    if said == (_UNTRACKED,):
        return frozenset()
    for name in said:
        if name not in _TRACKED:
            notes.add(
                table.at("track"), f"`track` knows no `{name[:32]}`", "write opens, clicks, both in a list, or none"
            )
    return frozenset(_TRACKED[name] for name in said if name in _TRACKED)


def _rate(table: Table, notes: Notes) -> Rate | None:
    """``rate: 20/s``, ``rate: 20/s burst 5`` or the long form."""
    node = table.at("rate")
    if isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float")):
        hint = f"did you mean {node.value}/s?" if node.value.lstrip("0.") and node.value[0].isdigit() else _RATE
        notes.add(node, f"`rate` needs a unit of time: {node.value[:32]} alone is none", hint)
        return None
    if not isinstance(node, yaml.MappingNode):
        return table.checked("rate", parse_rate)
    long = Table(node, notes, RATE_KEYS)
    per_second, burst = long.number("per_second", 0.0001, FASTEST), long.number("burst", 1, MOST_BURST, whole=True)
    reserve = long.number("reserve", 0, MOST_RESERVE)
    if not long.has("per_second"):
        notes.add(node, "`rate` needs `per_second`", "for example rate: {per_second: 20, burst: 5}")
    return None if per_second is None else Rate(per_second=per_second, burst=int(burst or 1), reserve=reserve or 0.0)


def _backoff(table: Table, notes: Notes) -> Backoff:
    """``backoff: 5s``, ``backoff: [5s, 25s, 125s]`` or the long form."""
    node = table.at("backoff")
    if node is None:
        return Backoff()
    if not isinstance(node, yaml.MappingNode):
        return _shape(_waits(node, notes), None, {}, notes, node)
    long = Table(node, notes, BACKOFF_KEYS)
    waits = long.at("waits")
    numbers = {"factor": long.number("factor", 1, 100), "jitter": long.number("jitter", 0, 1)}
    longest = long.duration("longest", timedelta(0), YEAR)
    return _shape(_waits(waits, notes) if waits else None, longest, numbers, notes, node)


def _shape(
    waits: tuple[timedelta, ...] | None,
    longest: timedelta | None,
    numbers: Mapping[str, float | None],
    notes: Notes,
    node: yaml.Node,
) -> Backoff:
    """The parts that are there, the defaults for the others."""
    usual = Backoff()
    waits = waits or usual.waits
    if longest is not None and max(waits) > longest:
        notes.add(node, "a wait is longer than `longest`", "raise `longest`, or shorten the wait")
    return Backoff(
        waits=waits,
        longest=max(usual.longest, *waits) if longest is None else longest,
        **{name: value for name, value in numbers.items() if value is not None},
    )


def _waits(node: yaml.Node, notes: Notes) -> tuple[timedelta, ...] | None:
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not 1 <= len(items) <= MOST_ATTEMPTS:
        notes.add(
            node, f"`waits` must be a list of 1 to {MOST_ATTEMPTS} lengths of time", "for example [5s, 25s, 125s]"
        )
        return None
    lengths = [duration(item, "backoff", notes, timedelta(0), YEAR) for item in items]
    return tuple(length for length in lengths if length is not None)
