"""Words of a feed as they leave: text, in which a page that takes it for HTML finds no element."""

from __future__ import annotations

import re
from typing import Final

#: A `<` that begins a tag, a comment or a declaration (WHATWG HTML §13.2.5.6); to a browser any other is a character.
_OPENS: Final = re.compile(r"<(?=[A-Za-z/!?])")


def harmless(text: str) -> str:
    """*text* with each `<` that could begin an element as ``&lt;``, and nothing else changed."""
    return _OPENS.sub("&lt;", text) if "<" in text else text
