"""One binding file: ``bindings/<key>.yaml``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from clarion.domain.binding import Binding
from clarion.domain.binding_compiled import Compiled, compile_binding
from clarion.domain.binding_value import PlacedFault
from clarion.domain.expression_text import EVENT
from clarion.domain.own_event import JOB_FAILED, OwnEvent
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid
from clarion.project.binding_circle import Link, circles, link_of
from clarion.project.binding_on import read_on
from clarion.project.binding_shared import Listener, contradictions, listener_of
from clarion.project.files import list_files, read_text
from clarion.project.mistake import Mistake, Severity
from clarion.project.name import NAME
from clarion.project.plain_value import Plain, locate
from clarion.project.table import Notes, Table, place_in
from clarion.project.yaml_text import compose

KEYS = ("on", "when", "do")


def read_bindings(folder: Path, workflows: Collection[str]) -> tuple[list[Binding], list[Mistake]]:
    """All bindings of the project in *folder*, whose workflows are *workflows*, and all that is wrong with them."""
    found: list[Binding] = []
    mistakes: list[Mistake] = []
    links: list[Link | None] = []
    listeners: list[Listener | None] = []
    try:
        paths = list(list_files(folder, "bindings"))
    except Invalid as error:
        return [], [Mistake(file="bindings", message=error.message)]
    for path in paths:
        file = path.relative_to(folder).as_posix()
        if path.parent != folder / "bindings" or path.suffix != ".yaml":
            hint = f"rename it to {path.stem}.yaml" if path.suffix == ".yml" else "bindings are bindings/<key>.yaml"
            severity = Severity.ERROR if path.suffix in (".yml", ".yaml") else Severity.WARNING
            mistakes.append(Mistake(file=file, message="it is not read as a binding", hint=hint, severity=severity))
            continue
        try:
            text = read_text(folder, path)
        except Invalid as error:
            mistakes.append(Mistake(file=file, message=error.message))
            continue
        binding, wrong = read_binding(text, file, path.stem, workflows)
        mistakes += wrong
        if binding is not None:
            found.append(binding)
            links.append(link_of(file, binding.on, _triggered(binding.do)))
            listeners.append(listener_of(text, file, binding))
    mistakes += circles(link for link in links if link is not None)
    mistakes += contradictions(listener for listener in listeners if listener is not None)
    return found, mistakes


def _triggered(do: object) -> set[str]:
    """The workflows that the actions *do* trigger, those of timers included, as far as they are named."""
    found: set[str] = set()
    for action in do if isinstance(do, list) else ():
        for kind, given in action.items():
            if kind == "trigger" and "{" not in str(given["workflow"]):
                found.add(str(given["workflow"]))
            found |= _triggered(given.get("do"))
    return found


def read_binding(text: str, file: str, key: str, workflows: Collection[str]) -> tuple[Binding | None, list[Mistake]]:
    """The binding in *text*, the content of *file*, which is called *key*; and all that is wrong with it."""
    node, mistakes = compose(text, file)
    notes = Notes(file)
    notes.mistakes += mistakes
    if not NAME.fullmatch(key):
        notes.add(None, f"`{key}` cannot be a binding's name", "use up to 64 of a-z, 0-9, - and _")
        return None, notes.mistakes
    if node is None:
        if not mistakes:
            notes.add(None, "the file is empty", "a binding needs at least `on` and `do`")
        return None, notes.mistakes
    table = Table.of(node, notes, KEYS, "a binding")
    return (_binding(table, notes, key, workflows) if table else None), notes.mistakes


def _binding(table: Table, notes: Notes, key: str, workflows: Collection[str]) -> Binding | None:
    on_node, do_node = table.at("on"), table.at("do")
    if on_node is None:
        notes.add(table.node, "there is no `on`", "for example: on: {bullmq: {queue: mailer-queue}}")
    if do_node is None:
        notes.add(table.node, "there is no `do`", "for example: do: [{trigger: {workflow: …, recipients: […]}}]")
    on = read_on(on_node, notes) if on_node else None
    when, do = table.text("when"), Plain(notes).value(do_node) if do_node else None
    if do_node is None or not isinstance(do, list):
        if do_node is not None:
            notes.add(do_node, "`do` must be a list of actions", "begin each with `- trigger:`, for example")
        return None
    # What it listens to does not matter to what it does: both are checked, whatever is wrong with the other.
    draft = Binding(key=key, on=on or OwnEvent(type=JOB_FAILED), when=when, do=do)
    compiled = _compile(draft, table.node, notes)
    if compiled is None:
        return None
    notes.mistakes += _unknown_workflows(compiled, table.node, notes, workflows)
    return draft if on is not None else None


def _compile(draft: Binding, root: yaml.Node, notes: Notes) -> Compiled | None:
    from clarion.templates.text import Text  # the engine takes 0.2 s to import

    try:
        return compile_binding(draft, lambda text: Text(text, EVENT.roots))
    except Invalid as error:
        for fault in error.faults:
            message, _, hint = fault.detail.partition("; ")
            if not hint and ": did you mean" in message:
                message, _, hint = message.partition(": ")
            key, value = locate(root, fault.pointer)
            name = fault.pointer.rpartition("/")[2]
            if isinstance(fault, PlacedFault):
                line, column = (int(part) for part in fault.place.split(":"))
                notes.put(*place_in(value, notes, line, column), f"`{name}`: {message}", hint or None)
            else:
                unknown = message.startswith("unknown key")
                notes.add(key if unknown else value, message if unknown else f"`{name}`: {message}", hint or None)
        return None


def _unknown_workflows(
    compiled: Compiled, root: yaml.Node, notes: Notes, workflows: Collection[str]
) -> Iterator[Mistake]:
    on = compiled.binding.on
    named = list(compiled.names.workflows)
    if (narrowed := getattr(on, "workflow", None)) is not None:
        named.append((narrowed, f"/on/{getattr(on, 'type', '')}/workflow"))
    for workflow, pointer in named:
        if workflow not in workflows:
            _, value = locate(root, pointer)
            hint = did_you_mean(workflow, workflows) if workflows else f"write workflows/{workflow[:64]}.yaml"
            yield Mistake(
                file=notes.file,
                line=notes.line(value),
                column=value.start_mark.column + 1,
                message=f"there is no workflow `{workflow[:64]}`",
                hint=hint,
            )
