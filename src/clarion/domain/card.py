"""What may stand under the text of a chat message: values with labels, and links as buttons.

The limits are the smallest of what providers say of theirs, so that what one takes, all take. Sources, as of November
2026: https://docs.slack.dev/reference/block-kit/blocks/section-block (10 fields),
https://docs.slack.dev/reference/block-kit/block-elements/button-element (75 characters on a button),
https://docs.discord.com/developers/resources/message#embed-object-embed-limits (256 and 1,024 of a field),
https://docs.discord.com/developers/components/reference#action-row (5 buttons in a row; Teams shows 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from clarion.domain.content import ChatContent

MOST_FIELDS, MOST_BUTTONS = 10, 5
#: The most characters of each part.
LONGEST: Mapping[str, int] = {"label": 256, "value": 1_024, "text": 75, "url": 1_998}
_LINK = re.compile(r"https?://[^\s\\<>|\"]{1,1990}")
_HOST = re.compile(r"https?://(?:[^/?#]*@)?(?P<host>\[[0-9a-fA-F:.]+\]|[^\[:/?#]+)(?=[:/?#]|$)")


def is_link(url: str) -> bool:
    """Whether a chat message may lead there: providers open nothing but the web."""
    return bool(_LINK.fullmatch(url))


def has_full_host(url: str) -> bool:
    """Whether *url*, of `is_link`, names a host as there are in the internet: providers make no buttons of others."""
    found = _HOST.match(url)
    host = found["host"].rstrip(".") if found else ""
    return "." in host or ":" in host


def too_long(what: str, part: str, text: str) -> str | None:
    """What is wrong with *text*, the *part* of *what*, where it is longer than it may be."""
    most = LONGEST[part]
    if len(text) <= most:
        return None
    return f"the {part} of {what} has {len(text):,} characters, where {most:,} are allowed"


def lines_of(content: ChatContent) -> list[str]:
    """Fields and buttons as lines of text, for where there is nothing better."""
    return [f"{one.label}: {one.value}" for one in content.fields] + [
        f"{one.text}: {one.url}" for one in content.buttons
    ]
