"""Chat messages through Microsoft Teams: each room is a workflow of Power Automate, by its address.

Written from https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
(workflows and Adaptive Cards; connectors are retired) and
https://learn.microsoft.com/en-us/azure/connectors/connectors-native-reqres (how a request trigger answers) as of
November 2026. Tried against a fake of ours alone, as there is no library that is kept up for this; never against the
live service.

A workflow that has taken a request says 202 before it has done anything: that it is `sent` means that, and that the
workflow failed then shows in Power Automate alone. It knows no idempotency key.
"""

from __future__ import annotations

import ssl
from dataclasses import replace

from clarion.channels.account import Account
from clarion.channels.base import Chat
from clarion.channels.chat.over_http import PATIENCE, ChatOverHttp, Request, guard_for, hook_at
from clarion.channels.chat.teams_answer import outcome_of
from clarion.channels.chat.teams_message import body_of, too_large
from clarion.domain.outcome import Outcome, Reject, Retry, Uncertain
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply

#: Hosts that have a client of their own; what is named beyond them shares one.
_MOST_HOSTS = 100


class Teams(ChatOverHttp):
    """Workflows; the account itself may have one of its own."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        guard = guard_for(account)
        super().__init__(account, own_room=account.get("url"), patience=patience, tls=tls, guard=guard)
        self._fake = account.get("base_url")
        self._given = {"guard": guard, "connections": int(account["connections"]), "patience": patience, "tls": tls}
        #: Who names a host that is not there holds up nobody who is reached by another.
        self._clients: dict[str, Client] = {}

    async def close(self) -> None:
        for client in (self._http, *self._clients.values()):
            await client.close()

    async def _ask(self, item: Chat, room: str) -> Outcome:
        made = self._request(item, room)
        if not isinstance(made, Request):
            return made
        answer = await self._client(made.to.host).post(made.to, made.body, made.headers)
        outcome = self._outcome(answer, room, own=not item.to) if isinstance(answer, Reply) else answer
        return _of_the_room(outcome) if item.to else outcome

    def _request(self, item: Chat, room: str) -> Request | Outcome:
        body = body_of(item.content)
        if why := too_large(body):
            return Reject(why, code="too_large")
        return Request(hook_at(room, self._fake), body)

    def _outcome(self, reply: Reply, room: str, *, own: bool) -> Outcome:
        return outcome_of(reply, room, own=own)

    def _client(self, host: str) -> Client:
        if host not in self._clients and len(self._clients) < _MOST_HOSTS:
            self._clients[host] = Client(**self._given)  # type: ignore[arg-type]
        return self._clients.get(host, self._http)


def _of_the_room(outcome: Outcome) -> Outcome:
    """What a server that others have named does says nothing of the account, and makes nobody else wait."""
    if isinstance(outcome, Retry):
        unspent = outcome.unspent or (outcome.pause_provider and outcome.after is not None)
        return replace(outcome, pause_provider=False, blameless=True, unspent=unspent)
    return replace(outcome, blameless=True) if isinstance(outcome, Uncertain) else outcome
