"""The parts of a binding that are worked out when something happens: values in CEL, times, and texts.

Where a value is wanted, every string in it, however deep, is a CEL expression; numbers, booleans and null are meant as
they stand, maps and lists are gone into, and the keys of maps are names. Where a text is wanted, it is Liquid.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from clarion.domain.expression import Expression, Scope
from clarion.domain.expression_text import EVENT
from clarion.domain.moment import parse_moment
from clarion.errors import Fault, Invalid


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

    scope: Scope
    #: For texts.
    variables: Mapping[str, object]
    faults: list[Fault]

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
        #: What its expressions read: ``event``, ``data``, ``headers``, ``now``.
        self.reads: set[str] = set()
        #: Whether any of its texts has values in it.
        self.has_texts = False

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
        self.reads |= compiled.reads
        return compiled

    def value(self, written: Any, at: str) -> Evaluate:
        """A value: its strings are expressions."""
        if isinstance(written, str):
            compiled = self.expression(written, at)
            return _value_of(compiled, at) if compiled else _nothing
        if isinstance(written, Mapping):
            members = {key: self.value(item, f"{at}/{_escape(str(key))}") for key, item in written.items()}
            return lambda sight: {key: item(sight) for key, item in members.items()}
        if isinstance(written, list | tuple):
            items = [self.value(item, f"{at}/{index}") for index, item in enumerate(written)]
            return lambda sight: [item(sight) for item in items]
        return lambda sight: written

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
        self.has_texts = True

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
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError("it comes to a map whose keys are not all text")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it comes to no finite number")
    if value is None or isinstance(value, str | int | float):
        return value
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
