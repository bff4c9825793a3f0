"""The reference of the HTTP API names every route with its scope, and every error that there can be."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from typing import Any

import pytest
from tests.support.docs import calls, page, rows, section, source_files, texts, tree
from tools import openapi

from clarion import errors
from clarion.api import callbacks, engagement, faults, feed, feed_stream, unsubscribe
from clarion.api.app import OPERATIONS
from clarion.api.limits import BODY_TIMEOUT_S, MAX_HEADERS
from clarion.api.operation import Operation
from clarion.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from clarion.api.prefer import LONGEST_S
from clarion.api.problem import status_of
from clarion.api.schema.triggers import TriggerBody
from clarion.api.server import HEADERS_TIMEOUT_S
from clarion.domain.scope import Scope

HTTP = page("reference/http-api.md")
ERRORS = page("reference/errors.md")

#: The place of the code among the arguments of what carries one.
_PLACES = {"Fault": 2, "Refusal": 1, "PydanticCustomError": 0, "fault": 3}
#: Rooms whose errors are not told to callers of the API.
_APART = ("cli", "dev", "project", "smtp")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_names_every_route_with_its_scope(operation: Operation[Any]) -> None:
    row = f"| `{operation.method}` | `{operation.path}` | `{operation.scope.value}` | {operation.summary} |"
    assert row in HTTP.splitlines()


def test_names_no_route_that_is_not_there() -> None:
    named = {(cells[0], cells[1].strip("`")) for cells in rows(HTTP) if cells[0] in {"GET", "PUT", "POST", "DELETE"}}
    keyless = {("GET", path) for path in ("/readyz`, `/startupz", "/openapi.json", "/livez`, `/healthz")}
    keyless |= {("POST", callbacks.PATH), *((method, unsubscribe.PATH) for method, _, _ in unsubscribe.OPERATIONS)}
    keyless |= {("GET", path) for _, path, _, _ in engagement.OPERATIONS.values()}
    for path, route in feed_stream.routes():
        keyless.add((route["methods"][0], path))
        assert f"| `{route['methods'][0]}` | `{path}` | {route['summary']} |" in HTTP.splitlines()
    for own in feed.OWN_OPERATIONS:
        keyless.add((own.method, own.path))
        assert f"| `{own.method}` | `{own.path}` | {own.summary} |" in HTTP.splitlines()
    assert named == {(operation.method, operation.path) for operation in OPERATIONS} | keyless
    assert f"| `POST` | `{callbacks.PATH}` | {callbacks.SUMMARY} |" in HTTP.splitlines()
    for _, path, summary, _ in engagement.OPERATIONS.values():
        assert f"| `GET` | `{path}` | {summary} |" in HTTP.splitlines()
    for method, _, summary in unsubscribe.OPERATIONS:
        assert f"| `{method}` | `{unsubscribe.PATH}` | {summary} |" in HTTP.splitlines()


def test_every_scope_opens_something_that_is_named() -> None:
    assert {f"`{scope.value}`" for scope in Scope} <= set(HTTP.replace("|", " ").replace(";", " ").split())


def test_names_every_field_of_a_trigger_and_every_query() -> None:
    triggers = section(HTTP, "Triggers")
    assert {cells[0] for cells in rows(triggers) if len(cells) == 2} == set(TriggerBody.model_fields)
    for operation in OPERATIONS:
        if operation.asks and operation.input is not None:
            for name in operation.input.model_fields:
                assert f"`{name}`" in HTTP, f"{operation.path}?{name}"


def test_names_every_header_that_an_operation_heeds() -> None:
    for operation in OPERATIONS:
        for name in operation.headers:
            assert f"`{name}" in HTTP, f"{operation.path}: {name}"


def test_the_description_is_as_the_source_has_it() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "run: make openapi"


def test_says_the_limits_that_hold() -> None:
    told = " ".join(HTTP.split())
    assert (
        f"wait=N` (RFC 7240) the answer comes when the trigger has ended, or after N seconds, at most {LONGEST_S};"
        in told
    )
    assert f"`limit` (1 to {MAX_LIMIT}, {DEFAULT_LIMIT} unless given)" in told
    assert f"{MAX_HEADERS // 1024} KiB of headers" in told
    assert f"{HEADERS_TIMEOUT_S:.0f} s for headers, {BODY_TIMEOUT_S:.0f} s for a body" in told


@cache
def _codes() -> dict[str, set[str]]:
    """Every code that the source gives to an error, with the names of what is raised or answered with it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in source_files(without=_APART):
        for name, call in calls(path):
            for text in _given(name, call):
                found[text].add(name)
        for node in ast.walk(tree(path)):
            for text in _named(node):
                found[text].add("")
    for text in faults._CODES.values():
        found[text].add("Fault")
    return found


def _given(name: str, call: ast.Call) -> set[str]:
    """The codes that one call of *name* gives."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    place = _PLACES.get(name)
    if place is not None and len(call.args) > place:
        given.append(call.args[place])
    elif name == "_fault" and len(call.args) > 2:
        given.append(call.args[-1])
    return {text for node in given for text in texts(node)}


def _named(node: ast.AST) -> set[str]:
    """The codes that a statement keeps in a variable `code`, or that a function called `…_code` answers."""
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
        return texts(node.value)
    if isinstance(node, ast.FunctionDef) and node.name.endswith("_code"):
        ends = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return) and inner.value is not None]
        return {text for end in ends for text in texts(end)}
    return set()


def test_tells_what_to_do_for_every_code() -> None:
    assert len(_codes()) > 70
    missing = sorted(code for code in _codes() if f"`{code}`" not in ERRORS)
    assert not missing


def test_tells_of_no_code_that_is_never_given() -> None:
    headings = ("Of the request as a whole", "Of what the request says", "Codes in the reason of a message")
    named = {cells[0] for heading in headings for cells in rows(section(ERRORS, heading))}
    assert named <= _codes().keys() | {"type"}


def test_tells_the_status_of_every_code() -> None:
    statuses = {cells[0]: int(cells[1]) for cells in rows(section(ERRORS, "Of the request as a whole"))}
    for path in source_files(without=_APART):
        for name, call in calls(path):
            if name == "Refusal" and isinstance(call.args[0], ast.Constant):
                (code,) = texts(call.args[1])
                wanted = call.args[0].value
                assert statuses.get(code, 422) == wanted, code
    raised: dict[str, type[errors.ClarionError]] = {
        "Conflict": errors.Conflict,
        "NotFound": errors.NotFound,
        "Unavailable": errors.Unavailable,
    }
    for code, names in _codes().items():
        for name in names & raised.keys():
            assert statuses[code] == status_of(raised[name](code=code)), code
    for kind in raised.values():
        assert statuses[kind.code] == status_of(kind())
    assert statuses["invalid_json"] == status_of(errors.Invalid(code="invalid_json"))
    assert statuses["internal"] == status_of(errors.ClarionError())
