"""What is handed over, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from tests.support.smtp_faults import Fault
from tests.support.smtp_mails import a_mail, check_ledger, header_id, mails, provider_for
from tests.support.smtp_server import SmtpServer

from clarion.channels.email.mime import Builder
from clarion.domain.content import EmailContent
from clarion.domain.outcome import Outcome, Reject, Sent, Uncertain


async def send_one(server: SmtpServer, **changes: object) -> Outcome:
    async with server, provider_for(server) as provider:
        (outcome,) = await provider.send([a_mail(**changes)])  # type: ignore[arg-type]
        return outcome


@pytest.mark.parametrize("extensions", [("PIPELINING",), (), ("PIPELINING", "8BITMIME"), ("8BITMIME",)])
async def test_the_server_gets_the_very_octets_that_were_built(extensions: tuple[str, ...]) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    texts = [".", "..\n.\n", "a\n.b\n..c", ".\r\n.\r\n", "ends in a dot\n.", "Grüße\n.\n", ""]
    batch = [a_mail(f"g{i}@example.com", text=text) for i, text in enumerate(texts)]
    builder = Builder()
    async with SmtpServer(extensions=extensions, keep_data=True) as server, provider_for(server) as provider:
        check_ledger(batch, await provider.send(batch), server)
        for mail, got in zip(batch, server.accepted, strict=True):
            built = builder.build(mail, now, eight_bit="8BITMIME" in extensions).data
            assert undated(got.data) == undated(built)
            assert (got.sender, got.recipient) == ("hotel@example.com", mail.to)


def undated(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\r\n") if not line.startswith(b"Date: ")]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_eight_bit_octets_go_only_where_they_are_taken(pipelining: bool) -> None:
    taken, not_taken = SmtpServer(keep_data=True), SmtpServer(extensions=("PIPELINING",), keep_data=True)
    for server, allowed, encoding in ((taken, True, b"8bit"), (not_taken, True, b"base64"), (taken, False, b"base64")):
        async with server, provider_for(server, pipelining=pipelining, eight_bit=allowed) as provider:
            check_ledger(batch := [a_mail(text="Grüße")], await provider.send(batch), server)
            assert b"\r\nContent-Transfer-Encoding: " + encoding in server.accepted[-1].data
        server.accepted.clear()


async def test_a_mail_given_back_is_built_anew_for_a_server_that_takes_less() -> None:
    """The same name may lead to several servers: one closes after a mail, and the next takes no eight-bit octets."""
    server = SmtpServer(mails_per_connection=1, keep_data=True)
    batch = [a_mail(f"g{i}@example.com", text="Grüße") for i in range(3)]
    async with server, provider_for(server, connections=1) as provider:
        (first,) = await provider.send(batch[:1])
        server.extensions = ("PIPELINING",)
        rest = await provider.send(batch[1:])
        check_ledger(batch, [first, *rest], server)
        assert [b"8bit" in mail.data for mail in server.accepted] == [True, False, False]


async def test_sent_carries_the_servers_reply() -> None:
    assert await send_one(SmtpServer()) == Sent("2.0.0 Ok: queued as 1-1")


async def test_we_introduce_ourselves_by_name_or_address() -> None:
    async with SmtpServer() as server, provider_for(server) as provider:
        await provider.send(mails(1))
        assert server.greeted_as == ["[127.0.0.1]"]
    async with SmtpServer() as server, provider_for(server, ehlo_name="clarion.example.com") as provider:
        await provider.send(mails(1))
        assert server.greeted_as == ["clarion.example.com"]


async def test_a_server_that_knows_no_ehlo() -> None:
    fault = Fault(at="ehlo", do="reply", code=502, text="what?")
    async with SmtpServer(faults=[fault]) as server, provider_for(server) as provider:
        await provider.send(mails(1))
        assert server.commands["HELO"] == 1


async def test_an_international_address_needs_a_server_that_takes_it() -> None:
    outcome = await send_one(SmtpServer(), to="jörg@exämple.de")
    assert isinstance(outcome, Sent)
    outcome = await send_one(SmtpServer(extensions=("PIPELINING", "8BITMIME")), to="jörg@exämple.de")
    assert isinstance(outcome, Reject)
    assert outcome.code == "smtputf8_unsupported"
    # An international domain alone goes in its ASCII form.
    server = SmtpServer(extensions=())
    assert isinstance(await send_one(server, to="joerg@exämple.de"), Sent)
    assert server.recipients() == ["joerg@xn--exmple-cua.de"]


async def test_a_message_over_the_servers_size_is_not_begun() -> None:
    large = a_mail("bad@elsewhere.example", text="x\n" * 5000)
    batch = [*mails(1), large, *mails(1)]
    server = SmtpServer(extensions=("PIPELINING", "SIZE 10000"))
    async with server, provider_for(server) as provider:
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Sent, Reject, Sent]
        assert isinstance(outcomes[1], Reject)
        assert outcomes[1].code == "too_large"
        assert server.commands["MAIL"] == 2


async def test_a_message_over_our_own_size_connects_to_nothing() -> None:
    huge = a_mail(text="x" * 30 * 1024 * 1024)
    async with SmtpServer() as server, provider_for(server) as provider:
        (outcome,) = await provider.send([huge])
        assert isinstance(outcome, Reject)
        assert outcome.code == "too_large"
        assert server.commands["MAIL"] == 0


@pytest.mark.parametrize("sender", ["x@example.org", "X <x@mail.example.com>", "x@EXAMPLE.com.evil.org"])
async def test_only_our_own_domains_stand_in_from(sender: str) -> None:
    server = SmtpServer()
    outcome = await send_one(server, sender=sender)
    assert isinstance(outcome, Reject)
    assert outcome.code == "sender_not_allowed"
    assert not server.accepted
    assert isinstance(await send_one(SmtpServer(), sender="Ann <ann@EXAMPLE.com>"), Sent)


async def test_without_a_domain_nothing_is_sent_and_a_star_allows_any() -> None:
    async with SmtpServer() as server:
        async with provider_for(server, from_domains=frozenset()) as provider:
            (outcome,) = await provider.send(mails(1))
            assert isinstance(outcome, Reject)
            assert outcome.code == "sender_not_allowed"
        async with provider_for(server, from_domains=frozenset({"*"})) as provider:
            assert isinstance((await provider.send(mails(1)))[0], Sent)


async def test_a_mail_that_cannot_be_built_leaves_the_others_alone() -> None:
    bad = [
        a_mail(to="a@b.com\r\nBcc: evil@example.org"),
        a_mail(to="a@b.com>\r\nRCPT TO:<evil@example.org"),
        a_mail(to_name="Ann\r\nBcc: evil@example.org"),
        a_mail(sender="Hotel <hotel@example.com>\r\nBcc: evil@example.org"),
        a_mail(content=EmailContent(subject="Hi\r\nBcc: evil@example.org", html=None, text="x")),
        a_mail(headers=(("X-A\r\nBcc", "evil@example.org"),)),
        a_mail(headers=(("X-A", "b\r\nBcc: evil@example.org"),)),
        a_mail(headers=(("Bcc", "evil@example.org"),)),
        a_mail(content=EmailContent(subject="Hi", html=None, text="half \ud83d")),
        a_mail(content=EmailContent(subject="Hi", html=None, text=None)),  # type: ignore[arg-type]
    ]
    good = mails(len(bad))
    batch = [mail for pair in zip(bad, good, strict=True) for mail in pair]
    async with SmtpServer(keep_data=True) as server, provider_for(server, connections=2) as provider:
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        codes = [outcome.code if isinstance(outcome, Reject) else "sent" for outcome in outcomes]
        email, header = "invalid_email", "invalid_header"
        expected = [email, email, header, email, header, header, header, header, "invalid_text", "not_buildable"]
        assert codes == [code for one in expected for code in (one, "sent")]
        assert all(b"evil" not in mail.data for mail in server.accepted)
        assert sorted(server.recipients()) == sorted(mail.to for mail in good)


async def test_text_cannot_smuggle_a_second_mail_in() -> None:
    """Line ends and dots in every mixture (CVE-2023-51764 and its kin) stay one message."""
    for end in ("\n.\n", "\r.\r", "\r\n.\r\n", "\n.\r\n", "\r\n.\n", "\r.\n", "\n\r.\r\n"):
        text = f"Hello{end}MAIL FROM:<evil@example.org>\nRCPT TO:<victim@example.org>\nDATA\nSubject: evil{end}"
        server = SmtpServer(keep_data=True)
        assert isinstance(await send_one(server, content=EmailContent(subject="x", html=None, text=text)), Sent)
        assert server.recipients() == ["guest@example.com"]
        assert server.commands["MAIL"] == 1
        (mail,) = server.accepted
        got = message_from_bytes(mail.data, policy=policy.default)
        assert "victim@example.org" in got.get_content()
        assert b"\n" not in mail.data.replace(b"\r\n", b"")
        assert b"\r" not in mail.data.replace(b"\r\n", b"")


async def test_the_server_as_a_process_keeps_its_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.smtp_server", "--port", "0", "--ledger", str(ledger)),
        *(
            "--fault",
            "at=accepted,do=reset,to=guest3@example.com,times=1",
            "--fault",
            "at=rcpt,do=reply,code=550,skip=7",
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        port = json.loads(await process.stdout.readline())["port"]
        batch = mails(12)
        async with provider_for(SmtpServer(port=port)) as provider:
            outcomes = await provider.send(batch)
        lines = [json.loads(line) for line in ledger.read_text().splitlines()]
        assert [line["message_id"] for line in lines] == [header_id(mail) for mail in batch[:7]]
        assert [line["recipient"] for line in lines] == [mail.to for mail in batch[:7]]
        assert [type(o) for o in outcomes] == [Sent] * 3 + [Uncertain] + [Sent] * 3 + [Reject] * 5
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
