"""What Discord takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://docs.discord.com/developers/resources/message (limits of content, embeds, nonce),
https://docs.discord.com/developers/topics/opcodes-and-status-codes#json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

MOST_CONTENT, MOST_EMBEDS, MOST_NONCE = 2_000, 10, 25
_OF_EMBEDS = {"title": 256, "description": 4_096}
_SNOWFLAKE = re.compile(r"[1-9][0-9]{15,19}")
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


def refusal_of(
    given: Mapping[str, Any] | None, room: str, rooms: Mapping[str, Set[str]], *, webhook: bool = False
) -> Refusal | None:
    """Why a message is refused; None when it is taken. *rooms* are those that are marked."""
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
    return _mentions(given.get("allowed_mentions") or {}) or _embeds(given.get("embeds") or [])


def _mentions(allowed: Mapping[str, Any]) -> Refusal | None:
    wrong = [one for one in allowed.get("parse") or () if one not in _PARSE]
    return _invalid("allowed_mentions", "BASE_TYPE_CHOICES", "Value must be one of them.") if wrong else None


def _embeds(embeds: object) -> Refusal | None:
    if not isinstance(embeds, list) or len(embeds) > MOST_EMBEDS:
        return _too_long("embeds", MOST_EMBEDS)
    for embed in embeds:
        for field, most in _OF_EMBEDS.items():
            if len(str(embed.get(field) or "")) > most:
                return _too_long("embeds", most)
        for url in (embed.get("url"), (embed.get("image") or {}).get("url")):
            if url is not None and not re.match(r"https?://", str(url)):
                return _invalid("embeds", "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")
    return None


def _too_long(field: str, most: int) -> Refusal:
    return _invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def _invalid(field: str, code: str, message: str) -> Refusal:
    errors = {field: {"_errors": [{"code": code, "message": message}]}}
    return Refusal(400, 50035, "Invalid Form Body", errors)
