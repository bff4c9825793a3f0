"""What a workflow that posts cards needs, as data and pure functions.

Sources, as of November 2026: https://adaptivecards.io/explorer (elements and what each must have),
https://learn.microsoft.com/en-us/adaptive-cards/schema-explorer/action-open-url,
https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format and
…/cards/design-effective-cards (six actions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CARD = "application/vnd.microsoft.card.adaptive"
_BODY = frozenset({"TextBlock", "RichTextBlock", "Image", "Container", "ColumnSet", "FactSet", "ActionSet", "Table"})
_NEEDS: Mapping[str, str] = {
    **{"TextBlock": "text", "RichTextBlock": "inlines", "Image": "url", "FactSet": "facts"},
    **{"ColumnSet": "columns", "Container": "items"},
}
MOST_ACTIONS = 6
_VERSION = re.compile(r"1\.[0-6]")


def refusal_of(given: Mapping[str, Any]) -> str | None:
    """Why what was posted makes no card; None when it does."""
    attachments = given.get("attachments")
    if given.get("type") != "message" or not isinstance(attachments, list) or not attachments:
        return "Expected a message with attachments."
    for one in attachments:
        if not isinstance(one, dict) or one.get("contentType") != _CARD:
            return f"Expected an attachment of the type {_CARD}."
        if (wrong := _card(one.get("content"))) is not None:
            return wrong
    return None


def _card(card: object) -> str | None:
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        return "Expected an Adaptive Card."
    if not _VERSION.fullmatch(str(card.get("version"))):
        return "Expected a version from 1.0 to 1.6."
    body = card.get("body")
    if not isinstance(body, list) or not body:
        return "A card without a body."
    return _elements(body) or _actions(card.get("actions", []))


def _elements(elements: list[object]) -> str | None:
    for element in elements:
        if not isinstance(element, dict) or element.get("type") not in _BODY:
            return "An element that no card has."
        need = _NEEDS.get(element["type"])
        if need is not None and not element.get(need):
            return f"{element['type']} without {need}."
        if element["type"] == "RichTextBlock" and not all(map(_is_run, element["inlines"])):
            return "An inline that is no run of text."
        for column in element["columns"] if element["type"] == "ColumnSet" else ():
            items = column.get("items") if isinstance(column, dict) and column.get("type") == "Column" else None
            if not isinstance(items, list):
                return "A column that is none, or without items."
            if (wrong := _elements(items)) is not None:
                return wrong
    return None


def _actions(actions: object) -> str | None:
    if not isinstance(actions, list) or len(actions) > MOST_ACTIONS:
        return f"Expected at most {MOST_ACTIONS} actions."
    for action in actions:
        if not isinstance(action, dict) or not _opens(action) or not action.get("title"):
            return "Expected actions that open an address, each with a title."
    return None


def _is_run(run: object) -> bool:
    if isinstance(run, str):
        return True
    if not isinstance(run, dict) or run.get("type") != "TextRun" or not isinstance(run.get("text"), str):
        return False
    action = run.get("selectAction")
    return action is None or _opens(action)


def _opens(action: Mapping[str, Any]) -> bool:
    return action.get("type") == "Action.OpenUrl" and bool(re.match(r"https?://", str(action.get("url"))))
