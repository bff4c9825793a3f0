"""A binding made ready: from an event and the time to actions, or to everything that keeps it from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clarion.domain.action import Action
from clarion.domain.binding import Binding
from clarion.domain.binding_actions import Make, Names, compile_actions
from clarion.domain.binding_value import CompileText, Parts, Sight, show_time
from clarion.domain.event import Event
from clarion.domain.expression import Expression, Scope
from clarion.errors import Fault, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A binding whose expressions and texts are compiled. Immutable."""

    binding: Binding
    #: What its actions name without a value in it, with the place of each: for checking a folder.
    names: Names
    _when: Expression | None
    _make: Sequence[Make]
    #: What expressions read of each name, None for all of it: only that is converted for them.
    _reads: Mapping[str, frozenset[str] | None]

    def actions(self, event: Event, now: datetime) -> Sequence[Action]:
        """What is to be done because of *event*, in order; nothing where the condition is false.

        Raises `Invalid` (``binding_failed``, or the one code of all its faults) that names every part that cannot be
        worked out: a key that the data lacks, a time that is none, a condition that is neither true nor false.
        """
        sight = Sight(lambda: self._scope(event, now), _Seen(event, now))
        if self._when is not None:
            result = self._when.evaluate(sight.scope)
            if result.value is False:
                return ()
            if result.value is not True:
                reason = result.reason or "it is neither true nor false"
                raise self._failed([Fault("/when", reason, "expression_failed")])
        made = [make(sight) for make in self._make]
        if sight.faults:
            raise self._failed(sight.faults)
        return [action for action in made if action is not None]

    def _scope(self, event: Event, now: datetime) -> Scope:
        """What expressions see, times as timestamps."""
        all_of: dict[str, Callable[[], object]] = {
            "event": lambda: {**_about(event), "time": event.time, "data": event.data, "headers": dict(event.headers)},
            "data": lambda: event.data,
            "headers": lambda: dict(event.headers),
            "now": lambda: now,
        }
        return Scope(**{name: _part(all_of[name](), fields) for name, fields in self._reads.items()})

    def _failed(self, faults: Sequence[Fault]) -> Invalid:
        codes = {fault.code for fault in faults}
        said = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:10])
        more = f" (and {len(faults) - 10} more)" if len(faults) > 10 else ""
        code = codes.pop() if len(codes) == 1 else "binding_failed"
        return Invalid(f"binding {self.binding.key}: {said}{more}", code=code, faults=faults)


def compile_binding(binding: Binding, compile_text: CompileText) -> Compiled:
    """Make *binding* ready.

    Raises `Invalid` with every fault: their pointers are JSON pointers into the binding as `Binding.to_json` gives it,
    such as ``/do/0/trigger/payload/orderId``; those inside an expression are `PlacedFault`.
    """
    parts, names = Parts(compile_text), Names()
    when = parts.expression(binding.when, "/when") if binding.when is not None else None
    make = compile_actions(binding.do, "/do", parts, names)
    if parts.faults:
        said = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in parts.faults[:10])
        raise Invalid(f"binding {binding.key}: {said}", code="invalid_binding", faults=parts.faults)
    return Compiled(
        binding=binding,
        names=names,
        _when=when,
        _make=make,
        _reads=parts.reads,
    )


def _about(event: Event) -> dict[str, object]:
    return {"id": event.id, "type": event.type, "source": event.source, "subject": event.subject}


def _part(value: object, fields: frozenset[str] | None) -> object:
    if fields is None or not isinstance(value, dict):
        return value
    return {field: value[field] for field in fields if field in value}


class _Seen(dict[str, object]):
    """What texts and paths see: the same names as expressions, times as RFC 3339; each made when it is asked for."""

    def __init__(self, event: Event, now: datetime) -> None:
        super().__init__(data=event.data, headers=event.headers)
        self._event = event
        self._now = now

    def __missing__(self, name: str) -> object:
        if name == "now":
            value: object = show_time(self._now)
        elif name == "event":
            event = self._event
            time = show_time(event.time) if event.time else None
            value = {**_about(event), "time": time, "data": event.data, "headers": event.headers}
        else:
            raise KeyError(name)
        self[name] = value
        return value
