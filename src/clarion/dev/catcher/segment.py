"""One file of the spool: records one after the other, found by eight bytes of memory each."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from clarion.dev.catcher.mail import HEAD, Summary, unpack_head, unpack_summary

#: Bytes read at once when a summary is wanted: enough for head and summary of nearly every mail.
_PEEK = 512


class Segment:
    """The mails from id *first* on, in the file *path*, oldest first."""

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.first = first
        #: Where each mail's record begins.
        self._offsets = array("Q")
        #: Bytes of the file that hold whole records; what lies behind was never answered for.
        self.size = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __len__(self) -> int:
        return len(self._offsets)

    def recover(self) -> Iterator[Summary]:
        """Find the records that an earlier process wrote, and cut off what it did not finish writing."""
        end = os.fstat(self._file).st_size
        while found := unpack_head(os.pread(self._file, HEAD.size, self.size)):
            length = HEAD.size + found[0] + found[1]
            if self.size + length > end:
                break
            self._offsets.append(self.size)
            self.size += length
            yield self.summary(self.first + len(self) - 1)
        os.ftruncate(self._file, self.size)

    def append(self, records: Sequence[Sequence[bytes]]) -> None:
        """Write *records* behind the last one; when this returns, the kernel has them. All or nothing.

        Raises `OSError` when the disk does not take them; a later call overwrites what was written by then.
        """
        block = memoryview(b"".join([part for record in records for part in record]))
        written = 0
        while written < len(block):
            written += os.pwrite(self._file, block[written:], self.size + written)
        for record in records:
            self._offsets.append(self.size)
            self.size += sum(map(len, record))

    def summary(self, id: int) -> Summary:
        """The summary of mail *id*, which must lie here."""
        offset = self._offsets[id - self.first]
        peek = os.pread(self._file, _PEEK, offset)
        length, size, at = self._head(peek)
        summary = peek[HEAD.size : HEAD.size + length]
        if len(summary) < length:
            summary = os.pread(self._file, length, offset + HEAD.size)
        return unpack_summary(id, summary, size, at)

    def received_at_ms(self, id: int) -> int:
        """When mail *id*, which must lie here, was received."""
        return self._head(os.pread(self._file, HEAD.size, self._offsets[id - self.first]))[2]

    def raw(self, id: int) -> bytes:
        """Mail *id*, which must lie here, byte for byte."""
        offset = self._offsets[id - self.first]
        length, size, _ = self._head(os.pread(self._file, HEAD.size, offset))
        return os.pread(self._file, size, offset + HEAD.size + length)

    def close(self) -> None:
        """Close the file; it stays on the disk."""
        os.close(self._file)

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _head(self, peek: bytes) -> tuple[int, int, int]:
        head = unpack_head(peek)
        if head is None:
            raise OSError(f"{self.path} was changed by somebody else: there is no mail where one was written")
        return head
