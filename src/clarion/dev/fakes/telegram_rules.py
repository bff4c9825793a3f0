"""What Telegram takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://core.telegram.org/bots/api#sendmessage, #messageentity, #formatting-options,
#inlinekeyboardbutton; how refusals of buttons read: https://github.com/tdlib/td. That a host needs a dot is said by
those whom it has refused: https://github.com/rubenlagus/TelegramBots/issues/302.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

MOST = 4_096
_PARSE_MODES = ("HTML", "Markdown", "MarkdownV2")
_TYPES = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline"}
    | {"strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre", "text_link", "text_mention"}
    | {"custom_emoji"}
)
_TAG = re.compile(r"<(/?)([a-zA-Z-]+)[^>]*>")
_TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "a", "code", "pre"}) | {
    *("blockquote", "tg-spoiler", "tg-emoji")
}
_FORBIDDEN = {
    "blocked": "Forbidden: bot was blocked by the user",
    "deactivated": "Forbidden: user is deactivated",
    "kicked": "Forbidden: bot was kicked from the supergroup chat",
}
_KNOWN = frozenset(
    {"chat_id", "text", "parse_mode", "entities", "link_preview_options", "disable_notification", "protect_content"}
    | {"reply_parameters", "reply_markup", "message_thread_id", "message_effect_id", "business_connection_id"}
    | {"allow_paid_broadcast", "direct_messages_topic_id", "suggested_post_parameters"}
)


_BUTTON = frozenset({"text", "url", "icon_custom_emoji_id", "style"})
_OPENS = re.compile(r"tg://\S+|https?://(?:[^\s/?#]+@)?(?:[^\s/?#:]+\.[^\s/?#:]+|\[[0-9a-fA-F:]+\])(?:[:/?#]\S*)?")
_UNPARSED = "can't parse inline keyboard button"
MOST_BUTTONS = 100


class Refusal(NamedTuple):
    """An answer that is no success."""

    status: int
    description: str
    #: The group's new id, where it has one.
    new: int | None = None


def moved(refusal: Refusal) -> int | None:
    """The id that a group has now."""
    return refusal.new


def refusal_of(given: Mapping[str, Any], rooms: Mapping[str, Set[str]]) -> Refusal | None:
    """Why a message with these fields is refused; None when it is taken. *rooms* are those that are marked."""
    room, text = str(given.get("chat_id", "")), str(given.get("text", ""))
    if not room:
        return Refusal(400, "Bad Request: chat_id is empty")
    return _room(room, rooms) or _text(text, given)


def _room(room: str, rooms: Mapping[str, Set[str]]) -> Refusal | None:
    if room in rooms["unknown"] or not re.fullmatch(r"-?[1-9][0-9]*|@\w{4,}", room):
        return Refusal(400, "Bad Request: chat not found")
    for mark, description in _FORBIDDEN.items():
        if room in rooms[mark]:
            return Refusal(403, description)
    if room in rooms["read_only"]:
        return Refusal(400, "Bad Request: not enough rights to send text messages to the chat")
    for one in rooms["moved"]:
        old, _, new = one.partition(">")
        if old == room:
            return Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", int(new))
    return None


def _text(text: str, given: Mapping[str, Any]) -> Refusal | None:
    if not text.strip():
        return Refusal(400, "Bad Request: message text is empty")
    mode = given.get("parse_mode")
    if mode is not None and mode not in _PARSE_MODES:
        return Refusal(400, "Bad Request: unsupported parse_mode")
    if mode == "HTML":
        tags = [(match[1], match[2].lower()) for match in _TAG.finditer(text)]
        wrong = next((name for _, name in tags if name not in _TAGS), None)
        if wrong is not None:
            return Refusal(400, f'Bad Request: can\'t parse entities: Unsupported start tag "{wrong}" at byte offset 0')
        text = _TAG.sub("", text)
    if len(text.strip()) > MOST:
        return Refusal(400, "Bad Request: message is too long")
    if unknown := sorted(set(given) - _KNOWN):  # Telegram lets them pass; here a slip is to show
        return Refusal(400, f"Bad Request: unknown fields {', '.join(unknown)}")
    return _entities(text, given.get("entities") or []) or _keyboard(given.get("reply_markup"))


def _entities(text: str, entities: object) -> Refusal | None:
    if not isinstance(entities, list):
        return Refusal(400, "Bad Request: can't parse entities: expected an Array")
    length = len(text.encode("utf-16-le")) // 2
    for one in entities:
        if not isinstance(one, dict) or one.get("type") not in _TYPES:
            return Refusal(400, "Bad Request: can't parse MessageEntity: unsupported type specified")
        offset, size = one.get("offset"), one.get("length")
        if not isinstance(offset, int) or not isinstance(size, int) or offset < 0 or size < 1 or offset + size > length:
            return Refusal(400, "Bad Request: entity beyond the end of the text")
        if one["type"] == "text_link" and not re.match(r"(https?|tg)://", str(one.get("url", ""))):
            return Refusal(400, "Bad Request: wrong URL in text_link")
    return None


def _keyboard(markup: object) -> Refusal | None:
    """Rows of buttons that lead somewhere: nobody would hear here that another was pressed."""
    if markup is None:
        return None
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return Refusal(400, "Bad Request: object expected as reply markup")
    buttons = [button for row in rows for button in row]
    if len(buttons) > MOST_BUTTONS:
        return Refusal(400, "Bad Request: reply markup is too long")
    for button in buttons:
        if not isinstance(button, dict) or not isinstance(button.get("text"), str):
            return Refusal(400, f'Bad Request: {_UNPARSED}: Field "text" must be of type String')
        if "url" not in button or set(button) - _BUTTON:
            return Refusal(400, f"Bad Request: {_UNPARSED}: Text buttons are unallowed in the inline keyboard")
        if not button["text"].strip() or not _OPENS.fullmatch(str(button["url"])):
            return Refusal(400, f"Bad Request: inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    return None
