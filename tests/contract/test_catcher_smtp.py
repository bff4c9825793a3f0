"""The catcher's SMTP side: to the letter, within limits, and no mail lost that it said yes to."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiosmtplib
import psutil
import pytest
from tests.support.smtp import Conversation, sample, send_many
from tests.support.wait import wait_until

from clarion.dev.catcher import Catcher
from clarion.dev.catcher.spool import Spool
from clarion.errors import ConfigError
from clarion.smtp.intake import Limits

#: Runs a catcher as `clarion up` does, on free ports. The second argument limits the size of its files.
RUNNER = """
import resource, signal, sys, uvloop
from pathlib import Path
from clarion.dev.catcher import serve

if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
ready = lambda catcher: print(catcher.smtp_port, flush=True)
uvloop.run(serve(Path(sys.argv[1]), "127.0.0.1", 0, 0, ready=ready, lifeline=0))
"""


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[Catcher]:
    async with Catcher(tmp_path / "mail", limits=Limits(size=100_000)) as catcher:
        yield catcher


def kept(catcher: Catcher, id: int) -> bytes:
    raw = catcher.raw(id)
    assert raw is not None
    return raw


async def start_process(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], int]:
    process = spawn([sys.executable, "-c", RUNNER, str(folder), *arguments])
    assert process.stdout is not None
    port = int(await asyncio.to_thread(process.stdout.readline))
    process.stdout.close()
    return process, port


def spawn(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def end(process: subprocess.Popen[str]) -> int:
    """Wait for a process that is on its way out; its exit code."""
    code = await asyncio.to_thread(process.wait, 10)
    assert process.stdin is not None
    process.stdin.close()
    return code


async def test_a_mail_is_kept_byte_for_byte(catcher: Catcher) -> None:
    content = b"Subject: dots\r\n\r\n.\r\n..two\r\n.one\r\nend.\r\n\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    async with Conversation(catcher.smtp_port) as smtp:
        assert "SMTPUTF8" in await smtp.say("EHLO me")
        assert await smtp.mail(stuffed, to=["a@example.com", "b@example.com"]) == "250 2.0.0 Caught as 1"
    assert kept(catcher, 1) == content
    counts = catcher.counts()
    assert (counts.received, counts.distinct_recipients, counts.distinct_message_ids) == (1, 2, 0)


@pytest.mark.parametrize("content", [b"", b"\r\n", b"..\r\n", b"no header\r\n", b"\r\n..\r\n..\r\n"])
async def test_odd_mails_end_where_they_end(catcher: Catcher, content: bytes) -> None:
    async with Conversation(catcher.smtp_port) as smtp:
        await smtp.say("EHLO me")
        assert (await smtp.mail(content)).startswith("250")
        assert (await smtp.say("NOOP")).startswith("250")
    assert kept(catcher, 1) == content.removeprefix(b".").replace(b"\r\n.", b"\r\n")


async def test_a_whole_session_in_one_go_and_in_pieces_of_any_size(catcher: Catcher) -> None:
    """Pipelined (RFC 2920): the replies are the same, in order, wherever the network cuts the stream."""
    session = b"EHLO me\r\nNOOP\r\n"
    for number in range(5):
        session += b"MAIL FROM:<a@example.com> BODY=8BITMIME SIZE=10\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        session += sample(number, 600) + b".\r\n"
    session += b"BOGUS\r\nRSET\r\nQUIT\r\n"
    expected = ["250", "250", *["250", "250", "354", "250"] * 5, "500", "250", "221"]
    chance = random.Random(7)
    for most in (100_000, 1, 3, 40, 700):
        async with Conversation(catcher.smtp_port) as smtp:
            rest = session
            while rest:
                size = chance.randint(1, most)
                smtp.send(rest[:size])
                rest = rest[size:]
                await asyncio.sleep(0)
            assert [(await smtp.reply())[:3] for _ in expected] == expected
            assert await smtp.reply() == ""
    assert catcher.counts().received == 25
    assert [kept(catcher, id) for id in range(1, 26)] == [sample(number, 600) for number in range(5)] * 5


async def test_too_large_is_refused_early_or_late_and_the_connection_goes_on(catcher: Catcher) -> None:
    async with Conversation(catcher.smtp_port) as smtp:
        assert "250 SIZE 100000" in await smtp.say("EHLO me")
        assert (await smtp.say("MAIL FROM:<a@example.com> SIZE=100001")).startswith("552")
        line = b"x" * 98 + b"\r\n"
        assert (await smtp.mail(line * 1001)).startswith("552")
        assert (await smtp.mail(line * 50_000)).startswith("552")
        assert (await smtp.mail(line * 1000)).startswith("250")
    assert catcher.counts().received == 1


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"Subject: x\n\nbare\r\n", "554 5.6.0 Bare CR or LF"),
        (b"one\r\n.\nMAIL FROM:<evil@example.com>\r\n", "554 5.6.0 Bare CR or LF"),
        (b"one\rtwo\r\n", "554 5.6.0 Bare CR or LF"),
        (b"x" * 1100 + b"\r\n", "554 5.6.0 Line longer than 998"),
    ],
)
async def test_what_other_servers_would_refuse_or_mend_is_refused(catcher: Catcher, content: bytes, reply: str) -> None:
    async with Conversation(catcher.smtp_port) as smtp:
        await smtp.say("EHLO me")
        assert (await smtp.mail(content)).startswith(reply)
    assert catcher.counts().received == 0


async def test_the_order_of_commands_is_kept(catcher: Catcher) -> None:
    async with Conversation(catcher.smtp_port) as smtp:
        for line, reply in {
            "MAIL FROM:<a@example.com>": "503 5.5.1 EHLO",
            "EHLO": "501",
            "HELO me": "250",
            "RCPT TO:<a@example.com>": "503",
            "DATA": "503",
            "mail from: <a@example.com>": "250",
            "MAIL FROM:<b@example.com>": "503",
            "data": "554",
            "VRFY someone": "252",
            "EXPN list": "500",
            "MAILX": "500",
            "RSET": "250",
            "RCPT TO:<b@example.com>": "503",
            "MAIL FROM:<>": "250",
            "RCPT TO:<>": "501",
            'RCPT TO:<"a b@>"@example.com>': "250",
            "RCPT TO:<b@example.com> NOTIFY=NEVER": "555",
            "RCPT TO:<zoë@example.com>": "553",
            "RCPT TO:b@example.com": "501",
            "EHLO again": "250",
            "MAIL FROM:<ä@example.com> SMTPUTF8": "250",
            "RCPT TO:<zoë@example.com>\t": "250",
            "QUIT": "221",
        }.items():
            assert (await smtp.say(line)).startswith(reply), line
        assert await smtp.reply() == ""


async def test_a_client_that_only_errs_or_floods_is_shown_out(catcher: Catcher) -> None:
    async with Conversation(catcher.smtp_port) as smtp:
        smtp.send(b"BOGUS\r\n" * 100)
        replies = [reply async for reply in _replies(smtp)]
        assert replies[-1].startswith("421") and len(replies) < 60
    async with Conversation(catcher.smtp_port) as smtp:
        smtp.send(b"x" * 10_000)
        assert (await smtp.reply()).startswith("421")
        assert await smtp.reply() == ""


async def _replies(smtp: Conversation) -> AsyncIterator[str]:
    while reply := await smtp.reply():
        yield reply


async def test_a_silent_client_is_shown_out(tmp_path: Path) -> None:
    async with Catcher(tmp_path, limits=Limits(idle_s=0.05)) as catcher, Conversation(catcher.smtp_port) as smtp:
        assert await smtp.reply() == "421 4.3.2 Silent for too long"


async def test_a_standard_client_gets_on_with_it(catcher: Catcher) -> None:
    await aiosmtplib.send(
        "Subject: hi\r\n\r\n.dot\r\n",
        sender="a@example.com",
        recipients=["b@example.com"],
        hostname="127.0.0.1",
        port=catcher.smtp_port,
        start_tls=False,
    )
    assert b"\r\n.dot\r\n" in kept(catcher, 1)


async def test_a_stop_tells_clients_and_keeps_what_was_answered(tmp_path: Path) -> None:
    catcher = Catcher(tmp_path)
    await catcher.start()
    async with Conversation(catcher.smtp_port) as smtp:
        await smtp.say("EHLO me")
        await smtp.mail(b"Subject: x\r\n\r\nx\r\n")
        await catcher.stop()
        assert await smtp.reply() == "421 4.3.2 Shutting down"
    async with Catcher(tmp_path) as again:
        assert again.counts().received == 1


async def test_a_port_or_folder_in_use_is_told(catcher: Catcher, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"port {catcher.smtp_port}"):
        await Catcher(tmp_path / "other", smtp_port=catcher.smtp_port).start()
    with pytest.raises(ConfigError, match="Another mail catcher uses"):
        await Catcher(tmp_path / "mail").start()


async def test_kill_9_under_load_loses_no_mail_that_was_answered(tmp_path: Path) -> None:
    process, port = await start_process(tmp_path)
    sending = asyncio.ensure_future(send_many(port, range(1_000_000), connections=8))
    spool_file = tmp_path / "000000000001.mails"
    await wait_until(lambda: spool_file.exists() and spool_file.stat().st_size > 2_000_000, 30, "mails flow")
    process.send_signal(signal.SIGKILL)
    await end(process)
    accepted = await sending
    assert len(accepted) > 500
    spool = Spool(tmp_path)
    try:
        found = await spool.find(None, limit=10_000_000, before=None)
        subjects = {summary.subject for summary in found}
        assert {b"Booking %d confirmed" % number for number in accepted} <= subjects
        assert all((spool.raw(one.id) or b"").endswith(b"seven.\r\n") for one in found)
    finally:
        spool.close()


async def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    process, _ = await start_process(tmp_path)
    assert process.stdin is not None
    process.stdin.close()  # as the kernel does for a parent that is killed
    assert await end(process) == 0


async def test_a_full_disk_is_told_and_goes_by(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow; the client hears 452 and nothing half-written is ever shown."""
    process, port = await start_process(tmp_path, "50000")
    try:
        async with Conversation(port) as smtp:
            await smtp.say("EHLO me")
            assert (await smtp.mail(sample(1, 20_000))).startswith("250")
            assert (await smtp.mail(sample(2, 40_000))).startswith("452 4.3.1")
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert (await smtp.mail(sample(3, 40_000))).startswith("250")
    finally:
        process.terminate()
        assert await end(process) == 0
    spool = Spool(tmp_path)
    try:
        assert [spool.raw(id) for id in (1, 2, 3)] == [sample(1, 20_000), sample(3, 40_000), None]
    finally:
        spool.close()


async def test_it_takes_many_mails_cheaply(tmp_path: Path) -> None:
    """20,000 mails: under 150 µs of processor each (some 50 are usual) and hardly any memory."""
    process, port = await start_process(tmp_path)
    try:
        await send_many(port, range(1000))
        watched = psutil.Process(process.pid)
        before, memory = sum(watched.cpu_times()[:2]), watched.memory_info().rss
        assert len(await send_many(port, range(20_000), size=3_000)) == 20_000
        assert (sum(watched.cpu_times()[:2]) - before) / 20_000 < 150e-6
        assert watched.memory_info().rss - memory < 10_000_000
    finally:
        process.terminate()
        assert await end(process) == 0
