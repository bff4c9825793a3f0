"""A chat message as Slack takes it: pure functions.

Written from https://docs.slack.dev/reference/block-kit/blocks/rich-text-block and
https://docs.slack.dev/messaging/formatting-message-text (escaping) as of November 2026.

The words go as rich text, in which nothing is read as markup and nobody is called by ``@channel``. Beside it stands
what notifications show, with the three characters escaped that Slack reads something into.
"""

from __future__ import annotations

from clarion.domain.content import ChatContent

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def body_of(content: ChatContent) -> dict[str, object]:
    """The fields of a message that says *content*, but for where it goes."""
    lines = [line for line in (content.title, content.text) if line]
    if content.title is None and content.url is not None:
        lines.append(content.url)
    body: dict[str, object] = {"text": "\n".join(lines).translate(_ESCAPED), "mrkdwn": False}
    if content.title is None and content.url is None and content.image is None:
        return body
    rich = {"type": "rich_text_section", "elements": list(_elements(content))}
    blocks: list[dict[str, object]] = [{"type": "rich_text", "elements": [rich]}]
    if content.image is not None:
        blocks.append({"type": "image", "image_url": content.image, "alt_text": content.title or content.text[:100]})
    return {**body, "blocks": blocks, "unfurl_links": False}


def _elements(content: ChatContent) -> list[dict[str, object]]:
    text: dict[str, object] = {"type": "text", "text": content.text}
    if content.title is None:
        if content.url is None:
            return [text]
        return [text, {"type": "text", "text": "\n"}, {"type": "link", "url": content.url}]
    bold: dict[str, object] = {"text": content.title, "style": {"bold": True}}
    head = {"type": "text", **bold} if content.url is None else {"type": "link", "url": content.url, **bold}
    return [head, {"type": "text", "text": "\n"}, text]
