"""What all providers of mail that speak HTTP share: a letter is built when its turn has come, posted, and judged."""

from __future__ import annotations

import asyncio
import ssl
from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from clarion.channels.account import Account
from clarion.channels.base import Email, Provider
from clarion.channels.email.letters import Letters
from clarion.channels.email.mime import Letter
from clarion.domain.outcome import Outcome, Reject
from clarion.http.client import Client, Headers, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

if TYPE_CHECKING:
    from clarion.channels.email.dkim import Signer

#: Giving up early does not undo a mail: it makes one of which nobody knows whether it was sent.
PATIENCE = Patience(total=timedelta(seconds=60))


#: Mails with files that are on their way at once: each request has a copy of them.
_HEAVY = 3


class Request(NamedTuple):
    """What is posted of one mail."""

    body: bytes
    headers: Headers


class MailOverHttp(Provider[Email]):
    """One account; each mail is one request to one address."""

    def __init__(
        self,
        account: Account,
        url: str,
        *,
        largest: int,
        patience: Patience,
        tls: ssl.SSLContext | None,
        signer: Signer | None = None,
        rewritten: frozenset[bytes] = frozenset(),
    ) -> None:
        """*largest* is in octets, of the mail as a letter; *tls* is how the provider's servers are verified: by the
        system's authorities unless given. *signer* and *rewritten* are for who hands the letter over, as `Letters`
        takes them."""
        self.name = account.label
        self._to = parse_url(url)
        self._letters = Letters(from_domains=account.from_domains, max_size=largest, signer=signer, rewritten=rewritten)
        connections = int(account["connections"])
        self._http = Client(connections=connections, patience=patience, tls=tls)
        #: A list of large mails does not lie in memory whole.
        self._turns = asyncio.Semaphore(connections)
        self._heavy = asyncio.Semaphore(min(connections, _HEAVY))

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._http.close()

    @abstractmethod
    def _request(self, mail: Email, letter: Letter) -> Request:
        """What is posted of *mail*, which *letter* is: checked, and of addresses in ASCII."""

    @abstractmethod
    def _outcome(self, reply: Reply) -> Outcome:
        """What the provider's answer means."""

    async def _send(self, mail: Email) -> Outcome:
        async with self._turns if mail.enclosed is None else self._heavy:
            letter = self._letters.compose(mail, eight_bit=False)
            if not isinstance(letter, Letter):
                return letter
            if letter.smtputf8:
                return Reject("the provider takes no address that is not ASCII", code="smtputf8_unsupported")
            request = self._request(mail, await self._letters.sealed(letter))
            answer = await self._http.post(self._to, request.body, request.headers)
        return self._outcome(answer) if isinstance(answer, Reply) else answer


def mailbox(name: str | None, address: str) -> str:
    """As JSON APIs have it: a name in quotes, whatever stands in it."""
    if not name:
        return address
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'
