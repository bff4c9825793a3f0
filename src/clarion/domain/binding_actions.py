"""The actions of a binding as they are written: which fields each kind has, and what sort of part each field is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clarion.domain.action import TARGETS, Action, CancelTimer, Publish, SetTimer, Trigger
from clarion.domain.binding_files import read_files
from clarion.domain.binding_value import Evaluate, Parts, Sight
from clarion.domain.suggest import did_you_mean, one_of

MOST_ACTIONS = 20
#: Timers that set timers that set timers.
DEEPEST = 3

_VALUE, _TIME, _TEXT, _TEXTS, _HEADERS, _ACTIONS, _NAME = "value", "time", "text", "texts", "headers", "actions", "name"
_FILES = "files"
#: The sort of each field, and after it the fields without which there is nothing to do.
FIELDS: Mapping[str, tuple[Mapping[str, str], Sequence[str]]] = {
    "trigger": (
        {
            "workflow": _TEXT,
            "recipients": _VALUE,
            "payload": _VALUE,
            "metadata": _VALUE,
            "channels": _TEXTS,
            "transaction_id": _TEXT,
            "priority": _TEXT,
            "send_at": _TIME,
            "expires_at": _TIME,
            "attachments": _FILES,
            "sandbox": _VALUE,
        },
        ("workflow", "recipients"),
    ),
    "publish": (
        {
            "kind": _NAME,
            "broker": _NAME,
            **dict.fromkeys((name for needed, allowed in TARGETS.values() for name in (*needed, *allowed)), _TEXT),
            "body": _VALUE,
            "headers": _HEADERS,
            "id": _TEXT,
        },
        ("kind",),
    ),
    "timer.set": ({"key": _TEXT, "at": _TIME, "do": _ACTIONS, "metadata": _VALUE}, ("key", "at", "do")),
    "timer.cancel": ({"key": _TEXT}, ("key",)),
}

#: Makes one action of an event; None where its parts cannot be worked out, which is noted then.
Make = Callable[[Sight], Action | None]


@dataclass(frozen=True, slots=True)
class Names:
    """What actions name, each with the pointer to where they do."""

    workflows: list[tuple[str, str]] = field(default_factory=list)
    #: Kind, name (None: the only one) and pointer.
    brokers: list[tuple[str, str | None, str]] = field(default_factory=list)


def compile_actions(written: Any, at: str, parts: Parts, names: Names, *, depth: int = 1) -> list[Make]:
    """Make the list of actions *written* ready; what is wrong is added to *parts*."""
    if not isinstance(written, list | tuple) or not written:
        parts.wrong(at, f"must be a list of actions; begin each with {one_of(f'- {kind}:' for kind in FIELDS)}", "type")
        return []
    if len(written) > MOST_ACTIONS:
        parts.wrong(at, f"at most {MOST_ACTIONS} actions; this has {len(written)}", "too_many")
        return []
    if depth > DEEPEST:
        parts.wrong(at, f"timers may set timers at most {DEEPEST} deep", "too_deep")
        return []
    made = [_action(one, f"{at}/{index}", parts, names, depth) for index, one in enumerate(written)]
    return [make for make in made if make is not None]


def _action(written: Any, at: str, parts: Parts, names: Names, depth: int) -> Make | None:
    if not isinstance(written, Mapping) or len(written) != 1:
        parts.wrong(at, f"must be a table with one key, its kind; it is {one_of(FIELDS)}", "type")
        return None
    ((kind, given),) = written.items()
    if kind not in FIELDS:
        parts.wrong(at, f"`{kind}` is not an action; {did_you_mean(str(kind), FIELDS)}", "unknown_field")
        return None
    at = f"{at}/{kind}"
    if not isinstance(given, Mapping):
        parts.wrong(at, f"`{kind}` must be a table of keys and values", "type")
        return None
    known, needed = FIELDS[kind]
    for name in given:
        if name not in known:
            parts.wrong(f"{at}/{name}", f"unknown key `{str(name)[:60]}`; {did_you_mean(str(name), known)}")
    for name in needed:
        if given.get(name) is None:
            parts.wrong(at, f"`{kind}` needs `{name}`", "missing")
    fields = {
        name: _field(sort, given[name], f"{at}/{name}", parts, names, depth)
        for name, sort in known.items()
        if given.get(name) is not None
    }
    return _MAKERS[kind](fields, given, at, parts, names)


def _field(sort: str, written: Any, at: str, parts: Parts, names: Names, depth: int) -> Evaluate:
    if sort == _VALUE:
        return parts.value(written, at)
    if sort == _TIME:
        return parts.time(written, at)
    if sort == _TEXTS:
        texts = written if isinstance(written, list) else [written]
        rendered = [parts.text(text, f"{at}/{index}") for index, text in enumerate(texts)]
        return lambda sight: [text(sight) for text in rendered]
    if sort == _FILES:
        return read_files(written, at, parts)
    if sort == _HEADERS:
        if not isinstance(written, Mapping):
            parts.wrong(at, "must be a table of names and texts", "type")
            return lambda sight: {}
        headers = {str(name): parts.text(text, f"{at}/{name}") for name, text in written.items()}
        return lambda sight: {name: text(sight) for name, text in headers.items()}
    if sort == _ACTIONS:
        makes = compile_actions(written, at, parts, names, depth=depth + 1)
        return lambda sight: [action for make in makes if (action := make(sight)) is not None]
    if sort == _NAME and not isinstance(written, str):
        parts.wrong(at, "must be text", "type")
    return parts.text(written, at) if sort == _TEXT else lambda sight: written


def _trigger(
    fields: Mapping[str, Evaluate], given: Mapping[str, Any], at: str, parts: Parts, names: Names
) -> Make | None:
    workflow = given.get("workflow")
    if isinstance(workflow, str) and "{" not in workflow:
        names.workflows.append((workflow, f"{at}/workflow"))

    def make(sight: Sight) -> Trigger | None:
        before = len(sight.faults)
        values = {name: evaluate(sight) for name, evaluate in fields.items()}
        if isinstance(values["recipients"], str | dict):  # one alone
            values["recipients"] = [values["recipients"]]
        if not isinstance(values["recipients"], list):
            sight.wrong(f"{at}/recipients", "it comes to no list of recipients", "type")
        if values.get("attachments", ()) is None:  # as what may be left out may
            del values["attachments"]
        elif not isinstance(values.get("attachments", ()), list | tuple):
            sight.wrong(f"{at}/attachments", "it comes to no list of files", "type")
        if not isinstance(values.get("sandbox", False), bool):
            sight.wrong(f"{at}/sandbox", "it comes to neither true nor false", "type")
        for name in ("payload", "metadata"):
            _check_object(values, name, at, sight)
        return Trigger(**values) if len(sight.faults) == before else None

    return make


def _publish(
    fields: Mapping[str, Evaluate], given: Mapping[str, Any], at: str, parts: Parts, names: Names
) -> Make | None:
    kind, broker = given.get("kind"), given.get("broker")
    if kind is None:
        return None
    if kind not in TARGETS:
        parts.wrong(f"{at}/kind", f"`{kind}` is not a kind of sink; {did_you_mean(str(kind), TARGETS)}", "not_allowed")
        return None
    needed, allowed = TARGETS[kind]
    for name in needed:
        if given.get(name) is None:
            parts.wrong(at, f"`publish` to {kind} needs `{name}`", "missing")
    every = {name for pair in TARGETS.values() for names_ in pair for name in names_}
    for name in every.intersection(fields).difference(needed, allowed):
        parts.wrong(f"{at}/{name}", f"`{name}` means nothing to {kind}; it takes {one_of((*needed, *allowed))}")
    names.brokers.append((kind, broker, f"{at}/{'broker' if broker else 'kind'}"))

    def make(sight: Sight) -> Publish | None:
        before = len(sight.faults)
        values = {name: evaluate(sight) for name, evaluate in fields.items()}
        target = {name: values.pop(name) for name in (*needed, *allowed) if name in values}
        return Publish(target=target, **values) if len(sight.faults) == before else None

    return make


def _set_timer(
    fields: Mapping[str, Evaluate], given: Mapping[str, Any], at: str, parts: Parts, names: Names
) -> Make | None:
    def make(sight: Sight) -> SetTimer | None:
        before = len(sight.faults)
        values = {name: evaluate(sight) for name, evaluate in fields.items()}
        _check_object(values, "metadata", at, sight)
        if values["at"] is None and len(sight.faults) == before:
            sight.wrong(f"{at}/at", "it comes to no time", "invalid_time")
        actions = values.pop("do")
        return SetTimer(actions=actions, **values) if len(sight.faults) == before else None

    return make


def _cancel_timer(
    fields: Mapping[str, Evaluate], given: Mapping[str, Any], at: str, parts: Parts, names: Names
) -> Make | None:
    def make(sight: Sight) -> CancelTimer | None:
        key = fields["key"](sight)
        return None if key is None else CancelTimer(key=key)

    return make


def _check_object(values: dict[str, Any], name: str, at: str, sight: Sight) -> None:
    """What may be left out may also come to null."""
    if name in values and values[name] is None:
        del values[name]
    elif name in values and not isinstance(values[name], dict):
        sight.wrong(f"{at}/{name}", "it comes to no object", "type")


_MAKERS = {"trigger": _trigger, "publish": _publish, "timer.set": _set_timer, "timer.cancel": _cancel_timer}
