"""Chats over a provider's HTTP API: what the accounts of all such providers have in common.

Who is written to is a room: where the chat says that it is, or, where it says nothing, the account's own. What is wrong
with a chat's room is that chat's end; what is wrong with the account's own is an operator's mistake, and burns no
message.
"""

from __future__ import annotations

import asyncio
import ssl
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from clarion.channels.account import Account
from clarion.channels.base import Chat, Provider
from clarion.channels.chat.busy import Busy
from clarion.domain.device import shorten
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Uncertain
from clarion.http.client import Client, Patience
from clarion.http.outcome import BUSY, LOCKED_OUT, locked_out
from clarion.http.reply import Reply
from clarion.http.url_guard import Destination, UrlGuard, parse_url

PATIENCE: Final = Patience(total=timedelta(seconds=30))
JSON: Final[Mapping[str, str]] = {"content-type": "application/json; charset=utf-8", "accept": "application/json"}


#: Shorter parts of an address are no secret, and might be parts of words.
_LEAST_HIDDEN = 12


class Request(NamedTuple):
    """What is posted for one message."""

    to: Destination
    body: bytes
    headers: Mapping[str, str] = JSON


class ChatOverHttp(Provider[Chat]):
    """One account: a request for each message, several on their way at once."""

    def __init__(
        self,
        account: Account,
        *,
        own_room: str | None,
        patience: Patience = PATIENCE,
        tls: ssl.SSLContext | None = None,
        guard: UrlGuard | None = None,
    ) -> None:
        """*own_room* is where messages go whose chat names no room; *tls* is how servers are verified: by the system's
        authorities unless given; *guard* says where requests may go that others have named."""
        self.name = account.label
        #: As a function: the address of a webhook is a secret, and stands in no attribute that somebody might print.
        self._own_room: Callable[[], str | None] = lambda: own_room
        self._busy = Busy()
        self._http = Client(connections=int(account["connections"]), patience=patience, tls=tls, guard=guard)

    async def send(self, items: Sequence[Chat]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        await self._http.close()

    @abstractmethod
    def _request(self, item: Chat, room: str) -> Request | Outcome:
        """What is posted to *room*; or the outcome, where nothing can be."""

    @abstractmethod
    def _outcome(self, reply: Reply, room: str, *, own: bool) -> Outcome:
        """What the answer means; *own*: the room is the account's own."""

    async def _send(self, item: Chat) -> Outcome:
        room = item.to or self._own_room()
        if room is None:
            why = f"{self.name} has no room of its own, and the chat names none"
            return Retry(why, after=LOCKED_OUT, blameless=True, unspent=True)
        wait = self._busy.wait(room)
        if wait is not None:
            return not_yet(wait)
        outcome = await self._ask(item, room)
        if isinstance(outcome, Retry) and outcome.unspent and outcome.after is not None:
            self._busy.note(room, outcome.after)
        if isinstance(outcome, Reject) and outcome.feedback is Feedback.DEAD_TOKEN and not item.to:
            return locked_out(outcome.reason)
        return outcome

    async def _ask(self, item: Chat, room: str) -> Outcome:
        made = self._request(item, room)
        if not isinstance(made, Request):
            return made
        answer = await self._http.post(made.to, made.body, made.headers)
        return self._outcome(answer, room, own=not item.to) if isinstance(answer, Reply) else answer


def gone(said: str) -> Reject:
    """The room is not there, or takes nothing from us any more."""
    return Reject(said, code="invalid_recipient", feedback=Feedback.DEAD_TOKEN)


def not_yet(wait: timedelta) -> Retry:
    """The room said that it takes nothing for so long: it is not even asked."""
    return Retry("the room is busy: it is not asked yet", after=wait, blameless=True, unspent=True)


def room_busy(said: str, after: timedelta | None) -> Retry:
    """Only this room is busy: no other waits for it, and no attempt is spent."""
    return Retry(said, after=after or BUSY, blameless=True, unspent=True)


def of_webhook(reply: Reply, said: str, *, own: bool) -> Outcome:
    """What the status alone means of a webhook's address, which stands for one room; *own*: the account's.

    404, 410 and, as who has the address may write, 401 and 403 mean that there is none any more.
    """
    if own:
        return reply.refusal(said, idempotent=False)
    if reply.status == 429:
        return room_busy(said, reply.retry_after)
    if reply.status in (401, 403, 404, 410):
        return gone(said)
    if reply.status == 405 or 300 <= reply.status < 400:
        return Retry(said)
    return reply.refusal(said, idempotent=False)


def without(said: str, secret: str) -> str:
    """*said* with the end of *secret* alone in it; of a webhook's address, also of its path and of its parts."""
    hidden = [secret]
    if secret.startswith("https:"):
        there = parse_url(secret)
        hidden += [f"{there.path}?{there.query}", there.path, there.path.rpartition("/")[2], *there.query.split("&")]
    for one in hidden:
        if len(one) >= _LEAST_HIDDEN:
            said = said.replace(one, shorten(one))
    return said


def taken_as_nothing(said: str) -> Uncertain:
    """It says that it was taken, and not as what."""
    return Uncertain(f"{said}; it has no id of a message")


def guard_for(account: Account) -> UrlGuard | None:
    """What keeps requests in the internet where others than the operator name addresses; a fake is on this machine."""
    return None if account.get("base_url") else UrlGuard()


def hook_at(url: str, fake: str | None) -> Destination:
    """The webhook at *url*, a checked one; at the *fake*, where there is one."""
    there = parse_url(url)
    if fake is None:
        return there
    return parse_url(f"{fake}{there.path}" + (f"?{there.query}" if there.query else ""))
