"""The parts of a binding that are worked out when something happens: values in CEL, times, and texts.

Where a value is wanted, every string in it, however deep, is a CEL expression; numbers, booleans and null are meant as
they stand, maps and lists are gone into, and the keys of maps are names. Where a text is wanted, it is Liquid.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from clarion.domain.expression import Expression, Scope
from clarion.domain.expression_text import EVENT, fields_read
from clarion.domain.moment import parse_moment
from clarion.errors import Fault, Invalid

_SIMPLE = frozenset({str, int, bool})
#: `event` and `now` hold times, and stay expressions.
_PATH = re.compile(r"\s*(?:data|headers)(?:\.[A-Za-z_]\w*)*\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlacedFault(Fault):
    """A fault inside an expression of a binding."""

    #: ``line:column`` in the expression, both from 1.
    place: str = ""


class Text(Protocol):
    """A compiled text: see `clarion.templates.text`."""

    @property
    def fixed(self) -> bool: ...
    def render(self, variables: Mapping[str, object]) -> str: ...


#: Makes a text ready; raises `Invalid` with all that is wrong with it.
CompileText = Callable[[str], Text]


@dataclass(slots=True)
class Sight:
    """One event, as the parts of a binding see it, and what has gone wrong with it so far."""

    #: Made when the first expression needs it: most are paths, which do without.
    new_scope: Callable[[], Scope]
    #: For paths and texts.
    variables: Mapping[str, object]
    faults: list[Fault] = field(default_factory=list)
    made: Scope | None = None

    @property
    def scope(self) -> Scope:
        """For expressions."""
        if self.made is None:
            self.made = self.new_scope()
        return self.made

    def wrong(self, at: str, detail: str, code: str) -> None:
        """Note that the part *at* cannot be worked out."""
        self.faults.append(Fault(at, detail, code))


#: Works out one part; what is wrong is noted, and the answer then means nothing.
Evaluate = Callable[[Sight], Any]


class Parts:
    """Compiles the parts of one binding, gathering what is wrong and which names are read."""

    def __init__(self, compile_text: CompileText) -> None:
        self._compile_text = compile_text
        self.faults: list[Fault] = []
        #: What its expressions read of ``event``, ``data``, ``headers`` and ``now``; None: all of it.
        self.reads: dict[str, frozenset[str] | None] = {}

    def wrong(self, at: str, detail: str, code: str = "invalid") -> None:
        self.faults.append(Fault(at, detail, code))

    def expression(self, text: str, at: str) -> Expression | None:
        """The expression *text* at the pointer *at*; None, with faults, when it cannot be one."""
        try:
            compiled = Expression.compile(text, EVENT)
        except Invalid as error:
            hint = f"; for the text itself write \"'{text}'\"" if text.replace("-", "").isidentifier() else ""
            for fault in error.faults:
                self.faults.append(PlacedFault(at, fault.detail + hint, fault.code, fault.pointer))
            return None
        for root, fields in fields_read(text, EVENT.roots).items():
            known = self.reads.get(root, frozenset())
            self.reads[root] = None if fields is None or known is None else known | fields
        return compiled

    def value(self, written: Any, at: str) -> Evaluate:
        """A value: its strings are expressions."""
        if isinstance(written, str):
            if path := _PATH.fullmatch(written):
                return self._path(written, path[0].strip().split("."), at)
            compiled = self.expression(written, at)
            return _value_of(compiled, at) if compiled else _nothing
        if isinstance(written, Mapping):
            members = {key: self.value(item, f"{at}/{_escape(str(key))}") for key, item in written.items()}
            return lambda sight: {key: item(sight) for key, item in members.items()}
        if isinstance(written, list | tuple):
            items = [self.value(item, f"{at}/{index}") for index, item in enumerate(written)]
            return lambda sight: [item(sight) for item in items]
        return lambda sight: written

    def _path(self, written: str, keys: list[str], at: str) -> Evaluate:
        """``data.order.id``: what most values are. As the expression would come to, at a tenth of the cost."""
        before = dict(self.reads)
        if self.expression(written, at) is None:
            return _nothing
        self.reads = before
        root, *keys = keys

        def follow(sight: Sight) -> object:
            value = sight.variables[root]
            for key in keys:
                try:
                    value = value[key]  # type: ignore[index]
                except (KeyError, TypeError, IndexError):
                    why = f"there is no {key!r} in " + ("the data" if isinstance(value, Mapping) else "what is no map")
                    sight.wrong(at, why, "expression_failed")
                    return None
            return value

        return follow

    def time(self, written: Any, at: str) -> Evaluate:
        """A time: an expression that comes to a timestamp, to an RFC 3339 text, or to null for none."""
        if not isinstance(written, str):
            self.wrong(at, "must be an expression that comes to a time, such as data.expiresAt", "type")
            return _nothing
        compiled = self.expression(written, at)
        return _time_of(compiled, at) if compiled else _nothing

    def text(self, written: Any, at: str) -> Evaluate:
        """A text: Liquid."""
        if isinstance(written, bool) or not isinstance(written, str | int | float):
            self.wrong(at, "must be text", "type")
            return _nothing
        try:
            text = self._compile_text(str(written))
        except Invalid as error:
            for fault in error.faults or (Fault("", error.message, error.code),):
                self.wrong(at, fault.detail, fault.code)
            return _nothing
        if text.fixed:
            plain = text.render({})
            return lambda sight: plain

        def render(sight: Sight) -> str | None:
            try:
                return text.render(sight.variables)
            except Invalid as error:
                sight.wrong(at, error.message, error.code)
                return None

        return render


def _nothing(sight: Sight) -> None:
    """Stands for a part that could not be compiled; never called."""


def _value_of(compiled: Expression, at: str) -> Evaluate:
    def evaluate(sight: Sight) -> object:
        result = compiled.evaluate(sight.scope)
        if result.reason is not None:
            sight.wrong(at, result.reason, "expression_failed")
            return None
        try:
            return plain(result.value)
        except ValueError as error:
            sight.wrong(at, str(error), "type")
            return None

    return evaluate


def _time_of(compiled: Expression, at: str) -> Evaluate:
    def evaluate(sight: Sight) -> datetime | None:
        result = compiled.evaluate(sight.scope)
        value = result.value
        if result.reason is not None:
            sight.wrong(at, result.reason, "expression_failed")
        elif isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        elif isinstance(value, str):
            try:
                return parse_moment(value)
            except Invalid as error:
                sight.wrong(at, f"{value[:64]!r} {error.message}", error.code)
        elif value is not None:
            sight.wrong(at, "it comes to neither a timestamp nor an RFC 3339 text", "invalid_time")
        return None

    return evaluate


def plain(value: object) -> object:
    """What an expression came to, as JSON: timestamps as RFC 3339, durations as ``90s``, bytes in base64.

    Raises `ValueError` for what JSON has no form for.
    """
    if value is None or type(value) in _SIMPLE:
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError("it comes to a map whose keys are not all text")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it comes to no finite number")
    if isinstance(value, str | int | float):
        return value
    return _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return show_time(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.9f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise ValueError(f"it comes to a {type(value).__name__}, which is no JSON")


def show_time(moment: datetime) -> str:
    """*moment* in UTC, as RFC 3339."""
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
