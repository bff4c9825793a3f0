"""An account on an SMTP server under torture: each fault at each point of the conversation, encrypted and logged in."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House
from tests.support.smtp_certificate import make_certificate, server_context
from tests.support.smtp_faults import Fault
from tests.support.smtp_server import SmtpServer
from tests.support.tortured import EACH, Tortured, is_refused

USER, PASSWORD = "shop", "5ecre7c0ffee"
BARE = ("8BITMIME", "SIZE 52428800")
#: What a server says with each code.
SAYS = {
    421: "4.7.0 come back later",
    450: "4.2.1 the mailbox is busy",
    451: "4.7.1 greylisted",
    452: "4.3.1 no room",
    454: "4.7.0 not now",
    535: "5.7.8 not you",
    550: "5.7.1 not from you",
    552: "5.3.4 too large",
    554: "5.6.0 not that",
}
CODES = (421, 450, 451, 452, 550, 552, 554)
CUT = ("hang", "reset", "close")
#: Point of the conversation → what may happen there (PROMISES): codes are answered.
SPOILT: dict[str, Sequence[str | int]] = {
    "connect": ("reset", "hang"),
    "greeting": ("drip", *CUT, 421, 450, 554),
    "ehlo": (*CUT, 421, 451, 554),
    "starttls": ("stranger", "hang", "reset", 454),
    "auth": ("hang", "reset", 454, 535),
    "mail": (*CUT, *CODES),
    "rcpt": (*CUT, *CODES),
    "data": (*CUT, *CODES),
    "body": CUT,
    "dot": (*CUT, *CODES),
    "accepted": CUT,
    "replied": ("close",),
}
#: Before these a connection is opened; there are fewer of them than of mails.
_OPENING = ("connect", "greeting", "ehlo", "starttls", "auth")
#: A fault strikes at one of so many passes of its point, at random.
_PASSES, _OPENED = 60, 10
#: Recipients are at so many domains: what one asks for is nothing to the others.
_DOMAINS = 4
_TIMEOUTS = "&".join(f"{phase}_timeout=300ms" for phase in ("greeting", "command", "data", "reply"))


class TorturedSmtp(Tortured):
    """The kind ``smtp`` by its real settings, at a server that drops a connection after a few mails."""

    channel = "email"
    extensions: Sequence[str] = ("PIPELINING", *BARE)

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("smtp", monkeypatch)
        self._faults: list[Fault] = []

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[None]:
        certificate, key = make_certificate(folder)
        strange, its_key = make_certificate(folder, name="stranger")
        self._ca_file = certificate
        nobody = Fault(at="rcpt", do="reply", code=550, text="5.1.1 nobody of that name", to="@refused.invalid")
        async with SmtpServer(
            faults=[nobody],
            extensions=self.extensions,
            tls=server_context(certificate, key),
            stranger=server_context(strange, its_key),
            login=(USER, PASSWORD),
            mails_per_connection=5,
        ) as self._server:
            yield

    def away(self) -> AbstractAsyncContextManager[None]:
        return self._server.away()

    def spoil(self, chance: random.Random) -> int:
        for at, faults in SPOILT.items():
            for fault in (*faults, *faults):
                skip = chance.randrange(_OPENED if at in _OPENING else _PASSES)
                do, code = ("reply", fault) if isinstance(fault, int) else (fault, 0)
                self._faults.append(Fault(at=at, do=do, code=code, text=SAYS.get(code, ""), times=1, skip=skip))
        chance.shuffle(self._faults)
        self._server.faults = [*self._server.faults, *self._faults]
        return len(self._faults)

    @property
    def left(self) -> int:
        return sum(fault.times or 0 for fault in self._faults)

    @property
    def asked(self) -> int:
        return self._server.commands["MAIL"]

    async def people(self, house: House, workflow: str) -> list[Any]:
        return [
            {"id": (id := f"{workflow}{number}"), "name": id, "email": f"{id}@{_domain(id, number)}"}
            for number in range(EACH)
        ]

    def taken(self) -> Iterable[str]:
        return (recipient.partition("@")[0] for recipient in self._server.recipients())

    def names(self) -> Collection[str]:
        return {mail.answer for mail in self._server.accepted}

    def env(self) -> dict[str, str]:
        where = f"smtp://{USER}@127.0.0.1:{self._server.port}"
        url = f"{where}?starttls=required&ca_file={self._ca_file}&connections=4&connect_timeout=1s&{_TIMEOUTS}"
        account = {"kind": "smtp", "url": url, "password": PASSWORD}
        return {"CLARION_PROVIDERS": json.dumps({"main": account})}


class TorturedBareSmtp(TorturedSmtp):
    """The same without PIPELINING: one command at a time."""

    extensions = BARE


def _domain(id: str, number: int) -> str:
    return "refused.invalid" if is_refused(id) else f"guests{number % _DOMAINS}.example"
