"""Webhooks of recipients over HTTP: their secrets are made here, and told once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from clarion import ids
from clarion.api import faults
from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.webhooks import (
    DisableBody,
    RotateBody,
    TriedReply,
    WebhookFields,
    WebhookReply,
    WebhooksReply,
)
from clarion.api.services import Services
from clarion.domain.outcome import Sent
from clarion.domain.scope import Scope
from clarion.errors import BadId, Fault, Invalid, NotFound
from clarion.flows.webhooks import Fields, give_no_time
from clarion.store import webhooks
from clarion.store.webhooks import Row, Which

_ALL, _ONE = "/v1/recipients/{id}/webhooks", "/v1/recipients/{id}/webhooks/{webhook}"


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All of them: they are few."""
    async with services.connection() as connection:
        found = await webhooks.list_(connection, call.tenant_id, call.path["id"])
    if found is None:
        raise _nobody(call)
    return Answer(content={"items": [_shown(row) for row in found]})


async def get(services: Services, call: Call[None]) -> Answer:
    """The webhook."""
    async with services.connection() as connection:
        return _answer(call, await webhooks.get(connection, _which(call)))


async def create(services: Services, call: Call[WebhookFields]) -> Answer:
    """Register it; its secret is told this once."""
    which = Which(call.tenant_id, call.path["id"], ids.new())
    async with services.transaction() as connection:
        done = await _at_url(services.webhooks.add(connection, which, _fields(call)))
    if done is None:
        raise _nobody(call)
    row, secret = done
    return Answer(content=_shown(row) | {"secret": secret}, status=201)


async def change(services: Services, call: Call[WebhookFields]) -> Answer:
    """Let it be elsewhere, or want something else."""
    async with services.transaction() as connection:
        return _answer(call, await _at_url(services.webhooks.change(connection, _which(call), _fields(call))))


async def rotate(services: Services, call: Call[RotateBody]) -> Answer:
    """Give it a new secret, told this once."""
    given = call.input.overlap_s
    overlap = services.overlap if given is None else timedelta(seconds=given)
    async with services.transaction() as connection:
        done = await services.webhooks.rotate(connection, _which(call), overlap)
    if done is None:
        raise _unknown(call)
    row, secret = done
    return Answer(content=_shown(row) | {"secret": secret})


async def enable(services: Services, call: Call[None]) -> Answer:
    """Post to it again."""
    async with services.transaction() as connection:
        await give_no_time(connection, _which(call))
        return _answer(call, await webhooks.enable(connection, _which(call)))


async def disable(services: Services, call: Call[DisableBody]) -> Answer:
    """Post nothing more to it."""
    async with services.transaction() as connection:
        await give_no_time(connection, _which(call))
        return _answer(call, await webhooks.disable(connection, _which(call), call.input.reason))


async def try_out(services: Services, call: Call[None]) -> Answer:
    """Post a test to it now, disabled or not, and say what came of it."""
    async with services.connection() as connection:
        row = await webhooks.get(connection, _which(call))
    if row is None:
        raise _unknown(call)
    tried = await services.webhooks.try_out(row)  # takes a while: no connection is held meanwhile
    reason = None if isinstance(tried.outcome, Sent) else tried.outcome.reason
    took = round(tried.took.total_seconds() * 1000)
    return Answer(content={"ok": reason is None, "reason": reason, "took_ms": took})


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget it."""
    async with services.transaction() as connection:
        if not await webhooks.delete(connection, _which(call)):
            raise _unknown(call)
        await give_no_time(connection, _which(call))
    return Answer()


async def _at_url(done: Any) -> Any:
    """What *done* comes to; what is wrong with the URL is told at its place."""
    try:
        return await done
    except Invalid as error:
        if error.code != "url_not_allowed":
            raise
        raise faults.invalid([Fault("/url", error.message, "url_not_allowed")]) from None


def _fields(call: Call[WebhookFields]) -> Fields:
    given = call.input
    workflows = None if given.workflows is None else tuple(dict.fromkeys(given.workflows))
    return Fields(url=given.url, description=given.description, workflows=workflows)


def _which(call: Call[Any]) -> Which:
    try:
        id = ids.parse(ids.Prefix.WEBHOOK, call.path["webhook"])
    except BadId:
        raise _unknown(call) from None
    return Which(call.tenant_id, call.path["id"], id)


def _answer(call: Call[Any], row: Row | None) -> Answer:
    if row is None:
        raise _unknown(call)
    return Answer(content=_shown(row))


def _shown(row: Row) -> dict[str, object]:
    names = ("url", "description", "workflows", "created_at", "failing_since", "last_error", "paused_until")
    return {
        "id": ids.show(ids.Prefix.WEBHOOK, row["id"]),
        "secret": row["secret_end"],
        "old_secret_until": row["old_until"],
        **{name: row[name] for name in (*names, "disabled_at", "disabled_reason")},
    }


def _nobody(call: Call[Any]) -> NotFound:
    return NotFound(f"there is no recipient {call.path['id']}")


def _unknown(call: Call[Any]) -> NotFound:
    return NotFound(f"{call.path['id']} has no webhook {call.path['webhook']}")


def _on_one(id: str, method: str, end: str, summary: str, run: Any, **more: Any) -> Operation[Any]:
    usual = {"scope": Scope.RECIPIENTS_WRITE, "answers": {200: WebhookReply}}
    return Operation(id=id, method=method, path=_ONE + end, summary=summary, run=run, **{**usual, **more})


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listWebhooks",
        method="GET",
        path=_ALL,
        summary="List a recipient's webhooks",
        scope=Scope.RECIPIENTS_READ,
        run=list_all,
        answers={200: WebhooksReply},
    ),
    Operation(
        id="createWebhook",
        method="POST",
        path=_ALL,
        summary="Register a webhook of a recipient's, and be told its secret",
        scope=Scope.RECIPIENTS_WRITE,
        run=create,
        input=WebhookFields,
        answers={201: WebhookReply},
    ),
    _on_one("getWebhook", "GET", "", "Show a recipient's webhook", get, scope=Scope.RECIPIENTS_READ),
    _on_one("changeWebhook", "PUT", "", "Change a webhook's URL and what it wants", change, input=WebhookFields),
    _on_one("deleteWebhook", "DELETE", "", "Forget a recipient's webhook", delete, answers={204: None}),
    _on_one("rotateWebhook", "POST", "/rotate", "Give a webhook a new secret", rotate, input=RotateBody),
    _on_one("enableWebhook", "POST", "/enable", "Post to a webhook again", enable),
    _on_one("disableWebhook", "POST", "/disable", "Post nothing more to a webhook", disable, input=DisableBody),
    _on_one(
        *("testWebhook", "POST", "/test", "Post a test to a webhook now", try_out),
        answers={200: TriedReply},
        once=Once.CLAIMED,
    ),
)
