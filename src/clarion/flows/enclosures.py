"""The files of a trigger's mails: read or fetched once, made ready once, and shared by all of its mails.

What was uploaded is read from the database, what is named by a URL is fetched when the first mail that wants it is
about to go. Each worker does it once for a trigger, however many mails there are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from urllib.parse import unquote
from uuid import UUID

from clarion import clock
from clarion.channels.base import Wanted
from clarion.domain.attachment import Reference, Rules, clean_name, clean_type, digest_of
from clarion.domain.outcome import Outcome, Reject, Retry
from clarion.errors import Fault, Invalid
from clarion.http.url_guard import Destination, UrlGuard, parse_url
from clarion.store import attachments
from clarion.store.database import Pool

if TYPE_CHECKING:
    from clarion.http.download import Downloads

#: Octets of files that are kept for mails that may still come; the last ones used stay in any case.
_KEPT = 64 * 1024 * 1024
#: How long it is remembered that files could not be had just now: a list of mails asks once.
_TROUBLE_S = 5.0

T = TypeVar("T")


class Content(NamedTuple):
    """One file, there."""

    name: str
    type: str
    content: bytes
    inline: str | None


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T | Outcome
    size: int
    #: On the monotonic clock: until when it counts; None is for ever.
    until: float | None = None


class Enclosures(Generic[T]):
    """Gives mails their files, as *make* makes them ready."""

    def __init__(
        self,
        pool: Pool,
        guard: UrlGuard,
        rules: Rules,
        make: Callable[[Sequence[Content]], T],
        *,
        downloads: Downloads | None = None,
    ) -> None:
        """*downloads* fetches files; where none is given it is made with the first one that is fetched."""
        self._pool = pool
        self._downloads = downloads
        self._guard = guard
        self._rules = rules
        self._make = make
        self._kept: OrderedDict[Wanted, _Kept[T]] = OrderedDict()
        self._making: dict[Wanted, asyncio.Lock] = {}

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        if self._downloads is not None:
            await self._downloads.close()

    async def get(self, wanted: Wanted) -> T | Outcome:
        """The files of *wanted*, made ready; or what becomes of the mails that want them."""
        async with self._alone(wanted):
            kept = self._kept.get(wanted)
            if kept is None or (kept.until is not None and clock.monotonic() >= kept.until):
                kept = self._kept[wanted] = await self._load(wanted)
            self._kept.move_to_end(wanted)
            self._let_go()
            return kept.value

    def _fetching(self) -> Downloads:
        if self._downloads is None:
            from clarion.http.download import Downloads  # nine megabytes, for those who fetch files

            self._downloads = Downloads(self._guard)
        return self._downloads

    @asynccontextmanager
    async def _alone(self, wanted: Wanted) -> AsyncIterator[None]:
        """Only one asks for *wanted*; the others wait for what it finds."""
        lock = self._making.setdefault(wanted, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and self._making.get(wanted) is lock:
                del self._making[wanted]

    async def _load(self, wanted: Wanted) -> _Kept[T]:
        try:
            found = await self._contents(wanted)
        except Invalid as error:
            return _Kept(Reject(error.message, code=error.code), 0)
        if not isinstance(found, list):
            return _Kept(found, 0, None if isinstance(found, Reject) else clock.monotonic() + _TROUBLE_S)
        made = await asyncio.to_thread(self._make, found)
        return _Kept(made, sum(len(one.content) for one in found))

    async def _contents(self, wanted: Wanted) -> list[Content] | Retry | Reject:
        stored = await self._stored(wanted.tenant_id, [one.id for one in wanted.references if one.id is not None])
        left = self._rules.largest - sum(map(len, stored.values()))
        found: list[Content] = []
        for reference in wanted.references:
            if reference.id is not None:
                content, said, called = stored[reference.id], reference.type, reference.name or "attachment"
            else:
                url = url_of(reference.url or "", self._rules, self._guard)
                fetched = await self._fetching().get(url, most=max(left, 0))
                if isinstance(fetched, Retry | Reject):
                    return fetched
                content, said, called = fetched.body, reference.type or fetched.type, _called(reference, url)
                left -= len(content)
            name = clean_name(called, self._rules.forbidden)
            found.append(Content(name, clean_type(said, name), content, reference.inline))
        if sum(len(one.content) for one in found) > self._rules.largest:
            raise Invalid(f"the files of one mail may have {self._rules.largest:,} octets", code="too_large")
        return found

    async def _stored(self, tenant_id: UUID, ids: Sequence[str]) -> dict[str, bytes]:
        if not ids:
            return {}
        digests = {id: digest_of(id) for id in ids}
        async with self._pool.acquire() as connection:
            contents = await attachments.contents(connection, tenant_id, digests.values())
        if gone := [id for id, digest in digests.items() if digest not in contents]:
            raise Invalid(f"the file {gone[0]} is not kept any more", code="attachment_unavailable")
        return {id: contents[digest] for id, digest in digests.items()}

    def _let_go(self) -> None:
        size = sum(kept.size for kept in self._kept.values())
        while len(self._kept) > 1 and (size > _KEPT or len(self._kept) > _MOST):
            _, gone = self._kept.popitem(last=False)
            size -= gone.size


#: Triggers whose files are kept at the same time, be they ever so small.
_MOST = 256


def url_of(text: str, rules: Rules, guard: UrlGuard) -> Destination:
    """*text* as a URL that files may be fetched from. Raises `Invalid` (``url_not_allowed``)."""
    url = parse_url(text)
    guard.check(url)
    if not rules.allows_host(url.host):
        detail = f"{url.host} is not among those of the setting attachments.allowed_hosts"
        raise Invalid(f"the URL is not allowed: {detail}", code="url_not_allowed")
    return url


def checked(references: Sequence[Reference], rules: Rules, guard: UrlGuard) -> tuple[list[Reference], list[Fault]]:
    """*references* with cleaned names, and everything that is wrong with them, by their place in the request."""
    good: list[Reference] = []
    faults: list[Fault] = []
    for index, one in enumerate(references):
        try:
            url = url_of(one.url, rules, guard) if one.url is not None else None
        except Invalid as error:
            faults.append(Fault(f"/attachments/{index}/url", error.message, error.code))
            continue
        called = one.name if url is None else _called(one, url)
        try:
            name = None if called is None else clean_name(called, rules.forbidden)
        except Invalid as error:
            faults.append(Fault(f"/attachments/{index}/name", error.message, error.code))
            continue
        good.append(one._replace(name=name))
    names = [one.inline for one in good if one.inline is not None]
    if len(set(names)) < len(names):
        faults.append(Fault("/attachments", "two of them have the same `inline`", "duplicate_key"))
    return good, faults


def _called(reference: Reference, url: Destination) -> str:
    """What a file that is fetched is called: by its trigger, or else by the last part of its URL."""
    return reference.name or unquote(url.path.rpartition("/")[2]) or "attachment"
