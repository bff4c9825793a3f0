"""Who is asking: bearer API keys."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from clarion import clock
from clarion.api.gate import Strangers
from clarion.api.problem import Refusal
from clarion.domain import key as keys
from clarion.domain.key import ApiKey
from clarion.domain.scope import Scope
from clarion.store import keys as key_store

if TYPE_CHECKING:
    from clarion.store.database import Pool

#: A revoked key opens nothing after this many seconds.
TTL_S: Final = 5.0
#: How long to wait for a connection of the pool.
_PATIENCE_S: Final = 5.0
_MAX_CACHED: Final = 10_000
_TOUCH_EVERY: Final = timedelta(minutes=1)
#: What stands in for a key that has no shape: there is no key of this id, so it fails the same way at the same pace.
_NOBODY: Final = "--------"


@dataclass(frozen=True, slots=True)
class _Cached:
    key: ApiKey | None
    until: float


class Doorkeeper:
    """Tells keys that open from those that do not. Holds what it looked up for `TTL_S` seconds at most."""

    def __init__(self, pool: Pool, pepper: bytes, strangers: Strangers) -> None:
        self._pool = pool
        self._pepper = pepper
        self._strangers = strangers
        self._cache: dict[str, _Cached] = {}

    async def admit(self, authorization: str | None, needed: Scope | None, address: str) -> ApiKey:
        """The active key in an Authorization header that came from *address*, if it covers *needed*.

        Raises `Refusal`: 401 when there is no key that opens, whatever the reason, 403 when its scopes do not cover
        it, 429 when too many that do not open came from *address*. Whatever is wrong with a key, the same steps are
        taken.
        """
        given = _bearer(authorization)
        id = keys.id_of(given) or _NOBODY
        self._strangers.check(address, id)
        key = await self._look_up(id)
        proof = keys.digest(self._pepper, given)
        proven = hmac.compare_digest(proof, key.digest if key else bytes(len(proof)))
        now = clock.now()
        if key is None or not proven or not key.is_active(now):
            self._strangers.failed(address)
            raise Refusal(
                401,
                "unauthorized",
                "A valid API key is needed: Authorization: Bearer clk_live_…",
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._strangers.opened(address, id)
        if needed is not None and not key.may(needed):
            raise Refusal(403, "forbidden", f"This API key lacks the scope {needed.value}")
        if key.last_used_at is None or now - key.last_used_at > _TOUCH_EVERY:
            await self._touch(key)
        return key

    async def _look_up(self, id: str) -> ApiKey | None:
        asked = clock.monotonic()
        cached = self._cache.get(id)
        if cached is not None and asked < cached.until:
            return cached.key
        async with self._pool.acquire(timeout=_PATIENCE_S) as connection:
            key = await key_store.find(connection, id)
        self._keep(id, _Cached(key, asked + TTL_S))
        return key

    async def _touch(self, key: ApiKey) -> None:
        self._cache.pop(key.id, None)  # the next look-up reads the new time, so that it is written once a minute
        async with self._pool.acquire(timeout=_PATIENCE_S) as connection:
            await key_store.touch(connection, key.tenant_id, key.id)

    def _keep(self, id: str, entry: _Cached) -> None:
        while len(self._cache) >= _MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache.pop(id, None)
        self._cache[id] = entry


def _bearer(authorization: str | None) -> str:
    scheme, _, given = (authorization or "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
