"""A chat message as Teams takes it: an Adaptive Card in an attachment. Pure functions.

Written from https://adaptivecards.io/explorer/RichTextBlock.html and
https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format (what
Teams shows) as of November 2026.

The words go as runs of text, in which, unlike in a `TextBlock`, nothing is read as Markdown. Each line is a block.
"""

from __future__ import annotations

from clarion.domain.content import ChatContent

_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


def body_of(content: ChatContent) -> dict[str, object]:
    """What is posted to a workflow so that it says *content*."""
    body: list[dict[str, object]] = []
    if content.title is not None:
        leads = {} if content.url is None else _leads(content.url)
        body.append(_line(content.title, weight="Bolder", size="Medium", **leads))
    body += [_line(line or " ") for line in content.text.splitlines()]
    if content.title is None and content.url is not None:
        body.append(_line(content.url, **_leads(content.url)))
    if content.image is not None:
        image: dict[str, object] = {
            "type": "Image",
            "url": content.image,
            "altText": content.title or content.text[:100],
        }
        body.append(image)
    card = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "fallbackText": "\n".join(filter(None, (content.title, content.text, content.url))),
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _line(text: str, **more: object) -> dict[str, object]:
    run = {"type": "TextRun", "text": text, **more}
    return {"type": "RichTextBlock", "inlines": [run], "spacing": "None"}


def _leads(url: str) -> dict[str, object]:
    return {"selectAction": {"type": "Action.OpenUrl", "url": url}, "color": "Accent"}
