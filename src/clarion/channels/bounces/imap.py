"""A mailbox for the bounce address, read by IMAP (RFC 3501).

A mail is marked as read, or moved, once what it says is committed. Whatever happens in between, it is looked at again,
and what it says counts once.
"""

from __future__ import annotations

import asyncio
import imaplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import structlog

from clarion.channels.bounces.listener import Take
from clarion.channels.bounces.mailbox import Mailbox, quoted
from clarion.channels.bounces.reading import Reader
from clarion.channels.email.settings import is_loopback
from clarion.domain.return_path import ReturnPaths
from clarion.errors import Unavailable

T = TypeVar("T")

log = structlog.get_logger()

#: How long the server may take for one answer.
_PATIENCE_S: Final = 30.0
#: So many mails are fetched, done and marked together.
_PAGE: Final = 50


class Poller:
    """Reads what has come to a mailbox. The library blocks, so it runs in a thread; one look at a time."""

    def __init__(self, mailbox: Mailbox, paths: ReturnPaths, take: Take, *, max_size: int) -> None:
        """Of a mail longer than *max_size* octets the rest is not looked at."""
        self._mailbox = mailbox
        self._reader = Reader(paths)
        self._take = take
        self._max_size = max_size

    async def run_once(self) -> int:
        """Read all that is new; how many mails those were. Raises `Unavailable` when the server cannot be used."""
        session = _Session(self._mailbox, self._max_size)
        count = 0
        try:
            await self._ask(session.open)
            while mails := await self._ask(session.fetch):
                await self._take([self._reader.read(raw) for _, raw in mails])
                await self._ask(partial(session.put_away, [uid for uid, _ in mails]))
                count += len(mails)
        finally:
            await asyncio.to_thread(session.close)
        if count:
            log.info("bounces.mailbox_read", host=self._mailbox.host, folder=self._mailbox.folder, mails=count)
        return count

    async def _ask(self, question: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(question)
        except (imaplib.IMAP4.error, OSError) as error:
            where = f"{self._mailbox.host}:{self._mailbox.port}"
            raise Unavailable(f"the mailbox of the bounce address at {where} cannot be read: {error}") from error


class _Session:
    """One log-in. Its methods block, and raise what `imaplib` raises."""

    def __init__(self, mailbox: Mailbox, max_size: int) -> None:
        self._mailbox = mailbox
        self._max_size = max_size
        self._imap: imaplib.IMAP4 | None = None
        self._able: frozenset[bytes] = frozenset()
        self._uids: list[bytes] | None = None

    def open(self) -> None:
        box = self._mailbox
        if box.implicit_tls:
            self._imap = imaplib.IMAP4_SSL(
                box.host, box.port, ssl_context=ssl.create_default_context(), timeout=_PATIENCE_S
            )
        else:
            self._imap = imaplib.IMAP4(box.host, box.port, timeout=_PATIENCE_S)
            if not is_loopback(box.host):
                self._imap.starttls(ssl.create_default_context())
        self._imap.login(box.user, box.password)
        said = b" ".join(_sure(self._imap.capability(), "capability"))  # more is offered to who is logged in
        self._able = frozenset(said.upper().split())
        _sure(self._imap.select(quoted(box.folder)), "select")

    def fetch(self) -> list[tuple[bytes, bytes]]:
        """The next mails that are new: their numbers, and their octets up to the limit."""
        assert self._imap is not None
        if self._uids is None:
            found = _sure(self._imap.uid("SEARCH", "UNSEEN", "UNDELETED"), "search")
            self._uids = b" ".join(part for part in found if part).split()
        page, self._uids = self._uids[:_PAGE], self._uids[_PAGE:]
        if not page:
            return []
        what = f"(UID BODY.PEEK[]<0.{self._max_size}>)"
        answer = _sure(self._imap.uid("FETCH", b",".join(page).decode(), what), "fetch")
        return list(_mails(answer))

    def put_away(self, uids: Sequence[bytes]) -> None:
        """Those are done."""
        assert self._imap is not None
        numbers = b",".join(uids).decode()
        done = self._mailbox.done
        if done is None:
            _sure(self._imap.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Seen)"), "store")
            return
        self._imap.create(quoted(done))  # says no when it is there
        if b"MOVE" in self._able:
            _sure(self._imap.uid("MOVE", numbers, quoted(done)), "move")
            return
        _sure(self._imap.uid("COPY", numbers, quoted(done)), "copy")
        _sure(self._imap.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Seen \Deleted)"), "store")
        if b"UIDPLUS" in self._able:
            _sure(self._imap.uid("EXPUNGE", numbers), "expunge")

    def close(self) -> None:
        if self._imap is not None:
            with suppress(imaplib.IMAP4.error, OSError):
                self._imap.logout()


def _mails(answer: Sequence[object]) -> Iterator[tuple[bytes, bytes]]:
    """The mails in an answer to FETCH: each a pair of what stands before the octets, and these."""
    for index, part in enumerate(answer):
        if not isinstance(part, tuple):
            continue
        behind = answer[index + 1] if index + 1 < len(answer) else b""
        said = part[0] + b" " + (behind if isinstance(behind, bytes) else b"")
        words = said.replace(b"(", b" ").replace(b")", b" ").upper().split()
        if b"UID" in words[:-1]:
            yield words[words.index(b"UID") + 1], part[1]


def _sure(answer: tuple[str, Sequence[object]], what: str) -> list[bytes]:
    kind, said = answer
    if kind != "OK":
        text = said[0] if said and isinstance(said[0], bytes) else b""
        raise imaplib.IMAP4.error(f"{what}: {kind} {text[:200].decode('utf-8', 'replace')}")
    return said  # type: ignore[return-value]
