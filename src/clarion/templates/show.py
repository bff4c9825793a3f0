"""A value as text: what ``{{ value }}`` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from clarion.templates.limits import Run


def show(value: object, run: Run, *, html: bool) -> str:
    """*value* as text; escaped for HTML unless it is marked as HTML already.

    Lists are run together as Liquid does, objects are shown as JSON: never as Python would write them.
    """
    if isinstance(value, str):
        return escape(value) if html else str(value)
    text = plain(value, run)
    return escape(text) if html else text


def plain(value: object, run: Run) -> str:
    """*value* as text, not escaped."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return _run_together(value, run)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, default=str)
        run.check_string(len(text))
        return text
    return str(value)


def _run_together(items: list[object] | tuple[object, ...], run: Run) -> str:
    """The texts of *items*, one after the other, markup among them escaped into it by the caller as a whole."""
    run.check_items(len(items))
    run.spend(len(items))
    parts, size = [], 0
    for item in items:
        text = plain(item, run)
        size += len(text)
        run.check_string(size)
        parts.append(text)
    if parts and all(isinstance(part, Markup) for part in parts):
        return Markup("").join(parts)
    return "".join(parts)
