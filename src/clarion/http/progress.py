"""How far a request and its answer came: what is known of it when it breaks off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: More of an answer is not read.
MOST_READ = 64 * 1024


@dataclass(slots=True)
class Progress:
    """Filled in as it goes on."""

    #: Whether it was begun to be sent, so that the server may have acted on it.
    sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: bytes = b""
