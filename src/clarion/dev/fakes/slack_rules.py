"""What Slack takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://docs.slack.dev/reference/methods/chat.postMessage,
https://docs.slack.dev/reference/block-kit/blocks, https://docs.slack.dev/reference/block-kit/block-elements/button-element.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

MOST_BLOCKS, MOST_SECTION, MOST_HEADER = 50, 3_000, 150
MOST_FIELDS, MOST_FIELD = 10, 2_000
MOST_ACTIONS, MOST_BUTTON, MOST_URL, MOST_ID = 25, 75, 3_000, 255
_BUTTON = frozenset({"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"})
_OBJECT = frozenset({"type", "text", "emoji", "verbatim"})
_CHANNEL = re.compile(r"[CDGUW][A-Z0-9]{6,20}|#[a-z0-9_-]{1,80}")
_BLOCKS = frozenset({"rich_text", "section", "header", "image", "divider", "context", "actions", "markdown", "video"})
_RICH = frozenset({"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"})
_ELEMENTS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text", "style"}),
    "link": frozenset({"url", "text", "style", "unsafe"}),
    "emoji": frozenset({"name", "unicode"}),
    "user": frozenset({"user_id", "style"}),
    "channel": frozenset({"channel_id", "style"}),
    "broadcast": frozenset({"range"}),
}
_ARGUMENTS = frozenset(
    {"token", "channel", "text", "blocks", "attachments", "mrkdwn", "metadata", "parse", "link_names", "as_user"}
    | {"unfurl_links", "unfurl_media", "thread_ts", "reply_broadcast", "username", "icon_emoji", "icon_url"}
)
_OF_ROOMS = {"unknown": "channel_not_found", "archived": "is_archived", "not_in": "not_in_channel"}


def refusal_of(given: Mapping[str, Any], rooms: Mapping[str, Set[str]]) -> str | None:
    """The error of a call to post a message with these arguments; None when it is taken."""
    channel = str(given.get("channel", ""))
    if not _CHANNEL.fullmatch(channel):
        return "channel_not_found"
    for mark, error in _OF_ROOMS.items():
        if channel in rooms[mark]:
            return error
    return _content(given)


def hook_refusal_of(given: Mapping[str, Any]) -> tuple[int, str] | None:
    """Status and words of what a webhook refuses."""
    error = _content(given)
    if error is None:
        return None
    return (
        (400, "no_text") if error == "no_text" else (400, "invalid_blocks" if "blocks" in error else "invalid_payload")
    )


def _content(given: Mapping[str, Any]) -> str | None:
    blocks = given.get("blocks")
    if not given.get("text") and not blocks and not given.get("attachments"):
        return "no_text"
    if set(given) - _ARGUMENTS:  # Slack lets them pass; here a slip is to show
        return "invalid_arguments"
    if re.search(r"<(?![@#!]|https?://|mailto:)|&(?!amp;|lt;|gt;)", str(given.get("text", ""))):
        return "invalid_arguments"  # … as are characters that should have been escaped
    if blocks is None:
        return None
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS:
        return "invalid_blocks_format"
    return None if all(map(_block, blocks)) else "invalid_blocks"


def _block(block: object) -> bool:
    if not isinstance(block, dict) or block.get("type") not in _BLOCKS:
        return False
    match block["type"]:
        case "rich_text":
            return all(_rich(one) for one in block.get("elements", ())) and bool(block.get("elements"))
        case "image":
            return _is_text(block.get("alt_text"), 2_000) and str(block.get("image_url", "")).startswith("https://")
        case "header":
            return _object(block.get("text"), ("plain_text",), MOST_HEADER)
        case "section":
            return _section(block)
        case "actions":
            elements = block.get("elements")
            return isinstance(elements, list) and 1 <= len(elements) <= MOST_ACTIONS and all(map(_button, elements))
        case _:
            return True


def _section(block: Mapping[str, Any]) -> bool:
    text, fields = block.get("text"), block.get("fields")
    if text is None and fields is None:
        return False
    if text is not None and not _object(text, ("plain_text", "mrkdwn"), MOST_SECTION):
        return False
    if fields is None:
        return True
    taken = isinstance(fields, list) and 1 <= len(fields) <= MOST_FIELDS
    return taken and all(_object(one, ("plain_text", "mrkdwn"), MOST_FIELD) for one in fields)


def _button(element: object) -> bool:
    if not isinstance(element, dict) or element.get("type") != "button" or set(element) - _BUTTON:
        return False
    url, id = element.get("url"), element.get("action_id")
    leads = url is None or (_is_text(url, MOST_URL) and bool(re.match(r"https?://|mailto:", url)))
    return (
        _object(element.get("text"), ("plain_text",), MOST_BUTTON) and leads and (id is None or _is_text(id, MOST_ID))
    )


def _rich(part: object) -> bool:
    if not isinstance(part, dict) or part.get("type") not in _RICH:
        return False
    return part["type"] != "rich_text_section" or all(map(_element, part.get("elements", ())))


def _element(element: object) -> bool:
    if not isinstance(element, dict) or element.get("type") not in _ELEMENTS:
        return False
    if set(element) - {"type"} - _ELEMENTS[element["type"]]:
        return False
    if element["type"] == "text":
        return _is_text(element.get("text"), 40_000)
    return element["type"] != "link" or bool(re.match(r"https?://|mailto:", str(element.get("url", ""))))


def _object(text: object, types: tuple[str, ...], most: int) -> bool:
    if not isinstance(text, dict) or text.get("type") not in types or set(text) - _OBJECT:
        return False
    return _is_text(text.get("text"), most) and ("emoji" not in text or text["type"] == "plain_text")


def _is_text(text: object, most: int) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= most
