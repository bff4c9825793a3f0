"""Mails for domains that take only so many at once: never more, none lost, and nobody else waits for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from tests.support.providers import mail_message

from clarion import ids
from clarion.channels.base import Email, Provider
from clarion.channels.email.at_once import Places, Sparing
from clarion.domain.address import domain_of
from clarion.domain.outcome import Outcome, Retry, Sent


class Watched(Provider[Email]):
    """Counts what is on its way to each domain; a domain in `hanging` answers once it is told to."""

    name = "watched"

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.sent: list[str] = []
        self.hanging: dict[str, asyncio.Event] = {}
        self.broken = False

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        domains = [domain_of(mail.to) for mail in items]
        self.now.update(domains)
        for domain in domains:
            self.most[domain] = max(self.most[domain], self.now[domain])
        try:
            if self.broken:
                raise ZeroDivisionError
            for domain in set(domains) & self.hanging.keys():
                await self.hanging[domain].wait()
            await asyncio.sleep(0)
        finally:
            self.now.subtract(domains)
        self.sent += [mail.to for mail in items]
        return [Sent(mail.message_id.hex) for mail in items]

    async def close(self) -> None:
        """Nothing is open."""


def mails(*domains: str) -> list[Email]:
    return [mail_message(f"p{n}@{domain}")._replace(message_id=ids.new()) for n, domain in enumerate(domains)]


async def test_no_more_are_on_their_way_than_may_be_over_all_calls() -> None:
    watched, places = Watched(), Places({"few.example": 2, "one.example": 1})
    providers = [Sparing(watched, places) for _ in range(2)]  # two accounts of one process
    lists = [mails(*["few.example", "x.example", "few.example", "one.example", "y.example"] * 10) for _ in range(6)]
    async with asyncio.timeout(10):
        found = await asyncio.gather(*(providers[n % 2].send(one) for n, one in enumerate(lists)))
    for given, outcomes in zip(lists, found, strict=True):
        assert outcomes == [Sent(mail.message_id.hex) for mail in given], "each its own, in order"
    assert len(watched.sent) == 300
    assert watched.most["few.example"] == 2
    assert watched.most["one.example"] == 1
    assert watched.most["x.example"] > 2


async def test_a_domain_that_hangs_holds_up_its_own_mails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.channels.email.at_once._PATIENCE_S", 0.05)
    watched, places = Watched(), Places({"slow.example": 1, "few.example": 1})
    provider = Sparing(watched, places)
    go = watched.hanging["slow.example"] = asyncio.Event()
    hung = asyncio.create_task(provider.send(mails("slow.example")))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        later = await provider.send(mails("slow.example", "few.example", "x.example", "slow.example"))
    assert [type(one) for one in later] == [Retry, Sent, Sent, Retry]
    (put_off, *_) = later
    assert isinstance(put_off, Retry)
    assert put_off.unspent
    assert put_off.blameless
    assert put_off.after is not None
    assert "slow.example" in put_off.reason
    go.set()
    assert [type(one) for one in await hung] == [Sent]
    assert [type(one) for one in await provider.send(mails("slow.example"))] == [Sent]


async def test_places_come_back_whatever_happens() -> None:
    watched, places = Watched(), Places({"few.example": 1})
    provider = Sparing(watched, places)
    watched.broken = True
    with pytest.raises(ExceptionGroup):
        await provider.send(mails("few.example", "x.example"))
    watched.broken = False
    go = watched.hanging["few.example"] = asyncio.Event()
    hung = asyncio.create_task(provider.send(mails("few.example")))
    await asyncio.sleep(0)
    hung.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hung
    go.set()
    assert [type(one) for one in await provider.send(mails("few.example"))] == [Sent]
