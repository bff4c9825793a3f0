"""Conditions and values: CEL, the Common Expression Language, compiled once and safe to run.

In a workflow an expression reads ``recipient``, ``payload`` and ``trigger``, in a binding ``event``, ``data``,
``headers`` and ``now``, and nothing else; it cannot loop for ever, call out, or change anything. What it may cost is
bounded twice: by its text when it is compiled, and by the size of the data that its loops go over when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clarion.domain.expression_text import WORKFLOW, Vocabulary, check_length, check_text, syntax_error

#: Steps of a loop, or of a loop within a loop; 10^6 take about a third of a second.
MOST_STEPS = 1_000_000


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
    """What expressions see. For a trigger made once, then pointed at one recipient after the other.

    What recipients share is converted once, so a condition costs about 10 µs a recipient with an ordinary payload,
    and a third of what it would with a large one.
    All values are JSON-like: mappings with string keys, lists, strings, numbers, booleans, None; datetimes too.
    """

    def __init__(self, **shared: object) -> None:
        from cel import Context  # takes 0.2 s to import, and few workflows have conditions

        self._shared = shared
        self._counted: int | None = None
        self._recipient: Mapping[str, object] = {}
        self.context = Context(variables={"recipient": {}, **shared})

    def of(self, recipient: Mapping[str, object]) -> Scope:
        """This scope, now with *recipient* (see `Recipient.variables`) in the place of the one before."""
        self.context.add_variable("recipient", dict(recipient))
        self._recipient = recipient
        return self

    def values(self) -> int:
        """How many values there are in all, counted up to `MOST_STEPS`."""
        if self._counted is None:
            self._counted = sum(map(_count, self._shared.values()))
        return self._counted + _count(self._recipient)


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression. Immutable, and safe to use from several threads."""

    text: str
    #: How deep its loops are nested; what searches a list (``in``, ``matches``) counts as a loop inside one.
    loops: int
    program: _Program
    #: The names that it reads, e.g. ``payload``.
    reads: frozenset[str] = frozenset()

    @classmethod
    def compile(cls, text: str, sees: Vocabulary = WORKFLOW) -> Expression:
        """Make *text*, which may use the names of *sees*, ready to run.

        Raises `Invalid` (code ``invalid_expression``) whose faults are all that is wrong, names that no expression
        can see included; their pointers are ``line:column`` in *text*, both from 1.
        """
        check_length(text)
        from cel import compile as compile_cel

        try:
            program: _Program = compile_cel(text)
        except ValueError as error:
            raise syntax_error(str(error), text) from None
        loops = check_text(text, program, sees)
        return cls(text=text, loops=loops, program=program, reads=frozenset(program.variables()))

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
