"""Providers that speak HTTP under torture: each as its case in the contract suite has it."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House
from tests.support.provider_case import Case
from tests.support.tortured import EACH, Tortured, is_refused

from clarion.channels import kinds
from clarion.channels.account import Account, Kind
from clarion.channels.base import Chat, Provider, Push
from clarion.dev.fakes.faults import Fault, Faults, How
from clarion.domain.chat import Kept
from clarion.http.client import Patience
from clarion.store import chats, devices

PROMPT = Patience(connect=timedelta(seconds=1), total=timedelta(seconds=1))
#: A recipient is called what is found in the ledger: so each message says whose it is.
MARK = re.compile(r"\b(?:again|held)[0-9]+\b")
#: What a provider and a network may do, each as it is when the message was not taken, and when it was (PROMISES).
SPOILT = [
    *(Fault(how=how, taken=taken) for how in (How.RESET, How.CLOSE, How.HANG) for taken in (False, True)),
    *(Fault(how=How.ANSWER, status=code, taken=taken) for code in (500, 502, 504) for taken in (False, True)),
    *(Fault(how=How.ANSWER, status=code) for code in (301, 400, 401, 403, 404, 405, 409, 410, 413, 429, 503)),
    *(Fault(how=How.ANSWER, status=code, taken=True, body=body) for code in (200, 202) for body in ("", "{}", "no")),
    Fault(how=How.ANSWER, status=204, taken=True),
    *(
        Fault(how=How.ANSWER, status=429, headers={"retry-after": after})
        for after in ("1", "-5", "soon", "1000000000", "Thu, 26 Nov 2099 00:00:00 GMT")
    ),
    *(
        Fault(how=how, status=code, taken=code == 201)
        for how in (How.ENDLESS, How.HUGE, How.DRIP, How.GZIP_BOMB)
        for code in (201, 503)
    ),
    Fault(how=How.LATE, delay_s=0.3),
]
FINE = Fault(how=How.LATE)


class Requests:
    """Bad answers among good ones: two of each bad one, one good one in three."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._all: Sequence[Fault] = ()

    def add(self, spoilt: Sequence[Fault], chance: random.Random) -> int:
        self._all = [*spoilt, *spoilt, *(FINE for _ in spoilt)]
        chance.shuffle(self._all)
        self._faults.add(*self._all)
        return 2 * len(spoilt)

    @property
    def left(self) -> int:
        """How many bad ones are to come."""
        return sum(one is not FINE for one in self._all[len(self._all) - self._faults.left :])


class TorturedCase(Tortured):
    """A kind of provider by its case. Its account may say what it likes: the case has settings of its own."""

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch, *, case: type[Case]) -> None:
        super().__init__(kind, monkeypatch)
        self._case = case()
        ours = kinds.find_kind(kind)
        assert ours is not None
        self._ours = ours
        self.channel = ours.channel
        self.names_messages = case.names_messages
        if case.together > 1:
            self.list_size = 2  # a list is one request, and there are to be many

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[None]:
        async with self._case.running():
            self._requests = Requests(self._case.faults)
            self._open_the_case()
            yield

    def spoil(self, chance: random.Random) -> int:
        spoilt = list(SPOILT)
        if self._case.says_no_with_success:
            spoilt += [Fault(how=How.ANSWER, status=200, body=self._case.error())] * 2
        return self._requests.add(spoilt, chance)

    @property
    def left(self) -> int:
        return self._requests.left

    @property
    def asked(self) -> int:
        return int(self._case.fake.asked)

    async def people(self, house: House, workflow: str) -> list[Any]:
        people: list[Any] = []
        for number in range(EACH):
            id = f"{workflow}{number}"
            item = self._case.item(refused=is_refused(id))
            if isinstance(item, Push | Chat):
                await self._register(house, id, item)
                people.append(id)
            else:
                to = item.to if is_refused(id) else _own(item.to, id, number)
                people.append({"id": id, "name": id, "phone" if to.startswith("+") else "email": to})
        return people

    def taken(self) -> Iterable[str]:
        for one in self._case.fake.ledger():
            yield found[0] if (found := MARK.search(str(one))) else "of nobody"

    def names(self) -> Collection[str] | None:
        return None if self._case.is_theirs else self._case.taken()

    def is_believed(self, row: Mapping[str, Any]) -> bool:
        return (self._case.is_theirs or not self.names_messages) and is_refused(row["recipient_id"])

    def _open_the_case(self) -> None:
        """Let accounts of this kind be the provider of the case."""
        known: dict[str, Kind] = kinds._OURS

        def open_case(_: Account) -> Provider[Any]:
            with self.monkeypatch.context() as usual:  # the case reads settings, too
                usual.setitem(known, self.kind, self._ours)
                return self._case.provider(patience=PROMPT)

        self.monkeypatch.setitem(known, self.kind, replace(self._ours, options=(), check=lambda _: (), open=open_case))

    async def _register(self, house: House, id: str, item: Push | Chat) -> None:
        await house.put(f"/v1/recipients/{id}", {"name": id})
        async with house.api.pool.acquire() as connection, connection.transaction():
            tenant = house.api.tenants["one"]
            if isinstance(item, Chat):
                await chats.put(connection, tenant, id, "room", provider=self.kind, account=None, kept=Kept(item.to))
            else:
                await devices.put(connection, tenant, id, "phone", provider=self.kind, token=item.to, platform=None)


def _own(address: str, id: str, number: int) -> str:
    """An address like *address* that is this recipient's alone: whoever is refused for good is refused alone."""
    if address.startswith("+"):
        return f"{address[:-3]}{number + (EACH if id.startswith('held') else 0):03}"
    return f"{id}@{address.partition('@')[2]}"
