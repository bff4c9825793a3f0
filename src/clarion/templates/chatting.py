"""From words to a chat message: what is read there, where it leads, and what is seen with it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clarion.domain.card import is_link
from clarion.domain.content import ChatContent
from clarion.templates.carding import buttons_of, check_card, fields_of
from clarion.templates.errors import refused
from clarion.templates.limits import Run
from clarion.templates.words import Choice, Words

#: No provider takes a longer title.
LONGEST_TITLE = 150
#: Providers fetch pictures themselves.
_IMAGE = re.compile(r"https://[^\s\\<>|\"]{1,1990}")


def chat(words: Words, variables: Mapping[str, object], run: Run) -> ChatContent:
    """The content of a chat message. Raises what Liquid does."""
    assert words.text is not None
    lines = {key: program.render(variables, run).strip() for key, program in words.lines.items()}
    return ChatContent(
        text=words.text.render(variables, run).strip(),
        title=lines.get("title") or None,
        url=lines.get("url") or None,
        image=lines.get("image") or None,
        fields=fields_of(lines),
        buttons=buttons_of(lines),
    )


def check_chat(content: ChatContent, choice: Choice) -> None:
    """Raise `RenderError` for what no provider takes; how much each takes it says itself."""
    if not content.text:
        raise refused(choice, "a chat message without any words: no provider takes one", code="empty")
    if len(content.title or "") > LONGEST_TITLE:
        raise refused(choice, f"the title has more than {LONGEST_TITLE} characters; shorten it", code="too_large")
    if content.url is not None and not is_link(content.url):
        detail = "the url is not an address that begins with https:// or http://"
        raise refused(choice, detail, code="invalid_url")
    if content.image is not None and not _IMAGE.fullmatch(content.image):
        raise refused(choice, "the image is not an address that begins with https://", code="invalid_url")
    check_card(content, choice)
