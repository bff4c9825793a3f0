"""Faults at random over many connections and calls: nothing twice, nothing lost, nothing claimed falsely."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from datetime import timedelta

import pytest
from tests.support.smtp_faults import Fault
from tests.support.smtp_mails import TIMEOUTS, check_ledger, header_id, mails, provider_for
from tests.support.smtp_server import SmtpServer

from clarion.channels.base import Email
from clarion.channels.email.smtp import SmtpProvider
from clarion.domain.outcome import Outcome, Retry, Sent

_POINTS = ["greeting", "ehlo", "mail", "rcpt", "data", "body", "dot", "accepted", "replied"]
_CODES = [421, 450, 451, 452, 550, 552, 554]
_QUICK = timedelta(milliseconds=300)


def some_faults(chance: random.Random) -> list[Fault]:
    faults = []
    for _ in range(12):
        at = chance.choice(_POINTS)
        replies = at not in {"body", "accepted", "replied"}
        do = chance.choice(["reset", "close", "hang", *(["reply"] * 3 if replies else [])])
        faults.append(
            Fault(at=at, do=do, code=chance.choice(_CODES), times=chance.randint(1, 3), skip=chance.randint(0, 60))
        )
    return faults


async def send_like_the_engine(provider: SmtpProvider, batch: list[Email]) -> dict[str, list[Outcome]]:
    """Send *batch*, and what may be tried again until it need not be; the outcomes of each mail in order."""
    history: dict[str, list[Outcome]] = {header_id(mail): [] for mail in batch}
    for _ in range(30):
        for mail, outcome in zip(batch, await provider.send(batch), strict=True):
            history[header_id(mail)].append(outcome)
        batch = [mail for mail in batch if isinstance(history[header_id(mail)][-1], Retry)]
        if not batch:
            return history
    raise AssertionError(f"still not sent: {[history[header_id(mail)][-1] for mail in batch]}")


@pytest.mark.parametrize("seed", range(12))
async def test_a_storm(seed: int) -> None:
    chance = random.Random(seed)
    extensions = ("PIPELINING", "SIZE 52428800") if seed % 3 else ()
    timeouts = dataclasses.replace(TIMEOUTS, greeting=_QUICK, command=_QUICK, data=_QUICK, reply=_QUICK)
    batches = [mails(60) for _ in range(3)]
    async with (
        SmtpServer(
            faults=some_faults(chance), extensions=extensions, mails_per_connection=chance.choice([None, 7, 30])
        ) as server,
        provider_for(
            server, connections=4, timeouts=timeouts, messages_per_connection=chance.choice([5, 1000])
        ) as provider,
    ):
        histories = await asyncio.gather(*(send_like_the_engine(provider, batch) for batch in batches))
        for batch, history in zip(batches, histories, strict=True):
            # Only the last outcome of a mail may be anything but "certainly not sent".
            check_ledger(batch, [history[header_id(mail)][-1] for mail in batch], server)
        last = [outcomes[-1] for history in histories for outcomes in history.values()]
        assert sum(isinstance(outcome, Sent) for outcome in last) > 100
