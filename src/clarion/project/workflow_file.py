"""One workflow file: ``workflows/<key>.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import yaml

from clarion.domain.expression import Expression
from clarion.domain.suggest import one_of
from clarion.domain.workflow import Backoff, Channel, OnUncertain, Priority, Step, Workflow
from clarion.errors import Invalid
from clarion.project.defaults import WorkflowDefaults
from clarion.project.mistake import Mistake
from clarion.project.table import Notes, Table, duration
from clarion.project.yaml_text import compose

KEYS = frozenset(
    {"key", "category", "priority", "attempts", "backoff", "expires_after", "on_uncertain", "sender", "steps"}
)
STEP_KEYS = frozenset({"key", "channel", "template", "when"})
BACKOFF_KEYS = frozenset({"waits", "factor", "longest", "jitter"})
#: What workflows, steps and templates are called.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

MOST_STEPS = 50
MOST_ATTEMPTS = 50
SECOND = timedelta(seconds=1)
YEAR = timedelta(days=366)

_PRIORITIES = {priority.label: priority for priority in Priority}
_CHANNELS = {channel.value: channel for channel in Channel}
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
    steps = _steps(table, notes)
    if not steps:
        return None
    workflow = Workflow(
        key=key,
        steps=tuple(step for step, _ in steps),
        category=table.checked("category", _name),
        priority=Priority.NORMAL if priority is None else priority,
        attempts=defaults.attempts if attempts is None else int(attempts),
        backoff=_backoff(table, notes),
        expires_after=table.duration("expires_after", SECOND, YEAR) or defaults.expires_after,
        on_uncertain=table.choice("on_uncertain", _POLICIES),
        sender=table.checked("sender", defaults.check_sender),
    )
    places = tuple(place for _, place in steps)
    return WorkflowFile(workflow=workflow, file=notes.file, says_sender=table.has("sender"), places=places)


def _steps(table: Table, notes: Notes) -> list[tuple[Step, tuple[int, int]]]:
    node = table.at("steps")
    if node is None:
        notes.add(table.node, "there are no `steps`", "for example: steps: [{channel: email}]")
        return []
    if not isinstance(node, yaml.SequenceNode) or not 1 <= len(node.value) <= MOST_STEPS:
        notes.add(node, f"`steps` must be a list of 1 to {MOST_STEPS} steps", "begin each with `- channel: …`")
        return []
    found: list[tuple[Step, tuple[int, int]]] = []
    seen: dict[str, int] = {}
    for item in node.value:
        step = _step(item, notes)
        if step is None:
            continue
        if step.key in seen:
            hint = "give one of them another `key`"
            notes.add(item, f"two steps have the key `{step.key}`: the other is on line {seen[step.key]}", hint)
        seen.setdefault(step.key, notes.line(item))
        found.append((step, (notes.line(item), item.start_mark.column + 1)))
    return found


def _step(node: yaml.Node, notes: Notes) -> Step | None:
    table = Table.of(node, notes, STEP_KEYS, "a step")
    if table is None:
        return None
    if not table.has("channel"):
        notes.add(node, "the step has no `channel`", f"`channel` is {one_of(_CHANNELS)}")
    channel = table.choice("channel", _CHANNELS)
    key, template = table.checked("key", _name), table.checked("template", _name)
    when = _when(table, notes)
    if channel is None:
        return None
    return Step(key=key or channel.value, channel=channel, template=template or channel.value, when=when)


def _when(table: Table, notes: Notes) -> str | None:
    text, node = table.text("when"), table.at("when")
    if text is None or node is None:
        return None
    try:
        Expression.compile(text)
    except Invalid as error:
        for fault in error.faults:
            line, column = (int(part) for part in fault.pointer.split(":"))
            notes.put(*place_in(node, notes, line, column), f"`when`: {fault.detail}")
    return text


def place_in(node: yaml.Node, notes: Notes, line: int, column: int) -> tuple[int, int | None]:
    """Where a place in the text of *node* is in the file: to the column where that can be told."""
    style = getattr(node, "style", None)
    if style in ("|", ">"):
        return notes.line(node) + line, None  # its indentation is not known here
    if node.start_mark.line == node.end_mark.line:
        return notes.line(node), node.start_mark.column + column + (style in ("'", '"'))
    return notes.line(node), node.start_mark.column + 1


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


def _name(text: str) -> str:
    if NAME.fullmatch(text):
        return text
    mended = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:64]
    raise ValueError(
        f"`{text[:64]}` is not a name; use a-z, 0-9, - and _" + (f", for example `{mended}`" if mended else "")
    )
