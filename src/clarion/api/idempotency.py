"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07), as far as its form goes."""

from __future__ import annotations

from enum import Enum
from typing import Final

from starlette.datastructures import Headers

from clarion.api.problem import Refusal

MAX_LENGTH: Final = 255


class Once(Enum):
    """What keeps a POST that is sent again under its key from being done again."""

    TOGETHER = "together"  #: what it does and its answer are one transaction
    CLAIMED = "claimed"  #: it reaches past the database: the key is claimed before, the answer kept after
    ITSELF = "itself"  #: it heeds its key by itself
    NEVER = "never"  #: it changes nothing, so it is just answered again

    @property
    def keeps(self) -> bool:
        """Whether its answer is kept beside what it does."""
        return self in (Once.TOGETHER, Once.CLAIMED)


def key_of(headers: Headers) -> str | None:
    """The key given, or None; raises `Refusal` (400) when it is empty, too long, not printable ASCII or given twice."""
    given = headers.getlist("idempotency-key")
    if not given:
        return None
    key = given[0]
    if len(given) > 1 or not 1 <= len(key) <= MAX_LENGTH or not (key.isascii() and key.isprintable()):
        raise Refusal(
            400,
            "invalid_idempotency_key",
            f"Idempotency-Key must be given once, with 1 to {MAX_LENGTH} printable ASCII characters",
        )
    return key
