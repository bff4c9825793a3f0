"""Pages: a signed cursor says where to go on, and a Link header where that is (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from clarion.errors import Invalid

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 100
_MAC_BYTES: Final = 16


class Cursors:
    """Writes and reads cursors. One is good for the tenant and the place (a path) it was made for."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"cursors", "sha256")

    def write(self, tenant_id: UUID, place: str, position: str) -> str:
        """A cursor that says *position*."""
        said = position.encode()
        return base64.urlsafe_b64encode(self._mac(tenant_id, place, said) + said).decode().rstrip("=")

    def read(self, tenant_id: UUID, place: str, cursor: str) -> str:
        """The position that *cursor* says; raises `Invalid` (``invalid_cursor``) when it was not made here for this."""
        try:
            sealed = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            sealed = b""
        mac, said = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(tenant_id, place, said)):
            raise Invalid("this cursor was not given out for this list: begin without `after`", code="invalid_cursor")
        return said.decode()

    def _mac(self, tenant_id: UUID, place: str, said: bytes) -> bytes:
        return hmac.digest(self._secret, b"\0".join([tenant_id.bytes, place.encode(), said]), "sha256")[:_MAC_BYTES]


def link_to_next(path: str, query: Iterable[tuple[str, str]], cursor: str) -> str:
    """The Link header's value: the same question, from *cursor* on."""
    asked = [(name, value) for name, value in query if name != "after"]
    return f'<{path}?{urlencode([*asked, ("after", cursor)])}>; rel="next"'
