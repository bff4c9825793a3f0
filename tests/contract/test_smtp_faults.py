"""Every phase of a conversation, every fault: what a mail's outcome is, and that its neighbours do not notice."""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import timedelta
from typing import NamedTuple

import pytest
from tests.support.smtp_faults import Fault
from tests.support.smtp_mails import TIMEOUTS, a_mail, check_ledger, mails, provider_for
from tests.support.smtp_server import SmtpServer

from clarion.channels.email.dialing import connect_to_any
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Pushback, Reject, Retry, Sent, Uncertain

BARE = ("8BITMIME", "SIZE 52428800")
PIPELINED = ("PIPELINING", *BARE)
#: The mail that meets the fault, in the middle of five.
BAD = 2


class Case(NamedTuple):
    at: str
    do: str
    code: int
    expected: type[Outcome]
    #: The code of a Reject; "pause" for a Retry that everybody waits for, "away" for one that its domain waits for.
    detail: str
    #: How many connections the five mails took.
    connections: int


def replies(at: str, reject: dict[int, str], closing: str = "away") -> list[Case]:
    cases = [Case(at, "reply", code, Retry, "", 1) for code in (450, 451, 452)]
    cases += [Case(at, "reply", code, Reject, detail, 1) for code, detail in reject.items()]
    cases += [Case(at, "reply", 421, Retry, closing, 2), Case(at, "reply", 454, Retry, "pause", 1)]
    return cases


def failures(at: str, expected: type[Outcome], *, connections: int = 2) -> list[Case]:
    return [Case(at, do, 0, expected, "", connections) for do in ("hang", "reset", "close")]


REFUSED = {550: "sender_refused", 552: "too_large", 554: "sender_refused"}
NO_RECIPIENT = {550: "invalid_recipient", 551: "invalid_recipient", 552: "rejected", 554: "invalid_recipient"}
REJECTED = {550: "rejected", 552: "too_large", 554: "rejected"}

MATRIX = [
    *[case for case in replies("mail", REFUSED) if case.code != 421],
    # A connection that has served may be closed at any time: the mail goes to the next one.
    Case("mail", "reply", 421, Sent, "", 2),
    *failures("mail", Sent),
    *replies("rcpt", NO_RECIPIENT),
    *failures("rcpt", Retry),
    *replies("data", REJECTED),
    *failures("data", Retry),
    *failures("body", Uncertain),
    *replies("dot", REJECTED),
    *failures("dot", Uncertain),
    *failures("accepted", Uncertain),
    Case("replied", "close", 0, Sent, "", 2),
]


@pytest.mark.parametrize("extensions", [PIPELINED, BARE], ids=["pipelined", "one_by_one"])
@pytest.mark.parametrize("case", MATRIX, ids=lambda case: f"{case.at}-{case.do}-{case.code}")
async def test_one_mail_meets_a_fault(case: Case, extensions: tuple[str, ...]) -> None:
    fault = Fault(at=case.at, do=case.do, code=case.code, text="injected", times=1)
    if case.at == "mail":
        fault.skip = BAD  # MAIL does not name the recipient
    else:
        fault.to = "bad@elsewhere.example"
    batch = mails(5, bad=BAD)
    async with SmtpServer(faults=[fault], extensions=extensions) as server, provider_for(server) as provider:
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert fault.times == 0
        for index, outcome in enumerate(outcomes):
            assert type(outcome) is (case.expected if index == BAD else Sent), outcome
        check_detail(outcomes[BAD], case.detail)
        assert server.connections == case.connections
        taken = case.expected is Sent or case.at == "accepted"
        assert server.recipients().count("bad@elsewhere.example") == taken


