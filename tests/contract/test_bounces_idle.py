"""A mailbox whose server tells when mail comes: it is read at once, and looked into where nobody tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest
from tests.contract.test_bounces_imap import PATHS, Books
from tests.support.api import SECRET
from tests.support.bounces import ADDRESS, bounce
from tests.support.house import open_house
from tests.support.imap import SERVERS, ImapServer, dovecot, pymap
from tests.support.wait import wait_until

from clarion import ids
from clarion.channels.bounces.idle import Idle
from clarion.channels.bounces.imap import Poller
from clarion.channels.bounces.mailbox import parse_imap_url

SOON = timedelta(milliseconds=50)


@asynccontextmanager
async def hearing(url: str, books: Books, *, done: str | None = None) -> AsyncIterator[Idle]:
    mailbox = parse_imap_url(url, done=done)
    idle = Idle(mailbox, Poller(mailbox, PATHS, books, max_size=20_000).run_once, again=SOON)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(idle.run(stopping))
        try:
            yield idle
        finally:
            stopping.set()


def a_mail() -> bytes:
    id = ids.new()
    return bounce(PATHS.of(id), "5.1.1", id=f"<{id}@mx>")


def _has(books: Books, number: int) -> bool:
    return len(books.read) == number


@pytest.mark.parametrize("done", [None, "Done"])
@pytest.mark.parametrize("kind", SERVERS)
async def test_what_comes_is_read_when_it_comes(kind: str, done: str | None) -> None:
    books = Books()
    async with SERVERS[kind]() as server:
        await asyncio.to_thread(server.put, [a_mail()])
        async with hearing(server.url, books, done=done) as idle:
            await wait_until(lambda: idle.told and len(books.read) == 1, 10, "what was there already")
            for number in range(2, 5):
                await asyncio.to_thread(server.put, [a_mail()])
                await wait_until(partial(_has, books, number), 10, "what has come")
            assert await idle.run_once() == 0, "nobody looks while it is told"
            books.broken = True
            await asyncio.to_thread(server.put, [a_mail()])
            await wait_until(lambda: not idle.told, 10, "it could not be kept")
            books.broken = False
            await wait_until(lambda: idle.told and len(books.read) == 5, 10, "it is looked at again")
        assert not idle.told
        await asyncio.to_thread(server.put, [a_mail()])
        assert await idle.run_once() == 1


async def test_by_tls_with_a_server_that_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    books = Books()
    async with dovecot() as server:
        await asyncio.to_thread(server.put, [a_mail()])
        async with hearing(server.tls_url, books) as idle:  # nobody knows who signed its certificate
            await until_refused(idle)
            assert books.read == []
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        async with hearing(server.tls_url, books) as idle:
            await wait_until(lambda: idle.told and len(books.read) == 1, 10, "what was there already")
            await asyncio.to_thread(server.put, [a_mail()])
            await wait_until(lambda: len(books.read) == 2, 10, "what has come")
        monkeypatch.setattr("clarion.channels.bounces.idle.is_loopback", lambda _: False)
        async with hearing(server.url.replace("127.0.0.1", "localhost"), books) as idle:  # by STARTTLS
            await asyncio.to_thread(server.put, [a_mail()])
            await wait_until(lambda: idle.told and len(books.read) == 3, 10, "what has come")


async def until_refused(idle: Idle) -> None:
    calls = 0
    hear = idle._hear

    async def counted() -> None:
        nonlocal calls
        calls += 1
        await hear()

    idle._hear = counted  # type: ignore[method-assign]
    await wait_until(lambda: calls >= 2, 10, "it is called again")
    assert not idle.told


async def test_a_server_that_goes_away_is_called_again() -> None:
    books = Books()
    async with pymap() as server:
        await asyncio.to_thread(server.put, [a_mail()])
        async with between(server) as (url, cut, connections), hearing(url, books) as idle:
            await wait_until(lambda: idle.told and len(books.read) == 1, 10, "what was there already")
            first = len(connections)
            cut()
            await wait_until(lambda: len(connections) > first and idle.told, 10, "it is called again")
            await asyncio.to_thread(server.put, [a_mail()])
            await wait_until(lambda: len(books.read) == 2, 10, "what has come")


@asynccontextmanager
async def between(
    server: ImapServer, change: Callable[[bytes], bytes] = bytes
) -> AsyncIterator[tuple[str, Callable[[], None], list[asyncio.StreamWriter]]]:
    """A way to *server* that can be cut, and on which what it says can be changed; the connections that were made."""
    made: list[asyncio.StreamWriter] = []

    async def carry(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
    ) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(change(data))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.append(writer)
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(carry(reader, back, bytes), carry(there, writer, change))

    def cut() -> None:
        for one in made:
            one.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield server.url.replace(f":{server.port}", f":{port}"), cut, made
    finally:
        listening.close()
        cut()
        await listening.wait_closed()


@pytest.mark.parametrize("words", [b"IDLE", b"* OK"])
async def test_where_nobody_tells_the_mailbox_is_looked_into(words: bytes) -> None:
    """A server that has no IDLE, or does not want to be asked."""
    books = Books()
    async with pymap() as server:
        await asyncio.to_thread(server.put, [a_mail()])
        way = between(server, lambda said: said.replace(words, words[::-1]))
        async with way as (url, _, connections), hearing(url, books) as idle:
            await wait_until(lambda: len(connections) >= 2, 10, "it is called again")
            assert (idle.told, books.read) == (False, [])
            if words == b"IDLE":
                assert await idle.run_once() == 1


async def test_a_worker_hears_of_a_bounce_long_before_it_would_look(database: str) -> None:
    async with pymap() as server:
        await asyncio.to_thread(server.put, [])
        settings = {
            "CLARION_SECRET": SECRET.decode(),
            "CLARION_EMAIL_BOUNCE_ADDRESS": ADDRESS,
            "CLARION_BOUNCES_IMAP_URL": server.url,
            "CLARION_BOUNCES_IMAP_EVERY": "1h",
            "CLARION_WORKER_BOUNCES": "true",
        }
        async with open_house(database, env=settings) as house:
            (idle,) = house.worker.doors
            assert isinstance(idle, Idle)
            trigger = await house.trigger({"recipients": [{"email": "ann@example.org"}], "channels": ["email"]})
            await house.finished(trigger)
            await wait_until(lambda: idle.told, 20, "the server tells")
            began = time.monotonic()
            await asyncio.to_thread(server.put, [bounce(house.smtp.accepted[0].sender, "5.1.1", "550 5.1.1 nobody")])

            async def bounced() -> bool:
                (found,) = (await house.messages(trigger)).values()
                return bool(found["status"] == "bounced")

            await wait_until(bounced, 20, "a bounce")
            assert time.monotonic() - began < 15
            await house.check()
