"""Where caught mails are kept: files that only grow, the oldest of them dropped when there is too much."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

from clarion import clock
from clarion.dev.catcher.distinct import Distinct
from clarion.dev.catcher.mail import Summary, pack
from clarion.dev.catcher.segment import Segment
from clarion.errors import ConfigError
from clarion.smtp.intake import Arrival

#: Mails that a search looks at before it lets other work run: some milliseconds.
_SLICE = 500
#: How long a file is written to: mails are deleted by their age as whole files.
_HOUR = timedelta(hours=1)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What has arrived since the catcher was last emptied.

    After a restart that is what was still kept then, plus what has come since.
    """

    received: int
    #: Mails without a Message-ID count as none.
    distinct_message_ids: int
    #: Envelope recipients, told apart exactly as written.
    distinct_recipients: int
    #: Mails that can be looked at; fewer than received once the oldest were dropped.
    kept: int


class Spool:
    """The mails in *folder*, for one process at a time.

    A mail takes sixteen to thirty bytes of memory, wherever its own bytes lie. Ids count from 1 and are never used
    again. *keep_bytes* is what the folder may grow to (by one file more, while that one is written).
    """

    def __init__(self, folder: Path, *, keep_bytes: int = 1 << 30, segment_bytes: int = 64 << 20) -> None:
        """Open the spool and find again what an earlier process kept. Raises `ConfigError` when it is in use."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._keep_bytes = keep_bytes
        self._segment_bytes = min(segment_bytes, keep_bytes)
        self._lock = os.open(folder / "spool.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ConfigError(
                f"Another mail catcher uses {folder}. Stop it, or give this one a data folder of its own."
            ) from None
        self._segments: list[Segment] = []
        self._forget()
        for path in sorted(folder.glob("*.mails")):
            segment = Segment(path, int(path.stem))
            self._segments.append(segment)
            for found in segment.recover():
                self._count(found.message_id, found.recipients)

    def close(self) -> None:
        """Give the folder back; the mails stay in it."""
        for segment in self._segments:
            segment.close()
        self._segments = []
        os.close(self._lock)

    def append(self, arrivals: Sequence[Arrival]) -> int:
        """Keep *arrivals* and return the id of the first; the others follow in order.

        When it returns, the kernel has them: they survive the death of this process, though not a power cut.
        Raises `OSError` when the disk does not take them; then none is kept.
        """
        segment = self._current()
        first = segment.first + len(segment)
        now = clock.now_ms()
        records = [pack(one.mail_from, one.recipients, one.raw, now) for one in arrivals]
        segment.append([parts for parts, _ in records])
        for arrival, (_, message_id) in zip(arrivals, records, strict=True):
            self._count(message_id, arrival.recipients)
        return first

    def raw(self, id: int) -> bytes | None:
        """Mail *id* byte for byte; None when it is not kept."""
        segment = self._holding(id)
        return segment.raw(id) if segment else None

    def summary(self, id: int) -> Summary | None:
        """The summary of mail *id*; None when it is not kept."""
        segment = self._holding(id)
        return segment.summary(id) if segment else None

    async def find(self, matches: Callable[[Summary], bool] | None, *, limit: int, before: int | None) -> list[Summary]:
        """The newest *limit* mails with an id below *before* that *matches* takes, newest first."""
        found: list[Summary] = []
        for seen, id in enumerate(self._ids_before(before), start=1):
            if seen % _SLICE == 0:
                await asyncio.sleep(0)
            summary = self.summary(id)
            if summary is not None and (matches is None or matches(summary)):
                found.append(summary)
                if len(found) == limit:
                    break
        return found

    def counts(self) -> Counts:
        """Exact counts, at no cost."""
        return Counts(
            received=self._received,
            distinct_message_ids=len(self._message_ids),
            distinct_recipients=len(self._recipients),
            kept=sum(map(len, self._segments)),
        )

    def clear(self) -> int:
        """Delete every mail and begin to count anew; how many mails were deleted."""
        deleted = self.counts().kept
        following = self._next_id()
        # The next file comes first: its name keeps the ids rising, also when we are killed half-way.
        old, self._segments = self._segments, []
        self._open(following)
        for segment in old:
            segment.remove()
        self._forget()
        return deleted

    def prune(self, older_than: timedelta) -> int:
        """Delete the mails that are older; how many went. What has arrived stays counted.

        They go as whole files, each written to for an hour at most: so an hour late, at most.
        """
        gone = 0
        for segment in self._older(older_than):
            if len(self._segments) == 1:
                self._open(self._next_id())  # its name keeps the ids rising
            gone += len(segment)
            self._segments.remove(segment)
            segment.remove()
        return gone

    def older(self, than: timedelta) -> int:
        """How many mails `prune` would delete."""
        return sum(map(len, self._older(than)))

    def _older(self, than: timedelta) -> list[Segment]:
        before = clock.now_ms() - than / _MS
        filled = [one for one in self._segments if len(one)]
        return list(takewhile(lambda one: one.received_at_ms(one.first + len(one) - 1) < before, filled))

    def _current(self) -> Segment:
        """The file to write to; begins a new one when it is full or an hour old, and drops the oldest if need be."""
        last = self._segments[-1] if self._segments else None
        if last is None or last.size >= self._segment_bytes or self._is_hour_old(last):
            self._open(self._next_id())
            while len(self._segments) > 1 and sum(one.size for one in self._segments) > self._keep_bytes:
                self._segments.pop(0).remove()
        return self._segments[-1]

    def _is_hour_old(self, segment: Segment) -> bool:
        return len(segment) > 0 and segment.received_at_ms(segment.first) < clock.now_ms() - _HOUR / _MS

    def _open(self, first: int) -> None:
        self._segments.append(Segment(self._folder / f"{first:012d}.mails", first))

    def _next_id(self) -> int:
        return self._segments[-1].first + len(self._segments[-1]) if self._segments else 1

    def _holding(self, id: int) -> Segment | None:
        for segment in reversed(self._segments):
            if id >= segment.first:
                return segment if id < segment.first + len(segment) else None
        return None

    def _ids_before(self, before: int | None) -> Iterator[int]:
        newest = self._next_id() - 1 if before is None else min(before, self._next_id()) - 1
        oldest = self._segments[0].first if self._segments else 1
        return iter(range(newest, oldest - 1, -1))

    def _count(self, message_id: bytes, recipients: Sequence[bytes]) -> None:
        self._received += 1
        if message_id:
            self._message_ids.add(message_id)
        for recipient in recipients:
            self._recipients.add(recipient)

    def _forget(self) -> None:
        self._received = 0
        self._message_ids = Distinct()
        self._recipients = Distinct()
