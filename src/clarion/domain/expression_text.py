"""What the text of an expression shows before it is run: names it cannot see, and what it could cost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from clarion.domain.suggest import did_you_mean, nearest
from clarion.errors import Fault, Invalid

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

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*)|(?P<string>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>[0-9][\w.]*)|(?P<sign>.)""",
    re.DOTALL,
)
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that expressions of one sort can see."""

    #: Each with its fields where those are fixed; None: whatever is there.
    roots: Mapping[str, tuple[str, ...] | None]


#: What conditions in workflows see.
WORKFLOW = Vocabulary(
    {
        "recipient": ("id", "name", "email", "phone", "locale", "timezone", "data"),
        "payload": None,
        "trigger": ("id", "transaction_id", "metadata", "created_at"),
    }
)
#: What bindings see of an event.
EVENT = Vocabulary(
    {
        "event": ("id", "type", "source", "subject", "time", "data", "headers"),
        "data": None,
        "headers": None,
        "now": None,
    }
)


class Names(Protocol):
    """What the library says of a compiled expression."""

    def variables(self) -> list[str]: ...
    def functions(self) -> list[str]: ...


def check_length(text: str) -> None:
    """Raise `Invalid` when *text* is too long to be read at all."""
    if len(text) > LONGEST_TEXT:
        raise _invalid([_Fault(0, f"it is {len(text):,} characters long; at most {LONGEST_TEXT:,} are allowed")], text)


def check_text(text: str, names: Names, sees: Vocabulary = WORKFLOW) -> int:
    """How deep the loops of *text*, which compiled, are nested.

    Raises `Invalid` with a fault for each name it cannot see, and for what could cost too much.
    """
    tokens = list(_tokens(text))
    if faults := [*_unknown_names(tokens, names, sees.roots), *_too_costly(tokens)]:
        raise _invalid(faults, text)
    return _nesting(tokens)


def fields_read(text: str, roots: Collection[str]) -> dict[str, frozenset[str] | None]:
    """Which fields of each of *roots* the expression *text* reads; None: perhaps all, for it is used as a whole."""
    tokens = list(_tokens(text))
    found: dict[str, set[str] | None] = {}
    for i, token in enumerate(tokens):
        if token.kind != "name" or token.text not in roots or (i and tokens[i - 1].text == "."):
            continue
        after = [one.text for one in tokens[i + 1 : i + 4]] + ["", "", ""]
        known = found.setdefault(token.text, set())
        if after[0] == "." and after[2] != "(" and known is not None:
            known.add(after[1])
        else:
            found[token.text] = None
    return {root: None if fields is None else frozenset(fields) for root, fields in found.items()}


def syntax_error(report: str, text: str) -> Invalid:
    """The library's *report* on *text* without its drawings and its lists of token names."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found = []
    for line, column, what in _PLACE.findall(report):
        what = what.split(" expecting ")[0].replace("'<EOF>'", "the end").replace("<EOF>", "the end")
        if what.startswith("token recognition error at: '= "):
            what = "`=` compares nothing: did you mean `==`?"
        start = starts[min(int(line), len(starts)) - 1]
        found.append(_Fault(start + int(column) - 1, what.split("OtherError(")[0] or "it is nested too deeply"))
    return _invalid(found or [_Fault(0, report.split("\n")[0][:200])], text)


@dataclass(frozen=True, slots=True)
class _Fault:
    #: Where in the text, from 0.
    at: int
    detail: str


def _invalid(found: list[_Fault], text: str) -> Invalid:
    faults = []
    for fault in sorted(found, key=lambda fault: fault.at):
        before = text[: fault.at]
        line, column = before.count("\n") + 1, fault.at - (before.rfind("\n") + 1) + 1
        faults.append(Fault(f"{line}:{column}", fault.detail, "invalid_expression"))
    message = "; ".join("line {}, column {}: ".format(*f.pointer.split(":")) + f.detail for f in faults)
    return Invalid(message, code="invalid_expression", faults=faults)


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


def _unknown_names(tokens: list[_Token], names: Names, roots: Mapping[str, tuple[str, ...] | None]) -> Iterator[_Fault]:
    bound = {tokens[i + 2].text for i in _calls(tokens) if i + 2 < len(tokens)}
    first = {token.text: token.start for token in reversed(tokens) if token.kind == "name"}
    for name in names.variables():
        if name not in roots and name not in bound and not name.startswith("@"):
            yield _Fault(first.get(name, 0), f"`{name}` is not known here: {did_you_mean(name, roots)}")
    for name in names.functions():
        if name.isidentifier() and name not in FUNCTIONS:
            near = nearest(name, FUNCTIONS | MACROS)
            hint = f": did you mean `{near}`?" if near else ""
            yield _Fault(first.get(name, 0), f"there is no function `{name}`{hint}")
    dots = (i for i in range(1, len(tokens) - 1) if tokens[i].text == "." and tokens[i + 1].kind == "name")
    for i in dots:
        root, field = tokens[i - 1], tokens[i + 1]
        known = roots.get(root.text) if i == 1 or tokens[i - 2].text != "." else None
        if known and field.text not in known:
            own = " (fields of your own are under `recipient.data`)" if root.text == "recipient" else ""
            yield _Fault(field.start, f"{_a(root.text)} has no `{field.text}`: {did_you_mean(field.text, known)}{own}")


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _too_costly(tokens: list[_Token]) -> Iterator[_Fault]:
    loops = [tokens[i].start for i in _calls(tokens)]
    plus = [token.start for token in tokens if token.text == "+"]
    for what, found, most in (("loops (all, exists, map, filter)", loops, MOST_LOOPS), ("`+` signs", plus, MOST_PLUS)):
        if len(found) > most:
            yield _Fault(found[most], f"it has {len(found)} {what}; at most {most} are allowed")
    if _nesting(tokens) > 2:
        yield _Fault(loops[0], "its loops are nested more than two deep")


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
