"""What Discord takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://docs.discord.com/developers/resources/message (limits of content, embeds, nonce),
https://docs.discord.com/developers/components/reference (rows, buttons),
https://docs.discord.com/developers/resources/webhook#execute-webhook (which components a webhook may have),
https://docs.discord.com/developers/topics/opcodes-and-status-codes#json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

MOST_CONTENT, MOST_EMBEDS, MOST_NONCE = 2_000, 10, 25
MOST_FIELDS, MOST_IN_EMBEDS = 25, 6_000
MOST_ROWS, MOST_IN_ROW = 5, 5
_OF_EMBEDS = {"title": 256, "description": 4_096}
_OF_FIELDS = {"name": 256, "value": 1_024}
_OF_BUTTONS = {"label": 80, "url": 512, "custom_id": 100}
_ROW, _BUTTON, _LINK = 1, 2, 5
_SNOWFLAKE = re.compile(r"[1-9][0-9]{15,19}")
#: A link with words of its own, and what is to be left out; what stands behind a backslash is neither.
_MASKED = re.compile(r"\\.|\[((?:\\.|[^\]\\])*)\]\(<(https?://[^\s<>]+)>\)")
_MARKS = re.compile(r"\\(.)|\*\*")
_PARSE = frozenset({"roles", "users", "everyone"})
_KNOWN = frozenset(
    {"content", "nonce", "enforce_nonce", "tts", "embeds", "allowed_mentions", "message_reference", "components"}
    | {"sticker_ids", "attachments", "flags", "poll", "username", "avatar_url", "thread_name", "applied_tags"}
)


class Refusal(NamedTuple):
    """An answer that is no success."""

    status: int
    code: int
    message: str
    errors: Mapping[str, object] | None = None


NOT_LOGGED_IN = Refusal(401, 0, "401: Unauthorized")
NO_AGENT = Refusal(403, 40333, "internal network error")
UNKNOWN_CHANNEL = Refusal(404, 10003, "Unknown Channel")
UNKNOWN_WEBHOOK = Refusal(404, 10015, "Unknown Webhook")
_MARKED = {
    "unknown": UNKNOWN_CHANNEL,
    "forbidden": Refusal(403, 50001, "Missing Access"),
    "closed": Refusal(403, 50007, "Cannot send messages to this user"),
}
_EMPTY = Refusal(400, 50006, "Cannot send an empty message")


def shown(text: str) -> str:
    """*text* as people read it: what is escaped as it is, bold words without marks, links with where they lead."""
    linked = _MASKED.sub(lambda found: found[0] if found[2] is None else f"{found[1]} ({found[2]})", text)
    return _MARKS.sub(lambda found: found[1] or "", linked)


def refusal_of(
    given: Mapping[str, Any] | None,
    room: str,
    rooms: Mapping[str, Set[str]],
    *,
    webhook: bool = False,
    with_components: bool = True,
) -> Refusal | None:
    """Why a message is refused; None when it is taken. *rooms* are those that are marked; *with_components*: a webhook
    was asked to heed components, which it passes over otherwise."""
    if not _SNOWFLAKE.fullmatch(room):
        return _invalid("channel_id", "NUMBER_TYPE_COERCE", f'Value "{room[:40]}" is not snowflake.')
    for mark, refusal in _MARKED.items():
        if not webhook and room in rooms[mark]:
            return refusal
    if given is None:
        return Refusal(400, 50109, "The request body contains invalid JSON.")
    if not given.get("content") and not given.get("embeds"):
        return _EMPTY
    if unknown := sorted(set(given) - _KNOWN):  # Discord lets them pass; here a slip is to show
        return _invalid(unknown[0], "UNKNOWN", "There is no such field.")
    if len(str(given.get("content") or "")) > MOST_CONTENT:
        return _too_long("content", MOST_CONTENT)
    if len(str(given.get("nonce") or "")) > MOST_NONCE:
        return _too_long("nonce", MOST_NONCE)
    rows = given.get("components") or []
    if rows and webhook and not with_components:  # Discord passes over them; here a slip is to show
        return _invalid("components", "UNKNOWN", "A webhook heeds none without with_components.")
    embedded = _mentions(given.get("allowed_mentions") or {}) or _embeds(given.get("embeds") or [])
    return embedded or _components(rows)


def _mentions(allowed: Mapping[str, Any]) -> Refusal | None:
    wrong = [one for one in allowed.get("parse") or () if one not in _PARSE]
    return _invalid("allowed_mentions", "BASE_TYPE_CHOICES", "Value must be one of them.") if wrong else None


def _embeds(embeds: object) -> Refusal | None:
    if not isinstance(embeds, list) or len(embeds) > MOST_EMBEDS:
        return _too_long("embeds", MOST_EMBEDS)
    size = 0
    for embed in embeds:
        fields = embed.get("fields") or []
        if refusal := _limits("embeds", embed, _OF_EMBEDS) or _fields(fields):
            return refusal
        size += sum(len(str(embed.get(key) or "")) for key in _OF_EMBEDS)
        size += sum(len(field[key]) for field in fields for key in _OF_FIELDS)
        for url in (embed.get("url"), (embed.get("image") or {}).get("url")):
            if url is not None and not re.match(r"https?://", str(url)):
                return _invalid("embeds", "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")
    if size > MOST_IN_EMBEDS:  # of all of them together
        return _invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    return None


def _fields(fields: object) -> Refusal | None:
    if not isinstance(fields, list) or len(fields) > MOST_FIELDS:
        return _too_long("embeds.fields", MOST_FIELDS)
    for field in fields:
        for key in _OF_FIELDS:
            if not str(field.get(key) or "").strip():
                return _invalid(f"embeds.fields.{key}", "BASE_TYPE_REQUIRED", "This field is required")
        if refusal := _limits("embeds.fields", field, _OF_FIELDS):
            return refusal
    return None


def _components(rows: object) -> Refusal | None:
    """Rows of buttons, which lead somewhere: nobody would hear here that another was pressed."""
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        return _too_long("components", MOST_ROWS)
    for row in rows:
        buttons = row.get("components") if isinstance(row, dict) and row.get("type") == _ROW else None
        if not isinstance(buttons, list) or not 1 <= len(buttons) <= MOST_IN_ROW:
            return _invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        for button in buttons:
            if button.get("type") != _BUTTON or button.get("style") != _LINK or "custom_id" in button:
                return _invalid("components", "COMPONENT_TYPE_INVALID", "The specified component type is invalid.")
            if refusal := _limits("components", button, _OF_BUTTONS):
                return refusal
            if not re.match(r"(?:https?|discord)://", str(button.get("url") or "")):
                return _invalid("components", "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")
            if not button.get("label") and not button.get("emoji"):
                return _invalid("components", "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji.")
    return None


def _limits(where: str, part: Mapping[str, Any], limits: Mapping[str, int]) -> Refusal | None:
    most = next((most for key, most in limits.items() if len(str(part.get(key) or "")) > most), None)
    return None if most is None else _too_long(where, most)


def _too_long(field: str, most: int) -> Refusal:
    return _invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def _invalid(field: str, code: str, message: str) -> Refusal:
    errors = {field: {"_errors": [{"code": code, "message": message}]}}
    return Refusal(400, 50035, "Invalid Form Body", errors)
