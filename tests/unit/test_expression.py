"""Conditions: what they see, what they refuse, and what happens when the data does not fit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.machine import usual

from clarion.domain.expression import Expression, Scope
from clarion.domain.expression_text import FUNCTIONS, LONGEST_TEXT, MACROS
from clarion.errors import Invalid


def scope(payload: Mapping[str, object] | None = None, **recipient: object) -> Scope:
    return Scope(payload=payload or {}, trigger={"id": "trg_1"}).of(recipient)


@pytest.mark.parametrize(
    "text",
    [
        "recipient.name == 'Ada'",
        "recipient.data.plan in ['pro', 'team']",
        "has(recipient.data.plan) && !has(recipient.data.nope)",
        "payload.total > 10 && payload.total < 10.5",
        "payload.items.exists(i, i.price > 5)",
        "trigger.id.startsWith('trg_')",
        "timestamp(payload.at) - duration('3h') < timestamp('2030-01-01T00:00:00Z')",
        "payload.missing || true",
        "payload.trigger.kind == 'x' && payload.recipient.plan == 'y'",
    ],
)
def test_holds(text: str) -> None:
    payload: dict[str, object] = {"total": 10.25, "items": [{"price": 4}, {"price": 6}], "at": "2026-05-01T10:00:00Z"}
    payload |= {"trigger": {"kind": "x"}, "recipient": {"plan": "y"}}
    where = scope(payload, name="Ada", data={"plan": "pro"})
    assert Expression.compile(text).why_not(where) is None
    assert Expression.compile(text).holds(where)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("payload.n == 2", "condition is false"),
        ("payload.nope == 2", "could not be evaluated: there is no 'nope' in the data"),
        ("payload.n > 'x'", "could not be evaluated: No such overload"),
        ("payload.n / 0 == 1", "could not be evaluated: division by zero"),
        ("payload.n + 9223372036854775807 > 0", "could not be evaluated: Arithmetic overflow"),
        ("[1][payload.n] == 1", "could not be evaluated: index out of bounds"),
        ("payload.s.matches('[')", "could not be evaluated: Function 'matches' error"),
        ("timestamp(payload.s) > timestamp('2030-01-01T00:00:00Z')", "could not be evaluated"),
        ("payload.n", "neither true nor false but a number"),
        ("payload.s", "neither true nor false but text"),
        ("payload.none", "neither true nor false but null"),
    ],
)
def test_does_not_hold_and_says_why(text: str, reason: str) -> None:
    said = Expression.compile(text).why_not(scope({"n": 1, "s": "abc", "none": None}))
    assert said is not None
    assert reason in said
    assert not Expression.compile(text).holds(scope({"n": 1, "s": "abc", "none": None}))


def test_evaluates_values_too() -> None:
    assert Expression.compile("payload.n * 2").evaluate(scope({"n": 21})).value == 42
    when = Expression.compile("timestamp(payload.at) - duration('3h')").evaluate(scope({"at": "2026-05-01T10:00:00Z"}))
    assert when.value == datetime(2026, 5, 1, 7, tzinfo=UTC)
    assert when.reason is None


def test_a_scope_moves_from_one_recipient_to_the_next() -> None:
    condition = Expression.compile("recipient.name == payload.host")
    where = Scope(payload={"host": "Ada"}, trigger={})
    assert [condition.holds(where.of({"name": name})) for name in ("Ada", "Bo", "Ada")] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, column 1: "),
        ("payload.n >", "line 1, column 12: mismatched input the end"),
        ("payload.a\n&& == 1", "line 2, column 4: extraneous input '=='"),
        ("payload.s == 'open", "line 1, column 14: token recognition error"),
        ("recpient.name == 'x'", "`recpient` is not known here: did you mean `recipient`?"),
        ("recipient.nam == 'x'", "line 1, column 11: a recipient has no `nam`: did you mean `name`?"),
        ("recipient.plan == 'x'", "fields of your own are under `recipient.data`"),
        ("trigger.ids == 'x'", "line 1, column 9: a trigger has no `ids`: did you mean `id`?"),
        ("payload.s.startWith('a')", "there is no function `startWith`: did you mean `startsWith`?"),
        ("payload.l.exist(x, x)", "there is no function `exist`: did you mean `exists`?"),
        ("now() > 1", "there is no function `now`"),
        ("x" * (LONGEST_TEXT + 1), "characters long"),
        ("(" * 200 + "1" + ")" * 200, "line 1, column 97: it is nested too deeply"),
        ("payload.l" + ".map(x, x)" * 5, "it has 5 loops"),
        ("payload.s" + " + payload.s" * 9 + " == ''", "it has 9 `+` signs"),
        ("payload.l.all(a, payload.l.all(b, payload.l.all(c, true)))", "nested more than two deep"),
        ("payload.l.all(a, payload.l.all(b, b in payload.l))", "nested more than two deep"),
    ],
)
def test_refuses_with_position_and_suggestion(text: str, fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        Expression.compile(text)
    assert fault in caught.value.message
    assert caught.value.code == "invalid_expression"


def test_names_every_unknown_name_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        Expression.compile("a == 1 &&\n b == 2 && foo(payload.c)")
    assert [(fault.pointer, fault.detail) for fault in caught.value.faults] == [
        ("1:1", "`a` is not known here: expected one of `payload`, `recipient`, `trigger`"),
        ("2:2", "`b` is not known here: expected one of `payload`, `recipient`, `trigger`"),
        ("2:12", "there is no function `foo`"),
    ]


def test_strings_and_comments_are_not_code() -> None:
    text = "payload.s == 'recipient.nope + all exists(x, y) (((' // recipient.nope + + +\n || true"
    assert Expression.compile(text).holds(scope({"s": ""}))


def test_loops_are_bounded_by_the_data_they_go_over() -> None:
    within = Expression.compile("payload.l.exists(x, payload.l.exists(y, x + y == -1))")
    assert within.why_not(scope({"l": [1] * 500})) == "condition is false"
    began = time.process_time()
    said = within.why_not(scope({"l": [1] * 100_000}))
    assert said is not None
    assert "too costly" in said
    assert time.process_time() - began < usual(1)
    single = Expression.compile("payload.l.exists(x, x == 2)")
    assert single.why_not(scope({"l": [1] * 100_000})) == "condition is false"


SAMPLES = {
    **dict.fromkeys(["contains", "startsWith", "endsWith", "matches"], "payload.s.{}('a')"),
    **dict.fromkeys(["int", "uint", "double", "string", "type", "dyn"], "{}(payload.n) != null"),
    **dict.fromkeys(MACROS, "payload.l.{}(x, x == 1) != null"),
    "size": "size(payload.s) == 1",
    "bytes": "bytes('a') == b'a'",
    "timestamp": "timestamp('2026-01-01T00:00:00Z') == payload.at",
    "duration": "duration('60s') == duration('1m')",
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS | MACROS))
def test_every_function_we_name_is_there(name: str) -> None:
    text = SAMPLES.get(name, "payload.at.{}() >= 0").format(name)
    where = scope({"n": 1, "s": "a", "l": [1], "at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert Expression.compile(text).why_not(where) is None


@given(st.text(max_size=60))
def test_whatever_the_text_it_compiles_or_is_refused(text: str) -> None:
    try:
        Expression.compile(text)
    except Invalid as refused:
        assert refused.message
