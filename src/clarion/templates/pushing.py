"""From words to a push message: what people see, what opens, and what the application on the device is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from clarion.domain.content import PushContent
from clarion.domain.duration import parse_duration
from clarion.domain.push_size import LONGEST_COLLAPSE_KEY, MOST_BYTES, measure
from clarion.errors import Invalid
from clarion.templates.errors import refused
from clarion.templates.limits import Run
from clarion.templates.source import DATA
from clarion.templates.words import Choice, Words

#: No push service keeps a message for longer.
LONGEST_TTL = timedelta(days=28)
_IMAGE = re.compile(r"https://[^\s\\]+")


def push(words: Words, variables: Mapping[str, object], run: Run) -> PushContent:
    """The content of a push message. Raises what Liquid does, and `RenderError` for a `ttl` that is none."""
    assert words.text is not None
    lines = {key: program.render(variables, run) for key, program in words.lines.items()}
    return PushContent(
        title=lines["title"],
        body=words.text.render(variables, run).strip(),
        image=lines.get("image", "").strip() or None,
        url=lines.get("url", "").strip() or None,
        data={key.removeprefix(DATA): text for key, text in lines.items() if key.startswith(DATA)},
        collapse_key=lines.get("collapse_key", "").strip() or None,
        ttl=_ttl(lines.get("ttl", "").strip(), words.choice),
    )


def check_push(content: PushContent, choice: Choice) -> None:
    """Raise `RenderError` for what no push service takes."""
    if not _encodable(content):
        raise refused(choice, "half of a surrogate pair", code="invalid_text")
    if content.image is not None and not _IMAGE.fullmatch(content.image):
        raise refused(choice, "the image is not an address that begins with https://", code="invalid_url")
    key = content.collapse_key or ""
    if not key.isprintable() or len(key.encode()) > LONGEST_COLLAPSE_KEY:
        detail = f"the collapse_key is not one line of at most {LONGEST_COLLAPSE_KEY} bytes"
        raise refused(choice, detail, code="invalid_header")
    size = measure(content)
    if size > MOST_BYTES:
        detail = f"a push message of {size:,} bytes, where {MOST_BYTES:,} are allowed; shorten its words or its data"
        raise refused(choice, detail, code="too_large")


def _ttl(text: str, choice: Choice) -> timedelta | None:
    if not text:
        return None
    try:
        ttl = parse_duration(text)
    except Invalid as error:
        raise refused(choice, f"the ttl: {error.message}", code="invalid_ttl") from None
    return min(ttl, LONGEST_TTL)


def _encodable(content: PushContent) -> bool:
    try:
        texts = (content.title, content.body, content.image or "", content.url or "", content.collapse_key or "")
        "".join((*texts, *content.data.values())).encode()
    except UnicodeEncodeError:
        return False
    return True
