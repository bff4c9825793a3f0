"""The only place that asks what time it is.

Wall-clock times are aware UTC datetimes. The database's clock is the one that decides leases and due times; this
one stamps ids and measures lengths.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

#: Seconds to add to this machine's clock to get the database's; set once at start (see `correct`).
_offset_s = 0.0


def correct(database_now: datetime) -> None:
    """Follow the database's clock from now on.

    Ids carry their time and choose their partition, so a machine whose clock is off must not mint ids by its own.
    """
    global _offset_s
    _offset_s = database_now.timestamp() - time.time()


def now() -> datetime:
    """The present, aware and in UTC, as the database sees it."""
    return datetime.fromtimestamp(time.time() + _offset_s, UTC)


def now_ms() -> int:
    """Milliseconds since 1970, as the database sees it."""
    return int((time.time() + _offset_s) * 1000)


def monotonic() -> float:
    """Seconds on a clock that never jumps: for lengths and deadlines within one process."""
    return time.monotonic()
