"""A chat message as Slack takes it: pure functions.

Written from https://docs.slack.dev/reference/block-kit/blocks/rich-text-block,
https://docs.slack.dev/reference/block-kit/blocks/section-block,
https://docs.slack.dev/reference/block-kit/block-elements/button-element and
https://docs.slack.dev/messaging/formatting-message-text (escaping) as of November 2026.

The words go as rich text, and fields and buttons as plain text, in which nothing is read as markup and nobody is called
by ``@channel``. Beside it stands what notifications show, with the three characters escaped that Slack reads something
into.
"""

from __future__ import annotations

from clarion.domain.card import lines_of
from clarion.domain.content import ChatButton, ChatContent

#: Slack cuts off what is longer.
LONGEST = 40_000
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def body_of(content: ChatContent) -> dict[str, object]:
    """The fields of a message that says *content*, but for where it goes."""
    lines = [line for line in (content.title, content.text) if line]
    if content.title is None and content.url is not None:
        lines.append(content.url)
    lines += lines_of(content)
    body: dict[str, object] = {"text": "\n".join(lines).translate(_ESCAPED), "mrkdwn": False}
    if content == ChatContent(text=content.text):
        return body
    return {**body, "blocks": _blocks(content), "unfurl_links": False}


def too_large(body: dict[str, object]) -> str | None:
    """Why *body* is more than Slack takes whole; None where it is not."""
    return f"it has more than {LONGEST:,} characters, all of it" if len(str(body["text"])) > LONGEST else None


def _blocks(content: ChatContent) -> list[dict[str, object]]:
    rich = {"type": "rich_text_section", "elements": list(_elements(content))}
    blocks: list[dict[str, object]] = [{"type": "rich_text", "elements": [rich]}]
    if content.fields:
        fields = [_plain(f"{one.label}\n{one.value}") for one in content.fields]
        blocks.append({"type": "section", "fields": fields})
    if content.image is not None:
        blocks.append({"type": "image", "image_url": content.image, "alt_text": content.title or content.text[:100]})
    if content.buttons:
        blocks.append({"type": "actions", "elements": [_button(*one) for one in enumerate(content.buttons, 1)]})
    return blocks


def _elements(content: ChatContent) -> list[dict[str, object]]:
    text: dict[str, object] = {"type": "text", "text": content.text}
    if content.title is None:
        if content.url is None:
            return [text]
        return [text, {"type": "text", "text": "\n"}, {"type": "link", "url": content.url}]
    bold: dict[str, object] = {"text": content.title, "style": {"bold": True}}
    head = {"type": "text", **bold} if content.url is None else {"type": "link", "url": content.url, **bold}
    return [head, {"type": "text", "text": "\n"}, text]


def _button(number: int, button: ChatButton) -> dict[str, object]:
    return {"type": "button", "action_id": f"link-{number}", "text": _plain(button.text), "url": button.url}


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}
