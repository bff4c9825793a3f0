"""Conditions and values in workflows: CEL, the Common Expression Language, compiled once and safe to run.

An expression reads ``recipient``, ``payload`` and ``trigger`` and nothing else; it cannot loop for ever, call out, or
change anything. What it may cost is bounded twice: by its text when it is compiled, and by the size of the data that
its loops go over when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid

ROOTS = frozenset({"recipient", "payload", "trigger"})
RECIPIENT_FIELDS = frozenset({"id", "name", "email", "locale", "timezone", "data"})
MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_OF_TEXT = frozenset({"size", "contains", "startsWith", "endsWith", "matches"})
_OF_TYPES = frozenset({"int", "uint", "double", "string", "bytes", "timestamp", "duration", "type", "dyn"})
_OF_TIMES = frozenset(
    "get" + part
    for part in (
        *("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear"),
        *("Hours", "Minutes", "Seconds", "Milliseconds"),
    )
)
FUNCTIONS = _OF_TEXT | _OF_TYPES | _OF_TIMES

LONGEST_TEXT = 1_000
#: Loops (macros) in one expression, and `+` signs: each may multiply what the one before it made.
MOST_LOOPS = 4
MOST_PLUS = 8
#: Steps of a loop, or of a loop within a loop; 10^6 take about a third of a second.
MOST_STEPS = 1_000_000

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*)|(?P<string>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>[0-9][\w.]*)|(?P<sign>.)""",
    re.DOTALL,
)
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


