"""A chat message as Discord takes it: pure functions.

Written from https://docs.discord.com/developers/resources/message#allowed-mentions-object, #embed-object-embed-limits,
https://docs.discord.com/developers/components/reference#button (links need no application behind them, also of a
webhook) and Discord's https://support.discord.com/hc/en-us/articles/210298617 (its Markdown) as of November 2026.

Discord reads what it is sent as Markdown, fields included and buttons not: what could be read so is escaped, but in
addresses, and nobody is called, whatever the text says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clarion.domain.card import has_full_host
from clarion.domain.content import ChatButton, ChatContent, ChatField

#: "Message contents (up to 2000 characters)".
LONGEST = 2_000
#: Of a field, and of all of them together.
_LONGEST_NAME, _LONGEST_VALUE, _LONGEST_EMBED = 256, 1_024, 6_000
#: "URL for link-style buttons; max 512 characters".
_LONGEST_LINK = 512
#: So short a value may stand beside others.
_SHORT = 40
_ROW, _BUTTON, _LINK = 1, 2, 5
_ADDRESS = re.compile(r"(https?://[^\s<>]+)")
_ANYWHERE = re.compile(r"([\\*_~`|<>\[\]#])")
#: What makes a list or a subtext at the beginning of a line.
_AT_BEGINNING = re.compile(r"^(\s*)([-+]|[0-9]+\.)(?=\s)", re.MULTILINE)


def body_of(content: ChatContent) -> dict[str, Any]:
    """The fields of a message that says *content*, but for where it goes."""
    lines = [escape(content.text)]
    if content.title is not None:
        lines.insert(0, f"**{_link(content.title, content.url)}**")
    elif content.url is not None:
        lines.append(content.url)
    # What Discord makes no button of is a link none the less.
    lines += [_link(one.text, one.url) for one in content.buttons if not _fits(one)]
    body: dict[str, Any] = {"content": "\n".join(lines), "allowed_mentions": {"parse": []}}
    if embed := _embed(content):
        body["embeds"] = [embed]
    if buttons := [_button(one) for one in content.buttons if _fits(one)]:
        body["components"] = [{"type": _ROW, "components": buttons}]
    return body


def too_large(body: Mapping[str, Any]) -> str | None:
    """Why *body* is more than Discord takes; None where it is not."""
    with_it = "what keeps it from being markup"
    if len(body["content"]) > LONGEST:
        return f"it has more than {LONGEST:,} characters, with its title and {with_it}"
    fields = [field for embed in body.get("embeds", ()) for field in embed.get("fields", ())]
    for key, most in (("name", _LONGEST_NAME), ("value", _LONGEST_VALUE)):
        if any(len(field[key]) > most for field in fields):
            return (
                f"the {'label' if key == 'name' else key} of a field has more than {most:,} characters, with {with_it}"
            )
    if sum(len(field["name"]) + len(field["value"]) for field in fields) > _LONGEST_EMBED:
        return f"its fields have more than {_LONGEST_EMBED:,} characters together, with {with_it}"
    return None


def escape(text: str, *, all_of_it: bool = False) -> str:
    """*text*, so that it is read as it is; addresses in it stay links, unless *all_of_it* is escaped."""
    parts = [text] if all_of_it else _ADDRESS.split(text)
    escaped = [_ANYWHERE.sub(r"\\\1", part) if number % 2 == 0 else part for number, part in enumerate(parts)]
    return _AT_BEGINNING.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", "".join(escaped))


def _embed(content: ChatContent) -> dict[str, Any]:
    embed: dict[str, Any] = {"fields": [_field(one) for one in content.fields]} if content.fields else {}
    return embed if content.image is None else {**embed, "image": {"url": content.image}}


def _field(field: ChatField) -> dict[str, Any]:
    beside = len(field.value) <= _SHORT and "\n" not in field.value
    return {"name": escape(field.label, all_of_it=True), "value": escape(field.value), "inline": beside}


def _fits(button: ChatButton) -> bool:
    return len(button.url) <= _LONGEST_LINK and has_full_host(button.url)


def _button(button: ChatButton) -> dict[str, Any]:
    return {"type": _BUTTON, "style": _LINK, "label": button.text, "url": button.url}


def _link(text: str, url: str | None) -> str:
    text = escape(text, all_of_it=True)
    return text if url is None else f"[{text}](<{url}>)"
