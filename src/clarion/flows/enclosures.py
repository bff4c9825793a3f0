"""The files of a trigger's mails: read or fetched once, made ready once, and shared by all of its mails.

What was uploaded is read from the database, what is named by a URL is fetched when the first mail that wants it is
about to go. Each worker does it once for a trigger, however many mails there are. How much it has in hand is bounded:
files are lent, and where there is no room for more, more is read once some have come back.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from uuid import UUID

from clarion import clock
from clarion.channels.base import Wanted
from clarion.domain.attachment import Rules, clean_name, clean_type, digest_of
from clarion.domain.outcome import Outcome, Reject, Retry
from clarion.errors import Invalid
from clarion.flows.attaching import called, url_of
from clarion.http.url_guard import UrlGuard
from clarion.store import attachments
from clarion.store.database import Pool

if TYPE_CHECKING:
    from clarion.http.download import Downloads

#: Octets of files that are in hand at once, in mails or for mails that may still come; more where one mail may have
#: more than half of it. What they are made into takes up 1.4 times as much besides.
_ROOM = 64 * 1024 * 1024
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
    #: How many have it in hand.
    users: int = 0


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
        self._room = max(_ROOM, 2 * rules.largest)
        #: What is being read may be so large, all of it together.
        self._expected = 0
        self._freed = asyncio.Event()

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        if self._downloads is not None:
            await self._downloads.close()

    @asynccontextmanager
    async def lend(self, wanted: Wanted, *, wait: bool = True) -> AsyncIterator[T | Outcome | None]:
        """The files of *wanted*, made ready; or what becomes of the mails that want them.

        None, without *wait*, where there is no room for them before others have come back: who has some in hand does
        not wait, so that all come to an end.
        """
        kept = await self._have(wanted, wait=wait)
        try:
            yield None if kept is None else kept.value
        finally:
            if kept is not None:
                kept.users -= 1
                self._let_go()
                self._freed.set()

    async def _have(self, wanted: Wanted, *, wait: bool) -> _Kept[T] | None:
        """What is kept for *wanted*, with one more user."""
        if not wait and wanted in self._making:
            return None
        async with self._alone(wanted):
            kept = self._kept.get(wanted)
            if kept is None or (kept.until is not None and clock.monotonic() >= kept.until):
                if not await self._makes_room(wait=wait):
                    return None
                try:
                    kept = self._kept[wanted] = await self._load(wanted)
                finally:
                    self._expected -= self._rules.largest
                    self._freed.set()
            self._kept.move_to_end(wanted)
            kept.users += 1
            self._let_go()
            return kept

    async def _makes_room(self, *, wait: bool) -> bool:
        """Have room for the largest that may be read, and keep it free; False where there is none and nobody waits."""
        while True:
            self._let_go(self._rules.largest)
            in_hand = self._expected + sum(kept.size for kept in self._kept.values())
            if not in_hand or in_hand + self._rules.largest <= self._room:
                self._expected += self._rules.largest
                return True
            if not wait:
                return False
            self._freed.clear()
            await self._freed.wait()

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
                content, said, title = stored[reference.id], reference.type, reference.name or "attachment"
            else:
                url = url_of(reference.url or "", self._rules, self._guard)
                fetched = await self._fetching().get(url, most=max(left, 0))
                if isinstance(fetched, Retry | Reject):
                    return fetched
                content, said, title = fetched.body, reference.type or fetched.type, called(reference, url)
                left -= len(content)
            name = clean_name(title, self._rules.forbidden)
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

    def _let_go(self, more: int = 0) -> None:
        """Drop what nobody has in hand, the oldest first, until there is room for *more*."""
        size = self._expected + more + sum(kept.size for kept in self._kept.values())
        for wanted, kept in list(self._kept.items()):
            if size <= self._room and len(self._kept) <= _MOST:
                return
            if not kept.users:
                del self._kept[wanted]
                size -= kept.size


#: Triggers whose files are kept at the same time, be they ever so small.
_MOST = 256