class _Program(Protocol):
    def execute(self, context: Any) -> object: ...
    def variables(self) -> list[str]: ...
    def functions(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What an expression came to: a value, or the reason why there is none."""

    value: object = None
    reason: str | None = None


class Scope:
    """What expressions see. Made once for a trigger, then pointed at one recipient after the other.

    Payload and trigger are converted once, so a condition costs about 10 µs a recipient with an ordinary payload,
    and a third of what it would with a large one.
    All three are JSON-like: mappings with string keys, lists, strings, numbers, booleans, None; datetimes too.
    """

    def __init__(self, *, payload: Mapping[str, object], trigger: Mapping[str, object]) -> None:
        from cel import Context  # takes 0.2 s to import, and few workflows have conditions

        self.context = Context(variables={"payload": dict(payload), "trigger": dict(trigger), "recipient": {}})
        self._shared = _count(payload) + _count(trigger)
        self._recipient: Mapping[str, object] = {}

    def of(self, recipient: Mapping[str, object]) -> Scope:
        """This scope, now with *recipient* (see `Recipient.variables`) in the place of the one before."""
        self.context.add_variable("recipient", dict(recipient))
        self._recipient = recipient
        return self

    def values(self) -> int:
        """How many values there are in all, counted up to `MOST_STEPS`."""
        return self._shared + _count(self._recipient)


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression. Immutable, and safe to use from several threads."""

    text: str
    #: How deep its loops are nested; what searches a list (``in``, ``matches``) counts as a loop inside one.
    loops: int
    program: _Program

    @classmethod
    def compile(cls, text: str) -> Expression:
        """Make *text* ready to run.

        Raises `Invalid` (code ``invalid_expression``) that names every fault with its line and column, as in
        ``line 1, column 9: …``; also for names that no expression can see.
        """
        if len(text) > LONGEST_TEXT:
            raise _invalid(f"it is {len(text):,} characters long; at most {LONGEST_TEXT:,} are allowed")
        from cel import compile as compile_cel

        try:
            program: _Program = compile_cel(text)
        except ValueError as error:
            raise _invalid(_syntax(str(error))) from None
        tokens = list(_tokens(text))
        if faults := [*_unknown_names(tokens, program), *_too_costly(tokens)]:
            raise _invalid("; ".join(faults))
        return cls(text=text, loops=_nesting(tokens), program=program)

    def evaluate(self, scope: Scope) -> Result:
        """What it comes to for the recipient of *scope*; never raises for what the data may be.

        A key that is missing, a type that does not fit, a division by zero: a `Result` with the reason.
        """
        if self.loops and (scope.values() ** self.loops) > MOST_STEPS:
            return Result(reason=f"too costly: its loops would go over {scope.values():,} values")
        try:
            return Result(self.program.execute(scope.context))
        except KeyError as error:
            return Result(reason=f"there is no {error.args[0]!r} in the data")
        except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
            return Result(reason=str(error).split("\n")[0][:200])

    def why_not(self, scope: Scope) -> str | None:
        """None when the condition holds, otherwise the reason why its step is skipped.

        A condition that cannot be evaluated does not hold; nor does one that is neither true nor false.
        """
        result = self.evaluate(scope)
        if result.reason is not None:
            return f"condition could not be evaluated: {result.reason}"
        if not isinstance(result.value, bool):
            return f"condition is neither true nor false but {_kind(result.value)}"
        return None if result.value else "condition is false"

    def holds(self, scope: Scope) -> bool:
        """Whether the condition is true; see `why_not` for what happens when it cannot be told."""
        return self.why_not(scope) is None


def _invalid(why: str) -> Invalid:
    return Invalid(why, code="invalid_expression")


def _syntax(message: str) -> str:
    """The library's report with its places, without its drawings and its lists of token names."""
    found = []
    for line, column, what in _PLACE.findall(message):
        what = what.split(" expecting ")[0].replace("'<EOF>'", "the end").replace("<EOF>", "the end")
        found.append(f"line {line}, column {column}: {what}")
    return "; ".join(found) or message.split("\n")[0][:200]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield _Token(str(match.lastgroup), match.group(), match.start())


def _calls(tokens: list[_Token]) -> Iterator[int]:
    """Where a macro begins: the index of its name in ``.exists(``."""
    for i in range(1, len(tokens) - 1):
        if tokens[i].text in MACROS and tokens[i - 1].text == "." and tokens[i + 1].text == "(":
            yield i


def _unknown_names(tokens: list[_Token], program: _Program) -> Iterator[str]:
    bound = {tokens[i + 2].text for i in _calls(tokens) if i + 2 < len(tokens)}
    for name in program.variables():
        if name not in ROOTS and name not in bound and not name.startswith("@"):
            yield f"`{name}` is not known here: {did_you_mean(name, ROOTS)}"
    for name in program.functions():
        if name.isidentifier() and name not in FUNCTIONS:
            yield f"there is no function `{name}`: {did_you_mean(name, FUNCTIONS | MACROS)}"
    for root, dot, field in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (root.text, dot.text, field.kind) == ("recipient", ".", "name") and field.text not in RECIPIENT_FIELDS:
            yield (
                f"column {field.start + 1}: a recipient has no `{field.text}`: "
                f"{did_you_mean(field.text, RECIPIENT_FIELDS)} (fields of your own are under `recipient.data`)"
            )


def _too_costly(tokens: list[_Token]) -> Iterator[str]:
    for what, count, most in (
        ("loops (all, exists, map, filter)", len(list(_calls(tokens))), MOST_LOOPS),
        ("`+` signs", sum(token.text == "+" for token in tokens), MOST_PLUS),
    ):
        if count > most:
            yield f"it has {count} {what}; at most {most} are allowed"
    if _nesting(tokens) > 2:
        yield "its loops are nested more than two deep"


def _nesting(tokens: list[_Token]) -> int:
    """How many loops run inside each other at the most."""
    calls = set(_calls(tokens))
    deepest, open_loops, brackets = 0, list[int](), 0
    for i, token in enumerate(tokens):
        if token.kind == "sign" and token.text in "([{":
            brackets += 1
            if i - 1 in calls:
                open_loops.append(brackets)
        elif token.kind == "sign" and token.text in ")]}":
            if open_loops and open_loops[-1] == brackets:
                open_loops.pop()
            brackets -= 1
        searches = bool(open_loops) and token.text in ("in", "matches")
        deepest = max(deepest, len(open_loops) + searches)
    return deepest


def _count(value: object) -> int:
    """How many values *value* holds, itself included; stops at `MOST_STEPS`."""
    waiting, seen = [value], 0
    while waiting and seen < MOST_STEPS:
        item = waiting.pop()
        seen += 1
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return seen


def _kind(value: object) -> str:
    names = {str: "text", int: "a number", float: "a number", type(None): "null", list: "a list", dict: "a map"}
    return names.get(type(value), type(value).__name__)
