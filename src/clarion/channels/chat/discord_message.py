"""A chat message as Discord takes it: pure functions.

Written from https://docs.discord.com/developers/resources/message#allowed-mentions-object and Discord's
https://support.discord.com/hc/en-us/articles/210298617 (its Markdown) as of November 2026.

Discord reads what it is sent as Markdown: what could be read so is escaped, but in addresses, and nobody is called,
whatever the text says.
"""

from __future__ import annotations

import re

from clarion.domain.content import ChatContent

_ADDRESS = re.compile(r"(https?://[^\s<>]+)")
_ANYWHERE = re.compile(r"([\\*_~`|<>\[\]#])")
#: What makes a list or a subtext at the beginning of a line.
_AT_BEGINNING = re.compile(r"^(\s*)([-+]|[0-9]+\.)(?=\s)", re.MULTILINE)


def body_of(content: ChatContent) -> dict[str, object]:
    """The fields of a message that says *content*, but for where it goes."""
    lines = [escape(content.text)]
    if content.title is not None:
        title = escape(content.title, all_of_it=True)
        lines.insert(0, f"**{title}**" if content.url is None else f"**[{title}](<{content.url}>)**")
    elif content.url is not None:
        lines.append(content.url)
    body: dict[str, object] = {"content": "\n".join(lines), "allowed_mentions": {"parse": []}}
    return {**body, "embeds": [{"image": {"url": content.image}}]} if content.image is not None else body


def escape(text: str, *, all_of_it: bool = False) -> str:
    """*text*, so that it is read as it is; addresses in it stay links, unless *all_of_it* is escaped."""
    parts = [text] if all_of_it else _ADDRESS.split(text)
    escaped = [_ANYWHERE.sub(r"\\\1", part) if number % 2 == 0 else part for number, part in enumerate(parts)]
    return _AT_BEGINNING.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", "".join(escaped))
