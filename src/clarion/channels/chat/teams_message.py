"""A chat message as Teams takes it: an Adaptive Card in an attachment. Pure functions.

Written from https://adaptivecards.io/explorer/RichTextBlock.html, /ColumnSet.html, /Action.OpenUrl.html and
https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format (what
Teams shows) as of November 2026.

The words go as runs of text, in which, unlike in a `TextBlock`, nothing is read as Markdown. Each line is a block. A
field is a row of two columns of such blocks, and no `Fact`: those are read as Markdown, too.
"""

from __future__ import annotations

import orjson

from clarion.domain.card import lines_of
from clarion.domain.content import ChatContent, ChatField

#: "Message size limit … 28 KB".
LARGEST = 28 * 1_024
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


def body_of(content: ChatContent) -> bytes:
    """What is posted to a workflow so that it says *content*."""
    card = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": _body(content),
        "fallbackText": "\n".join(filter(None, (content.title, content.text, content.url, *lines_of(content)))),
        "msteams": {"width": "Full"},
    }
    if content.buttons:
        card["actions"] = [{**_opens(one.url), "title": one.text} for one in content.buttons]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return orjson.dumps({"type": "message", "attachments": [attachment]})


def too_large(body: bytes) -> str | None:
    """Why *body* is more than Teams takes; None where it is not."""
    return f"it has more than {LARGEST:,} bytes as a card" if len(body) > LARGEST else None


def _body(content: ChatContent) -> list[dict[str, object]]:
    body: list[dict[str, object]] = []
    if content.title is not None:
        leads = {} if content.url is None else _leads(content.url)
        body.append(_line(content.title, weight="Bolder", size="Medium", **leads))
    body += _lines(content.text)
    if content.title is None and content.url is not None:
        body.append(_line(content.url, **_leads(content.url)))
    body += [_row(one) for one in content.fields]
    if content.image is not None:
        image: dict[str, object] = {
            "type": "Image",
            "url": content.image,
            "altText": content.title or content.text[:100],
        }
        body.append(image)
    return body


def _row(field: ChatField) -> dict[str, object]:
    columns = ((1, [_line(field.label, weight="Bolder")]), (3, _lines(field.value)))
    cells = [{"type": "Column", "width": width, "items": items} for width, items in columns]
    return {"type": "ColumnSet", "columns": cells, "spacing": "Small"}


def _lines(text: str) -> list[dict[str, object]]:
    return [_line(line or " ") for line in text.splitlines()]


def _line(text: str, **more: object) -> dict[str, object]:
    run = {"type": "TextRun", "text": text, **more}
    return {"type": "RichTextBlock", "inlines": [run], "spacing": "None"}


def _leads(url: str) -> dict[str, object]:
    return {"selectAction": _opens(url), "color": "Accent"}


def _opens(url: str) -> dict[str, object]:
    return {"type": "Action.OpenUrl", "url": url}
