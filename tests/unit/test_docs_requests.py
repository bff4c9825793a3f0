"""What pages tell people to send to the API is what it takes: the route is there, and so is each field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.docs import PAGES, ROOT, blocks, page

OPENAPI = json.loads(page("reference/openapi.json"))
_CURL = re.compile(r"\bcurl\b(?:[^\n]*\\\n|'[^']*'|[^\n'])*")
_PATH = re.compile(r"(?<![=\w])(?:https?://[\w.:-]+|\$\w+)(/v1/[\w./{}…@+:-]*)")
_METHOD = re.compile(r"-s?S?s?X\s+([A-Z]+)")
_DATA = re.compile(r"(?:-d|--data)\s+'([^']*)'")
_SENDS = re.compile(r"\s(?:-d|--data|--data-binary)\s+[^\s]")
_PIPED = re.compile(r"json\.dumps\(\{\"(\w+)\":[^\n]*\n\s*$")
_HTTP = re.compile(r"^ *(GET|POST|PUT|DELETE) (/v1/\S+)[^\n]*\n(?: *[\w-]+: [^\n]*\n)*\n?( *\{.*\})?\s*\Z", re.DOTALL)


def _requests(text: str) -> Iterator[tuple[str, str, set[str]]]:
    """Method, path and the names of the fields of each request that a page shows whole."""
    text = re.sub(r"^ +(?=```)", "", text, flags=re.M)  # blocks in lists
    for language in ("sh", "bash", "console"):
        for block in blocks(text, language):
            for command in _CURL.finditer(block):
                if (path := _PATH.search(command[0])) is None:
                    continue
                data = _DATA.search(command[0])
                fields = _fields(data[1]) if data else set()
                if (piped := _PIPED.search(block[: command.start()])) is not None:
                    fields = {piped[1]}
                method = _METHOD.search(command[0])
                yield method[1] if method else "POST" if _SENDS.search(command[0]) else "GET", path[1], fields
    for block in blocks(text, "http"):
        for method, path, body in _HTTP.findall(block.lstrip("\n")):
            yield method, path.partition("?")[0], _fields(body)


def _fields(body: str) -> set[str]:
    """The fields of a JSON object; none of one that is only sketched."""
    try:
        read = json.loads(body)
    except ValueError:
        return set()
    return set(read) if isinstance(read, dict) else set()


def _operation(method: str, path: str) -> Mapping[str, Any] | None:
    """What the description says of the route that *path* is of."""
    for template, operations in OPENAPI["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path.rstrip("/")) and method.lower() in operations:
            found: Mapping[str, Any] = operations[method.lower()]
            return found
    return None


def _taken(operation: Mapping[str, Any]) -> set[str] | None:
    """The fields that a route takes; None for one that takes anything."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return None
    if "$ref" in schema:
        schema = OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema["properties"]) if "properties" in schema else None


ASKED = [(at, *request) for at in PAGES for request in _requests(at.read_text(encoding="utf-8"))]


def test_pages_show_requests() -> None:
    """Of all kinds, or those below prove nothing."""
    assert len(ASKED) > 20
    assert {method for _, method, _, _ in ASKED} >= {"GET", "POST", "PUT"}
    assert any("ids" in fields for _, _, path, fields in ASKED if path.endswith("/members"))


@pytest.mark.parametrize("at", sorted({at for at, *_ in ASKED}), ids=lambda at: str(at.relative_to(ROOT)))
def test_what_a_page_sends_is_taken(at: Path) -> None:
    for method, path, fields in [request[1:] for request in ASKED if request[0] == at]:
        operation = _operation(method, path)
        assert operation is not None, f"{method} {path} is no route"
        taken = _taken(operation)
        assert taken is None or fields <= taken, f"{method} {path} takes no {sorted(fields - taken)}"