async def test_a_domain_that_wants_to_be_left_alone_is_not_asked_again_in_a_call() -> None:
    batch = [a_mail(f"guest{n}@{'away' if n % 2 else 'here'}.example") for n in range(40)]
    fault = Fault(at="rcpt", do="reply", code=421, text="4.7.0 later", to="@away.example")
    async with SmtpServer(faults=[fault]) as server, provider_for(server, connections=1) as provider:
        outcomes = await provider.send(batch)
        assert server.commands["RCPT"] <= 22, "it was asked once, or once more that was on its way"
        assert len(server.accepted) == 20
    for number, outcome in enumerate(outcomes):
        if number % 2:
            assert isinstance(outcome, Retry)
            assert (outcome.pushback, outcome.pause_provider, outcome.blameless) == (Pushback.AWAY, False, True)
        else:
            assert isinstance(outcome, Sent)
    assert sum("it was not asked" in str(outcome) for outcome in outcomes) >= 18


def check_detail(outcome: Outcome, detail: str) -> None:
    if isinstance(outcome, Retry):
        assert outcome.pause_provider == (detail == "pause")
        assert (outcome.pushback is Pushback.AWAY) == (detail == "away")
        assert (outcome.after is not None) == (detail in ("pause", "away"))
    elif isinstance(outcome, Reject):
        assert outcome.code == detail


@pytest.mark.parametrize("at", ["connect", "greeting", "ehlo"])
@pytest.mark.parametrize("do", ["hang", "reset", "close", "reply-421", "reply-450", "reply-554"])
@pytest.mark.parametrize("connections", [1, 3])
async def test_a_server_that_lets_nobody_in(at: str, do: str, connections: int) -> None:
    do, _, code = do.partition("-")
    batch = mails(5)
    async with (
        SmtpServer(faults=[Fault(at=at, do=do, code=int(code or 0))]) as server,
        provider_for(server, connections=connections) as provider,
    ):
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        for outcome in outcomes:
            assert isinstance(outcome, Retry)
            said_so = do == "reply" and not outcome.reason.endswith("timed out after 1 s")
            assert outcome.pause_provider == bool(outcome.after) == said_so
        assert server.connections == connections


async def test_a_greeting_that_drips_in_is_not_waited_for_without_end() -> None:
    async with (
        SmtpServer(faults=[Fault(at="greeting", do="drip", pause_s=0.1)]) as server,
        provider_for(server) as provider,
    ):
        (outcome,) = await provider.send(mails(1))
        assert isinstance(outcome, Retry)
        assert outcome.reason == "greeting: timed out after 1 s"


async def test_a_refused_connection() -> None:
    async with SmtpServer() as server:
        pass
    async with provider_for(server, connections=2) as provider:
        outcomes = await provider.send(mails(3))
        assert [type(outcome) for outcome in outcomes] == [Retry] * 3
        assert not any(o.pause_provider for o in outcomes if isinstance(o, Retry))
        assert all(isinstance(o, Retry) and o.reason.startswith("connecting: ") for o in outcomes)


async def test_a_host_that_does_not_exist() -> None:
    async with SmtpServer() as server, provider_for(server, host="no-such-host.invalid") as provider:
        (outcome,) = await provider.send(mails(1))
        assert isinstance(outcome, Retry)
        assert not outcome.pause_provider
        assert outcome.reason.startswith("connecting: ")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count a backlog differently")
async def test_an_address_that_swallows_everything_leaves_time_for_the_next() -> None:
    # Linux keeps backlog + 1 connections that nobody accepts; the next one's SYN is dropped.
    silent = socket.create_server(("127.0.0.1", 0), backlog=0)
    with silent, socket.create_connection(silent.getsockname()):
        async with SmtpServer() as server:
            addresses = [silent.getsockname(), ("127.0.0.1", server.port)]
            connection = await connect_to_any(addresses, 1.0, None, "localhost")
            assert server.connections == 1
            connection.abort("the test is over")
            await connection.closed
            with pytest.raises(TimeoutError, match=r"127\.0\.0\.1 did not answer within 0\.2 s"):
                await connect_to_any(addresses[:1], 0.2, None, "localhost")


