"""What workflows, steps and templates are called."""

from __future__ import annotations

import re

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def checked_name(text: str) -> str:
    """*text*, if it is a name; raises `ValueError` with one like it."""
    if NAME.fullmatch(text):
        return text
    mended = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:64]
    raise ValueError(
        f"`{text[:64]}` is not a name; use a-z, 0-9, - and _" + (f", for example `{mended}`" if mended else "")
    )
