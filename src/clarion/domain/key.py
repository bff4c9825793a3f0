"""API keys: ``clk_live_`` + 8 characters that name the key + ``_`` + 43 that prove it.

Only an HMAC-SHA256 of the whole key is stored, under a pepper that the database does not hold. The secret part has
256 bits, so no slow hash is needed (and a slow one would be a way to exhaust the server). An operator may bring a
first key of another shape, as long as it begins with ``clk_``; it is named by a digest of its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from clarion.domain.scope import Scope, allows

ID_BYTES = 5
SECRET_BYTES = 32

_KEY = re.compile(r"clk_live_([a-zA-Z0-9]{8})_[A-Za-z0-9_-]{43}")
_ANYWHERE: Mapping[str, str] = MappingProxyType({})
_BROUGHT_KEY = re.compile(r"clk_[A-Za-z0-9_-]{16,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as stored."""

    #: The eight characters that may be shown.
    id: str
    tenant_id: UUID
    name: str
    digest: bytes
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def place(self) -> Mapping[str, str]:
        """The parts of a path that are not the caller's to say: none, of a whole tenant's data."""
        return _ANYWHERE

    def is_active(self, now: datetime) -> bool:
        """Whether the key opens anything at *now*."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def may(self, needed: Scope) -> bool:
        """Whether the key's scopes cover *needed*."""
        return allows(self.scopes, needed)


def make(randomness: bytes) -> str:
    """A new key from `ID_BYTES` + `SECRET_BYTES` random bytes."""
    if len(randomness) != ID_BYTES + SECRET_BYTES:
        raise ValueError(f"a key is made of {ID_BYTES + SECRET_BYTES} bytes, not {len(randomness)}")
    secret = base64.urlsafe_b64encode(randomness[ID_BYTES:]).decode().rstrip("=")
    return f"clk_live_{_name(randomness[:ID_BYTES])}_{secret}"


def id_of(key: str) -> str | None:
    """The eight characters that name *key*, or None when *key* has not the shape of a key."""
    if match := _KEY.fullmatch(key):
        return match[1]
    if _BROUGHT_KEY.fullmatch(key):
        return _name(hashlib.sha256(key.encode()).digest()[:ID_BYTES])
    return None


def digest(pepper: bytes, key: str) -> bytes:
    """What is stored of *key*: 32 bytes."""
    return hmac.digest(pepper, key.encode("utf-8", "surrogatepass"), "sha256")


def _name(five: bytes) -> str:
    return base64.b32encode(five).decode().lower()
