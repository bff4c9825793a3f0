"""Messages that the protocol's decoder would break the connection over, read as far as they can be.

One text that is not UTF-8 or one absurd time among a message's properties would cost the connection, and so would the
same message after it, again and again. With this it is delivered without what cannot be read, and its body decides.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pamqp import decode


def tolerate() -> None:
    """Have the decoder read what it can from now on. Idempotent; it is the process's own, shared by all connections."""
    decode.METHODS.update(shortstr=_text, table=_table, timestamp=_time)
    decode.TABLE_MAPPING[b"T"] = _time


def _text(value: bytes) -> tuple[int, str]:
    if not value:
        raise ValueError("a short string without its length")
    end = value[0] + 1
    return end, bytes(value[1:end]).decode(errors="replace")


def _table(value: bytes) -> tuple[int, dict[str, Any]]:
    """All of it, or nothing."""
    try:
        return decode.field_table(value)
    except ValueError:
        end = 4 + int.from_bytes(value[:4], "big")
        if len(value) < max(4, end):
            raise
        return end, {}


def _time(value: bytes) -> tuple[int, datetime | None]:
    """The time, or None for one that no calendar has."""
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        if len(value) < 8:
            raise
        return 8, None
