"""The Prefer header (RFC 7240), as far as we heed it: ``wait``."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers

#: Longer waits are cut to this.
LONGEST_S: Final = 30

_QUOTED: Final = r'"(?:[^"\\]|\\.)*+'
#: What stands between commas, those within quotes left alone; a quote that is never closed reaches to the end.
_ITEM: Final = re.compile(rf'(?:[^,"]|{_QUOTED}"?)++')
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE: Final = rf'(?:{_WORD}|{_QUOTED}")'
_PAIR: Final = rf"{_WORD}(?:[ \t]*=[ \t]*{_VALUE})?"
_PREFERENCE: Final = re.compile(
    rf"[ \t]*(?P<name>{_WORD})(?:[ \t]*=[ \t]*(?P<value>{_VALUE}))?(?:[ \t]*;(?:[ \t]*{_PAIR})?)*[ \t]*"
)
_SECONDS: Final = re.compile("[0-9]{1,9}")


def wait_of(headers: Headers) -> int | None:
    """How many seconds the client would wait, at most `LONGEST_S`; None when it does not say.

    What is malformed or unknown is passed over, and of a preference given twice the first counts (RFC 7240, 2).
    """
    for line in headers.getlist("prefer"):
        for item in _ITEM.findall(line):
            match = _PREFERENCE.fullmatch(item)
            if match is not None and match["name"].lower() == "wait":
                value = (match["value"] or "").strip('"')
                return min(int(value), LONGEST_S) if _SECONDS.fullmatch(value) else None
    return None
