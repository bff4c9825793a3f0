"""Who and what a trigger on the command line is about: ``--to`` and ``--set`` as the API takes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clarion.errors import Invalid


def recipient(text: str) -> str | dict[str, str]:
    """What ``--to`` *text* names: ``topic:guests``, ``ada@example.com``, ``+31612345678`` or an id.

    ``id:`` says of any that it is one.
    """
    kind, colon, name = text.partition(":")
    if colon and kind == "topic":
        return {"topic": name}
    if colon and kind == "id":
        return name
    if colon and kind in ("email", "phone"):
        return {kind: name}
    if "@" in text:
        return {"email": text}
    return {"phone": text} if text.startswith("+") else text


def read_payload(file: str | None, assignments: Iterable[str]) -> dict[str, Any]:
    """The payload in *file* (``-`` is standard input), with each ``a.b=value`` of *assignments* put into it.

    Raises `Invalid`.
    """
    payload: dict[str, Any] = {}
    if file is not None:
        payload = _object(_text(file), file)
    for assignment in assignments:
        _assign(payload, assignment)
    return payload


def _text(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8.") from None


def _object(text: str, file: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid(f"{file}:{error.lineno}:{error.colno}: it is not JSON: {error.msg}.") from None
    if not isinstance(value, dict):
        raise Invalid(f'{file}: a payload is a JSON object, such as {{"order": 42}}.')
    return value


def _assign(payload: dict[str, Any], assignment: str) -> None:
    """Put one ``a.b=value`` in its place. A value that is JSON is that; any other is text."""
    path, equals, text = assignment.partition("=")
    names = path.split(".")
    if not equals or not all(names):
        raise Invalid(f"--set {assignment}: write it as name=value, or order.id=42 for a value within another.")
    target = payload
    for name in names[:-1]:
        target = target.setdefault(name, {})
        if not isinstance(target, dict):
            raise Invalid(f"--set {assignment}: {name} is a value already, so nothing fits into it.")
    target[names[-1]] = _value(text)


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)  # NaN and numbers too large to be kept are read, but are not JSON
    except ValueError:
        return text
    return value
