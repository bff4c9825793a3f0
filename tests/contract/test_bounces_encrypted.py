"""Servers that bring mails back by STARTTLS: taken as those in the clear are, and nobody on the way puts words in."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
import pytest
from tests.support.bounces import ADDRESS, bounce
from tests.support.smtp import Conversation
from tests.support.smtp_certificate import make_certificate
from tests.support.wait import wait_until

from clarion import ids
from clarion.channels.bounces.listener import Listener
from clarion.channels.bounces.reading import Reading
from clarion.domain.return_path import ReturnPaths
from clarion.errors import ConfigError
from clarion.smtp.encryption import Certificate

PATHS = ReturnPaths(ADDRESS, b"the secret of an installation")


@asynccontextmanager
async def listening(certificate: Certificate | None) -> AsyncIterator[tuple[Listener, list[Reading]]]:
    taken: list[Reading] = []

    async def take(read: Sequence[Reading]) -> None:
        taken.extend(read)

    listener = Listener(PATHS, take, at="127.0.0.1:0", max_size=200_000, rate=6_000, certificate=certificate)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.run(stopping))
        await wait_until(lambda: listener.port != 0, 5, "the listener")
        try:
            yield listener, taken
        finally:
            stopping.set()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


def _bring(port: int, to: str, raw: bytes, context: ssl.SSLContext) -> tuple[bool, bool, str]:
    """By the standard library: whether encryption is offered before and behind it, and in which version."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.example.net", timeout=10) as smtp:
        smtp.ehlo()
        before = smtp.has_extn("starttls")
        assert smtp.starttls(context=context)[0] == 220
        smtp.ehlo()
        assert isinstance(smtp.sock, ssl.SSLSocket)
        smtp.sendmail("", [to], raw)
        return before, smtp.has_extn("starttls"), str(smtp.sock.version())


async def test_mails_come_encrypted_and_in_the_clear(files: tuple[Path, Path]) -> None:
    made = [ids.new() for _ in range(3)]
    to = [PATHS.of(id) for id in made]
    context = ssl.create_default_context(cafile=files[0])
    async with listening(Certificate(*map(str, files))) as (listener, taken):
        port = listener.port
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=True, tls_context=context, timeout=10)
        async with client:
            assert client.get_transport_info("cipher")
            # As large as it may be: many records, and many reads.
            await client.sendmail("", [to[0]], bounce(to[0], "5.1.1") + b"x: y\r\n" * 25_000)
        found = await asyncio.to_thread(_bring, port, to[1], bounce(to[1], "5.1.1"), context)
        assert found == (True, False, "TLSv1.3")
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=10) as plain:
            await plain.sendmail("", [to[2]], bounce(to[2], "5.1.1"))
        assert [one.message_id for one in taken] == made
        assert not listener._connections


async def test_nothing_that_came_in_the_clear_counts_behind_it(files: tuple[Path, Path]) -> None:
    """What is sent along with STARTTLS is not heard (CVE-2011-0411), and who was greeted says so again."""
    to = PATHS.of(ids.new())
    context = ssl.create_default_context(cafile=files[0])
    async with listening(Certificate(*map(str, files))) as (listener, taken):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await reader.readline()
        writer.write(b"EHLO mx.example.net\r\nMAIL FROM:<>\r\nSTARTTLS\r\nRSET\r\nMAIL FROM:<evil@example.net>\r\n")
        lines = [await reader.readline() for _ in range(9)]
        assert lines[-1].startswith(b"220"), lines
        await writer.start_tls(context, server_hostname="127.0.0.1")
        for said, expected in (
            (b"MAIL FROM:<>", b"503 5.5.1 EHLO"),
            (b"EHLO mx.example.net", b"250-"),
            (f"RCPT TO:<{to}>".encode(), b"503 5.5.1 MAIL"),
            (b"STARTTLS", b"503"),
            (b"MAIL FROM:<>", b"250"),
        ):
            writer.write(said + b"\r\n")
            line = await reader.readline()
            assert line.startswith(expected), (said, line)
            while line[3:4] == b"-":
                line = await reader.readline()
                assert b"STARTTLS" not in line
        writer.close()
        async with Conversation(listener.port) as smtp:
            await smtp.say("EHLO mx.example.net")
            assert (await smtp.say("STARTTLS now")).startswith("501")
            assert (await smtp.say("STARTTLSX")).startswith("500")
            assert (await smtp.say("STAR")).startswith("500")
        assert taken == []


async def test_who_cannot_agree_is_let_go_and_the_others_are_heard(files: tuple[Path, Path]) -> None:
    async with listening(Certificate(*map(str, files))) as (listener, taken):

        async def begun() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"STARTTLS\r\n")
            while not (await reader.readline()).startswith(b"220 2.0.0"):
                pass
            return reader, writer

        reader, writer = await begun()
        writer.write(b"EHLO this is no handshake\r\n" * 10)
        await reader.read()
        writer.close()
        _, gone = await begun()
        gone.close()
        stranger = aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=True, timeout=10)
        with pytest.raises(ssl.SSLError):  # it does not know who signed our certificate
            await stranger.connect()
        stranger.close()
        await wait_until(lambda: not listener._connections, 10, "nobody is left")
        _, hanging = await begun()  # and one that never begins does not hold up the end
        to = PATHS.of(ids.new())
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False, timeout=10) as plain:
            await plain.sendmail("", [to], bounce(to, "5.1.1"))
        assert len(taken) == 1
    hanging.close()


async def test_a_certificate_is_renewed_while_it_listens(files: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = files
    (tmp_path / "new").mkdir()
    other = make_certificate(tmp_path / "new")

    async def known(by: Path) -> bool:
        context = ssl.create_default_context(cafile=by)
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=True, tls_context=context, timeout=10)
        try:
            await client.connect()
        except ssl.SSLError:
            return False
        finally:
            client.close()
        return True

    first = tmp_path / "first.pem"
    first.write_bytes(certificate.read_bytes())
    async with listening(Certificate(str(certificate), str(key))) as (listener, _):
        port = listener.port
        assert await known(first)
        other[0].replace(certificate)  # for a moment the two do not belong together
        assert await known(first)
        other[1].replace(key)
        assert await known(certificate)
        assert not await known(first)


async def test_without_a_certificate_there_is_none_and_with_a_bad_one_no_listener(files: tuple[Path, Path]) -> None:
    async with listening(None) as (listener, _), Conversation(listener.port) as smtp:
        assert "STARTTLS" not in await smtp.say("EHLO mx.example.net")
        assert (await smtp.say("STARTTLS")).startswith("500")
    for pair in ((files[1], files[1]), (files[0], files[0]), ("/nowhere.pem", files[1])):
        with pytest.raises(ConfigError, match="cannot be used"):
            Certificate(*map(str, pair))