@pytest.mark.parametrize("do", ["reset", "close"])
async def test_a_new_connection_that_breaks_at_once_costs_its_mail_an_attempt(do: str) -> None:
    batch = mails(3)
    async with (
        SmtpServer(faults=[Fault(at="mail", do=do, times=1)]) as server,
        provider_for(server) as provider,
    ):
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Retry, Sent, Sent]
        assert server.connections == 2


async def test_a_server_that_breaks_every_connection_is_given_up() -> None:
    batch = mails(50)
    async with SmtpServer(faults=[Fault(at="mail", do="reset")]) as server, provider_for(server) as provider:
        outcomes = await provider.send(batch)
        assert [type(outcome) for outcome in outcomes] == [Retry] * 50
        assert server.connections == 2
        assert not server.accepted


async def test_a_server_that_closes_after_every_mail_still_gets_all() -> None:
    batch = mails(30)
    async with (
        SmtpServer(faults=[Fault(at="replied", do="close")]) as server,
        provider_for(server, connections=3) as provider,
    ):
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Sent] * 30
        assert server.connections >= 30


async def test_a_large_message_cut_in_the_middle_was_certainly_not_sent() -> None:
    """Its final dot is still here when the connection breaks, so there is no doubt, whatever the transport buffers."""
    large = a_mail("bad@elsewhere.example", text="Hello world\n" * 400_000)
    batch = [*mails(1), large, *mails(1)]
    for fault in (
        Fault(at="body", do="reset", to="bad@elsewhere.example", times=1),
        Fault(at="body", do="close", to="bad@elsewhere.example", times=1),
        Fault(at="body", do="reply", code=421, to="bad@elsewhere.example", times=1),
    ):
        async with SmtpServer(faults=[fault]) as server, provider_for(server) as provider:
            outcomes = await provider.send(batch)
            check_ledger(batch, outcomes, server)
            assert [type(outcome) for outcome in outcomes] == [Sent, Retry, Sent]


async def test_a_large_message_arrives_whole() -> None:
    large = a_mail(text="Hello\n.world\n" * 400_000)
    async with SmtpServer(keep_data=True) as server, provider_for(server) as provider:
        outcomes = await provider.send([large, *mails(2)])
        check_ledger([large], outcomes[:1], server)
        assert [type(outcome) for outcome in outcomes] == [Sent] * 3
        assert server.accepted[0].data.count(b"\r\n.world") == 800_000 - server.accepted[0].data.count(b"<p>.world")


async def test_a_server_that_goes_into_data_without_a_recipient_is_brought_back() -> None:
    batch = mails(5, bad=BAD)
    fault = Fault(at="rcpt", do="reply", code=550, text="5.1.1 nobody", to="bad@elsewhere.example")
    async with SmtpServer(faults=[fault], eager_data=True) as server, provider_for(server) as provider:
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert outcomes[BAD] == Reject(
            "RCPT: 550 5.1.1 nobody", code="invalid_recipient", feedback=Feedback.HARD_BOUNCE
        )
        assert [type(outcome) for outcome in outcomes].count(Sent) == 4
        assert server.connections == 1


async def test_a_server_that_answers_nonsense() -> None:
    batch = mails(4)
    faults = [
        Fault(at="rcpt", do="reply", code=999, to="guest1@example.com", times=1),
        Fault(at="dot", do="reply", code=354, to="guest2@example.com", times=1),
    ]
    async with SmtpServer(faults=faults) as server, provider_for(server) as provider:
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Sent, Retry, Uncertain, Sent]


async def test_a_call_that_is_given_up_leaves_nothing_open() -> None:
    batch = mails(10)
    timeouts = TIMEOUTS.__class__(reply=timedelta(minutes=10))
    async with (
        SmtpServer(faults=[Fault(at="dot", do="hang", skip=3)]) as server,
        provider_for(server, timeouts=timeouts) as provider,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await provider.send(batch)
        server.faults = ()
        assert [type(outcome) for outcome in await provider.send(batch[4:])] == [Sent] * 6
        assert len(server.accepted) == 9
