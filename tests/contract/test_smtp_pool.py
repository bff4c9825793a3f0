"""Connections are shared, used again, renewed and given up as the settings say."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from tests.support.smtp_faults import Fault
from tests.support.smtp_mails import TIMEOUTS, check_ledger, mails, provider_for
from tests.support.smtp_server import SmtpServer
from tests.support.wait import wait_until

from clarion.domain.outcome import Retry, Sent


async def test_one_connection_carries_one_call_after_the_other() -> None:
    async with SmtpServer() as server, provider_for(server) as provider:
        for _ in range(5):
            assert [type(outcome) for outcome in await provider.send(mails(3))] == [Sent] * 3
        assert server.connections == 1
        assert len(server.accepted) == 15


async def test_an_empty_call_connects_to_nothing() -> None:
    async with SmtpServer() as server, provider_for(server) as provider:
        assert await provider.send([]) == []
        assert server.connections == 0


async def test_calls_at_once_share_the_connections() -> None:
    batches = [mails(40) for _ in range(12)]
    async with SmtpServer() as server, provider_for(server, connections=4) as provider:
        results = await asyncio.gather(*(provider.send(batch) for batch in batches))
        for batch, outcomes in zip(batches, results, strict=True):
            check_ledger(batch, outcomes, server)
            assert [type(outcome) for outcome in outcomes] == [Sent] * 40
        assert server.most_at_once <= 4
        assert server.connections <= 4
        assert len(server.accepted) == 480


async def test_a_single_mail_does_not_wait_for_a_long_list() -> None:
    long, single = mails(2000), mails(1)
    async with SmtpServer() as server, provider_for(server, connections=2) as provider:
        async with asyncio.TaskGroup() as group:
            group.create_task(provider.send(long))
            await wait_until(lambda: len(server.accepted) > 10)
            before = len(server.accepted)
            await provider.send(single)
            assert len(server.accepted) - before < 50
        assert len(server.accepted) == 2001


async def test_a_long_list_goes_on_beside_any_number_of_single_mails() -> None:
    async with SmtpServer() as server, provider_for(server, connections=2) as provider:

        async def singles(until: asyncio.Task[object]) -> None:
            while not until.done():
                await provider.send(mails(1))

        async with asyncio.TaskGroup() as group:
            long = group.create_task(provider.send(mails(300)))
            for _ in range(8):
                group.create_task(singles(long))


async def test_a_connection_is_closed_after_its_share() -> None:
    async with SmtpServer() as server, provider_for(server, messages_per_connection=4) as provider:
        batch = mails(10)
        check_ledger(batch, await provider.send(batch), server)
        assert [mail.connection for mail in server.accepted] == [1] * 4 + [2] * 4 + [3] * 2
        assert server.commands["QUIT"] == 2


async def test_the_servers_own_limit_costs_no_attempt() -> None:
    async with (
        SmtpServer(mails_per_connection=3) as server,
        provider_for(server, connections=2) as provider,
    ):
        batch = mails(20)
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Sent] * 20


async def test_an_unused_connection_is_closed_in_time() -> None:
    timeouts = dataclasses.replace(TIMEOUTS, idle=timedelta(milliseconds=200))
    async with SmtpServer() as server, provider_for(server, timeouts=timeouts) as provider:
        await provider.send(mails(1))
        assert server.open_connections == 1
        await wait_until(lambda: server.open_connections == 0, 5)
        assert server.commands["QUIT"] == 1
        assert isinstance((await provider.send(mails(1)))[0], Sent)
        assert server.connections == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    async with SmtpServer() as server, provider_for(server) as provider:
        await provider.send(mails(1))
        server.drop_connections()
        assert isinstance((await provider.send(mails(1)))[0], Sent)
        assert server.connections == 2


async def test_a_goodbye_while_nobody_asks_is_understood() -> None:
    async with SmtpServer() as server, provider_for(server) as provider:
        await provider.send(mails(1))
        server.say("421 4.3.2 shutting down")
        await wait_until(lambda: server.open_connections == 0, 5)
        assert isinstance((await provider.send(mails(1)))[0], Sent)
        assert server.connections == 2


@pytest.mark.parametrize("do", ["close", "reset", "reply"])
async def test_a_connection_that_dies_when_it_is_used_again_is_replaced_once(do: str) -> None:
    fault = Fault(at="mail", do=do, code=421, skip=1, times=1)
    async with SmtpServer(faults=[fault]) as server, provider_for(server) as provider:
        await provider.send(mails(1))
        batch = mails(2)
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Sent, Sent]
        assert server.connections == 2


async def test_closing_says_goodbye_and_may_be_repeated() -> None:
    async with SmtpServer() as server, provider_for(server, connections=3) as provider:
        await provider.send(mails(30))
        opened = server.open_connections
        assert opened
        await provider.close()
        await provider.close()
        await wait_until(lambda: server.open_connections == 0, 5)
        assert server.commands["QUIT"] == opened
        (outcome,) = await provider.send(mails(1))
        assert outcome == Retry("the provider is closed")


async def test_a_server_that_never_says_goodbye_does_not_hold_up_closing() -> None:
    async with SmtpServer(faults=[Fault(at="dot", do="hang", skip=1)]) as server, provider_for(server) as provider:
        await provider.send(mails(1))
        sending = asyncio.ensure_future(provider.send(mails(1)))
        await wait_until(lambda: server.commands["DATA"] == 2)
        async with asyncio.timeout(5):
            await provider.close()
        assert len(await sending) == 1
