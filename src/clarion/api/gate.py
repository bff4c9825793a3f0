"""How much one tenant, or one stranger, may ask of this process: above that it is 429 until there is room again.

Each API process counts for itself. What is told of a limit is told as
draft-ietf-httpapi-ratelimit-headers-10 writes it, beside Retry-After (RFC 9110, 10.2.3).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final
from uuid import UUID

from clarion import clock
from clarion.api.bucket import Bucket, Buckets, Crowd
from clarion.api.problem import Refusal

#: Tenants and addresses that are kept in mind; of more, those that were there first are forgotten.
_MOST_TENANTS: Final = 100_000
_MOST_ADDRESSES: Final = 10_000
#: How many requests without a key that opens an address may send a minute, unless told otherwise.
FAILED_KEYS: Final = 100
#: How many callbacks of providers an address may send a second, unless told otherwise; so many times as many at once.
CALLBACKS: Final = 1_000
_CALLBACKS_AT_ONCE: Final = 10


#: How many links of messages may be followed a second from one address; so many times as many at once.
VISITS: Final = 100
_VISITS_AT_ONCE: Final = 10
#: The same of pictures and links that tell of opens and clicks: behind a proxy all come from its address.
READS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much; 0 is any number, except for `burst`. The settings ``api.*`` say what each is."""

    rate: int = 2_000
    burst: int = 10_000
    concurrency: int = 2_500
    followers: int = 200


class Gate:
    """Lets the requests of tenants in, as far as *quota* goes."""

    def __init__(self, quota: Quota) -> None:
        self._rates: Buckets[UUID] | None = None
        if quota.rate:
            self._rates = Buckets(Bucket(per_s=quota.rate, burst=quota.burst), most=_MOST_TENANTS)
        self._open: Crowd[UUID] = Crowd(quota.concurrency)
        self._followers: Crowd[UUID] = Crowd(quota.followers)

    def enter(self, tenant_id: UUID) -> None:
        """Begin a request; `leave` must follow. Raises `Refusal` (429), and then nothing must follow."""
        if not self._open.enter(tenant_id):
            text = f"at most {self._open.most} requests are answered at once: wait for answers before you send more"
            raise too_many_at_once(text, self._open.most)
        if self._rates is not None:
            wait_s = self._rates.take(tenant_id, clock.monotonic())
            if wait_s:
                self._open.leave(tenant_id)
                bucket = self._rates.bucket
                text = f"at most {bucket.per_s} requests a second, after {bucket.burst} at once: send fewer"
                raise Refusal(429, "rate_limited", text, headers=_headers("requests", bucket, wait_s))

    def leave(self, tenant_id: UUID) -> None:
        """The request that was let in has been answered."""
        self._open.leave(tenant_id)

    def follow(self, tenant_id: UUID) -> None:
        """Begin to follow a trigger; `unfollow` must come. Raises `Refusal` (429), and then it must not."""
        if not self.may_follow(tenant_id):
            text = f"at most {self._followers.most} triggers are followed at once: end one before you begin another"
            raise too_many_at_once(text, self._followers.most)

    def may_follow(self, tenant_id: UUID) -> bool:
        """Begin to follow a trigger if that is allowed: when True, `unfollow` must come."""
        return self._followers.enter(tenant_id)

    def unfollow(self, tenant_id: UUID) -> None:
        """What `follow` or `may_follow` allowed has ended."""
        self._followers.leave(tenant_id)


