"""From a message to what is posted to a webhook: where that is, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from clarion import ids
from clarion.channels.base import Webhook
from clarion.domain.recipient import Recipient
from clarion.domain.webhook_body import written
from clarion.errors import BadId, Invalid
from clarion.flows.compose import Compose, NotNow, OutOfReach, Rows
from clarion.flows.contexts import Context
from clarion.flows.webhooks import Webhooks
from clarion.http.url_guard import parse_url
from clarion.store import webhooks
from clarion.store.database import Connection
from clarion.store.webhooks import Which


async def reach_webhooks(connection: Connection, rows: Rows) -> Rows:
    """*rows* with the webhook that each names, as it is now: where, its secrets, how it goes there; or no `url`."""
    named = {id: which for id, row in rows.items() if (which := _which(row)) is not None}
    found = await webhooks.of_messages(connection, named)
    gone = {"url": None, "failing": False, "pause": None}
    return {id: {**row, **found.get(id, gone), "which": named.get(id)} for id, row in rows.items()}


def compose_webhook(keeper: Webhooks) -> Compose[Webhook]:
    """What is posted for a message; *keeper* reads the secrets."""

    def compose(row: Mapping[str, Any], context: Context) -> Webhook:
        if row["url"] is None:
            raise OutOfReach("its webhook is gone, or disabled")
        if row["pause"] is not None and row["pause"] > timedelta(0):
            raise NotNow("the webhook asked to be left alone for a while", after=row["pause"])
        secrets = keeper.secrets(row["which"], row["secret"], row["old_secret"])
        if not secrets:
            raise Invalid("its secret was sealed under a secret that is not there any more", code="secret_unreadable")
        return Webhook(
            place=row["which"],
            id=ids.show(ids.Prefix.MESSAGE, row["id"]),
            to=parse_url(row["url"]),
            secrets=secrets,
            body=written(context.body(row, _recipient(row).variables())),
            sandbox=context.sandbox,
        )

    return compose


def _recipient(row: Mapping[str, Any]) -> Recipient:
    names: Sequence[str] = ("name", "locale", "timezone", "email", "phone", "data")
    return Recipient(id=row["recipient_id"], **{name: row[name] for name in names})


def _which(row: Mapping[str, Any]) -> Which | None:
    try:
        return Which(row["tenant_id"], row["recipient_id"], ids.parse(ids.Prefix.WEBHOOK, row["address"] or ""))
    except BadId:
        return None
