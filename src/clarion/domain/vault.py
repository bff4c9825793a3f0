"""Secrets of others that have to be kept: sealed with AES-256-GCM, under a key for each tenant, made of the secret of
the installation, and bound to what they belong to, so that one row's secret cannot stand in another."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_ID, NONCE, _DIGEST = 4, 12, 16


class Vault:
    """Seals under the *secret* of an installation, and opens what was sealed under *old* ones as well."""

    def __init__(self, secret: bytes, *old: bytes) -> None:
        self._present = _key_id(secret)
        self._secrets = {_key_id(each): each for each in (*reversed(old), secret)}

    def seal(self, tenant_id: UUID, about: str, said: bytes, *, nonce: bytes) -> bytes:
        """*said*, to be kept. *about* is what it belongs to; *nonce*: `NONCE` random bytes, never used before."""
        key = self._key(self._present, tenant_id)
        return _VERSION + self._present + nonce + key.encrypt(nonce, said, _bound(tenant_id, about))

    def open(self, tenant_id: UUID, about: str, sealed: bytes) -> bytes | None:
        """What was sealed; None where its secret is not there any more, or it is not what *about* says."""
        from cryptography.exceptions import InvalidTag

        version, key_id, rest = sealed[:1], sealed[1 : 1 + _KEY_ID], sealed[1 + _KEY_ID :]
        if version != _VERSION or key_id not in self._secrets or len(rest) <= NONCE:
            return None
        try:
            return self._key(key_id, tenant_id).decrypt(rest[:NONCE], rest[NONCE:], _bound(tenant_id, about))
        except InvalidTag:
            return None

    def digest(self, tenant_id: UUID, kind: str, said: bytes) -> bytes:
        """What tells whether two secrets of a tenant are the same, and nothing else; by the secret of now."""
        key = hmac.digest(self._secrets[self._present], b"vault digest" + tenant_id.bytes, "sha256")
        return hmac.digest(key, kind.encode() + b"|" + said, "sha256")[:_DIGEST]

    def is_present(self, sealed: bytes) -> bool:
        """Whether it was sealed under the secret of now, and none of before."""
        return sealed[1 : 1 + _KEY_ID] == self._present

    def _key(self, key_id: bytes, tenant_id: UUID) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only where there are secrets: it takes a while

        return AESGCM(hmac.digest(self._secrets[key_id], b"vault" + tenant_id.bytes, "sha256"))


def _key_id(secret: bytes) -> bytes:
    """What tells which secret something was sealed under, and nothing else of it."""
    return hmac.digest(secret, b"vault key id", "sha256")[:_KEY_ID]


def _bound(tenant_id: UUID, about: str) -> bytes:
    return tenant_id.bytes + about.encode()
