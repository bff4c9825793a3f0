"""Chat messages through Slack: by a bot (chat.postMessage), or by the address of an incoming webhook.

Written from https://docs.slack.dev/reference/methods/chat.postMessage,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/block-kit/blocks as of November 2026, and slack-sdk 3.48. Tried against
a fake of ours, against which Slack's own library passes; never against the live service.

Slack has no idempotency key for applications: ``client_msg_id`` is for its own clients, say its maintainers
(https://github.com/slackapi/java-slack-sdk/issues/852). A request that may have arrived and was not answered is
`Uncertain`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import orjson

from clarion.channels.account import Account
from clarion.channels.base import Chat
from clarion.channels.chat.over_http import JSON, PATIENCE, ChatOverHttp, Request, guard_for, hook_at
from clarion.channels.chat.slack_account import api_of, is_webhook
from clarion.channels.chat.slack_answer import of_bot, of_hook
from clarion.channels.chat.slack_message import body_of, too_large
from clarion.domain.outcome import Outcome, Reject
from clarion.http.client import Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url


class Slack(ChatOverHttp):
    """One app in one workspace, or none, where there are webhooks alone."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        own = account.get("channel") or account.get("url")
        super().__init__(account, own_room=own, patience=patience, tls=tls, guard=guard_for(account))
        self._fake = account.get("base_url")
        self._to = parse_url(f"{api_of(account)}/api/chat.postMessage")
        #: Made anew for each request: so the token stands in no attribute, which somebody might print.
        self._login: Callable[[], str | None] = lambda: account.get("token")

    def _request(self, item: Chat, room: str) -> Request | Outcome:
        body = body_of(item.content)
        if why := too_large(body):
            return Reject(why, code="too_large")
        if is_webhook(room):
            return Request(hook_at(room, self._fake), orjson.dumps(body))
        token = self._login()
        if token is None:
            return Reject(f"{self.name} has no token, and writes to webhooks alone", code="destination_refused")
        headers = {**JSON, "authorization": f"Bearer {token}"}
        return Request(self._to, orjson.dumps({"channel": room, **body}), headers)

    def _outcome(self, reply: Reply, room: str, *, own: bool) -> Outcome:
        return of_hook(reply, room, own=own) if is_webhook(room) else of_bot(reply, self._login() or "")