class Strangers:
    """Slows down whoever tries keys: after *per_minute* that do not open, an address is not heard for a while.

    Keys that have opened from there before go on opening, for an application and whoever attacks it, or one that was
    set up wrongly, may come from the same address.
    """

    def __init__(self, per_minute: int) -> None:
        self._failures: Buckets[str] | None = None
        if per_minute:
            self._failures = Buckets(Bucket(per_s=per_minute / 60, burst=per_minute), most=_MOST_ADDRESSES)
        #: Addresses with the id of a key that opened from there, the one used last at the end.
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, address: str, id: str) -> None:
        """Raise `Refusal` (429) when *address* has failed too often, and never came with the key *id* before."""
        if self._failures is not None and (address, id) not in self._known:
            wait_s = self._failures.wait_s(_house(address), clock.monotonic())
            if wait_s:
                raise self._refusal(wait_s)

    def opened(self, address: str, id: str) -> None:
        """The key *id* has opened from *address*."""
        if self._failures is None:
            return
        known = self._known
        known[address, id] = None
        known.move_to_end((address, id))
        if len(known) > _MOST_ADDRESSES:
            known.popitem(last=False)

    def failed(self, address: str) -> None:
        """A key has not opened from *address*; raises `Refusal` (429) when that was one too many."""
        if self._failures is not None:
            wait_s = self._failures.take(_house(address), clock.monotonic())
            if wait_s:
                raise self._refusal(wait_s)

    def _refusal(self, wait_s: float) -> Refusal:
        assert self._failures is not None
        bucket = self._failures.bucket
        text = f"more than {bucket.burst} requests of the last minute had no valid API key: give one, and wait"
        return Refusal(429, "too_many_failed_keys", text, headers=_headers("failed-keys", bucket, wait_s))


class Visitors:
    """Lets in whoever follows a link of a message, without a key: mail programs do so for many from one address."""

    def __init__(self, per_s: int = VISITS) -> None:
        bucket = Bucket(per_s=per_s, burst=per_s * _VISITS_AT_ONCE)
        self._rates: Buckets[str] = Buckets(bucket, most=_MOST_ADDRESSES)

    def enter(self, address: str) -> None:
        """Raise `Refusal` (429) when too much has come from *address*."""
        wait_s = self._rates.take(_house(address), clock.monotonic())
        if wait_s:
            bucket = self._rates.bucket
            text = f"at most {bucket.per_s} links a second are followed, after {bucket.burst} at once: try again"
            raise Refusal(429, "too_many_visits", text, headers=_headers("visits", bucket, wait_s))


class Tellers:
    """Lets in what calls itself a provider, *per_s* requests a second from each address: it comes without a key.

    Not by what proves to be forged: whoever forges may come by the same proxy as the provider.
    """

    def __init__(self, per_s: int) -> None:
        self._rates: Buckets[str] | None = None
        if per_s:
            bucket = Bucket(per_s=per_s, burst=per_s * _CALLBACKS_AT_ONCE)
            self._rates = Buckets(bucket, most=_MOST_ADDRESSES)

    def enter(self, address: str) -> None:
        """Raise `Refusal` (429) when too much has come from *address*."""
        if self._rates is not None:
            wait_s = self._rates.take(_house(address), clock.monotonic())
            if wait_s:
                bucket = self._rates.bucket
                text = f"at most {bucket.per_s} callbacks a second, after {bucket.burst} at once: send this again"
                raise Refusal(429, "too_many_callbacks", text, headers=_headers("callbacks", bucket, wait_s))


def _house(address: str) -> str:
    """Whose *address* it is: of IPv6, a whole network of 64 bits is one subscriber's."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return parsed.packed[:8].hex()


def _headers(policy: str, bucket: Bucket, wait_s: float) -> dict[str, str]:
    wait = max(1, math.ceil(wait_s))
    return {
        "Retry-After": str(wait),
        "RateLimit-Policy": f'"{policy}";q={bucket.burst};w={max(1, math.ceil(bucket.burst / bucket.per_s))}',
        "RateLimit": f'"{policy}";r=0;t={wait}',
    }


def too_many_at_once(text: str, most: int) -> Refusal:
    """What is said to whoever has *most* of something at once already."""
    headers = {
        "Retry-After": "1",
        "RateLimit-Policy": f'"at-once";q={most};qu="concurrent-requests"',
        "RateLimit": '"at-once";r=0',
    }
    return Refusal(429, "too_many_requests_at_once", text, headers=headers)
