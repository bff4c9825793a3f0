"""A chat message as Telegram takes it: pure functions.

Written from https://core.telegram.org/bots/api#messageentity and #inlinekeyboardbutton (Bot API 9) as of November 2026.

What is bold and what is a link is told by entities beside the text, so that nothing in the text is ever read as markup.
"""

from __future__ import annotations

from typing import Any

from clarion.domain.card import has_full_host
from clarion.domain.content import ChatContent

#: "1-4096 characters after entities parsing".
LONGEST = 4_096


def body_of(content: ChatContent) -> dict[str, Any]:
    """The fields of a message that says *content*, but for where it goes."""
    text, entities = content.text, []
    if content.title is not None:
        text = f"{content.title}\n{text}"
        whole = {"offset": 0, "length": _units(content.title)}
        entities.append({"type": "bold", **whole})
        if content.url is not None:
            entities.append({"type": "text_link", **whole, "url": content.url})
    elif content.url is not None:
        text = f"{text}\n{content.url}"
    for number, field in enumerate(content.fields):
        text += "\n" if number else "\n\n"
        entities.append({"type": "bold", "offset": _units(text), "length": _units(field.label) + 1})
        text += f"{field.label}: {field.value}"
    # For a button that leads to `localhost`, Telegram refuses the whole message.
    for button in content.buttons:
        if not has_full_host(button.url):
            text += f"\n{button.text}: {button.url}"
    body: dict[str, Any] = {"text": text}
    if entities:
        body["entities"] = entities
    if content.image is not None:
        body["link_preview_options"] = {"url": content.image, "prefer_large_media": True, "show_above_text": True}
    if keyboard := [[{"text": one.text, "url": one.url}] for one in content.buttons if has_full_host(one.url)]:
        body["reply_markup"] = {"inline_keyboard": keyboard}
    return body


def too_large(body: dict[str, Any]) -> str | None:
    """Why *body* is more than Telegram takes; None where it is not."""
    if len(body["text"]) <= LONGEST:
        return None
    return f"it has more than {LONGEST:,} characters, with its title and its fields"


def _units(text: str) -> int:
    """Offsets and lengths count UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2
