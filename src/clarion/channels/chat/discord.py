"""Chat messages through Discord: by a bot, or by the address of a webhook.

Written from https://docs.discord.com/developers/resources/message#create-message,
https://docs.discord.com/developers/resources/webhook#execute-webhook and
https://docs.discord.com/developers/topics/rate-limits as of November 2026, and discord.py 2.7. Tried against a fake of
ours, against which discord.py passes; never against the live service.

Discord counts refusals, and shuts out for a while who has too many: a room that has said that it takes no more for now
is not asked before it does, and of many messages for one room few are on their way at once.

What a bot sends has the message's id as a nonce that Discord enforces: within some minutes it does not make the message
a second time. A request that was not answered is `Uncertain` all the same, for nobody says that the next one comes so
soon. Webhooks know no nonce.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from weakref import WeakValueDictionary

import orjson

from clarion import __version__
from clarion.channels.account import Account
from clarion.channels.base import Chat
from clarion.channels.chat.discord_account import VERSION, api_of, is_webhook
from clarion.channels.chat.discord_answer import outcome_of, used_up
from clarion.channels.chat.discord_message import body_of, too_large
from clarion.channels.chat.over_http import JSON, PATIENCE, ChatOverHttp, Request, guard_for, hook_at, not_yet
from clarion.domain.outcome import Outcome, Reject, Sent
from clarion.http.client import Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: Discord asks bots for a name of this form.
_AGENT = {"user-agent": f"DiscordBot (clarion, {__version__})"}
#: To one room: about as many as Discord takes of it in some seconds.
_AT_ONCE = 5


class Discord(ChatOverHttp):
    """One bot, or none, where there are webhooks alone."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        own = account.get("channel") or account.get("url")
        super().__init__(account, own_room=own, patience=patience, tls=tls, guard=guard_for(account))
        self._fake = account.get("base_url")
        self._api = f"{api_of(account)}/api/{VERSION}"
        #: Made anew for each request: so the token stands in no attribute, which somebody might print.
        self._login: Callable[[], str | None] = lambda: account.get("token")
        #: By room, as long as somebody waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def _ask(self, item: Chat, room: str) -> Outcome:
        turns = self._turns.setdefault(room, asyncio.Semaphore(_AT_ONCE))
        async with turns:
            wait = self._busy.wait(room)  # the one before may have used it up
            return not_yet(wait) if wait is not None else await super()._ask(item, room)

    def _request(self, item: Chat, room: str) -> Request | Outcome:
        body = body_of(item.content)
        if why := too_large(body):
            return Reject(why, code="too_large")
        if is_webhook(room):
            # Without being asked to, Discord passes over the buttons of a webhook that no application owns.
            asked = "wait=true&with_components=true" if "components" in body else "wait=true"
            there = hook_at(f"{room}{'&' if '?' in room else '?'}{asked}", self._fake)
            return Request(there, orjson.dumps(body), {**JSON, **_AGENT})
        token = self._login()
        if token is None:
            return Reject(f"{self.name} has no token, and writes to webhooks alone", code="destination_refused")
        # A nonce has at most 25 characters.
        nonce = base64.urlsafe_b64encode(item.message_id.bytes).decode().rstrip("=")
        headers = {**JSON, **_AGENT, "authorization": f"Bot {token}"}
        there = parse_url(f"{self._api}/channels/{room}/messages")
        return Request(there, orjson.dumps({**body, "nonce": nonce, "enforce_nonce": True}), headers)

    def _outcome(self, reply: Reply, room: str, *, own: bool) -> Outcome:
        hook = is_webhook(room)
        outcome = outcome_of(reply, room if hook else self._login() or "", webhook=hook, own=own)
        if isinstance(outcome, Sent) and (wait := used_up(reply)):
            self._busy.note(room, wait)
        return outcome
