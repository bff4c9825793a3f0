"""Trying an account at a provider over HTTP: one message, now, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clarion.api import faults
from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation
from clarion.api.providers import find
from clarion.api.schema.trying import TriedAccountReply, TryAccount
from clarion.api.services import Services
from clarion.channels.account import Account
from clarion.domain.content import Content
from clarion.domain.outcome import Sent
from clarion.domain.recipient import Recipient
from clarion.domain.scope import Scope
from clarion.domain.workflow import Workflow
from clarion.errors import Fault, Invalid, Unavailable
from clarion.store import workflows


async def try_out(services: Services, call: Call[TryAccount]) -> Answer:
    """Send it, and say what the provider said."""
    from clarion.flows.trying import place_of, try_account, words_for

    account, asked = find(services, call), call.input
    if services.open_account is None:
        raise Unavailable("this API has no accounts that it could open")
    try:
        to = place_of(account, asked.to)
    except Invalid as error:
        raise faults.invalid([Fault("/to", error.message, error.code)]) from None
    sender, content = services.sender, words_for(account)
    if asked.workflow is not None:
        sender, content = await _words(services, call, account, asked.workflow)
    tried = await try_account(services.open_account, account, to, content, sender=sender)
    reason = None if isinstance(tried.outcome, Sent) else tried.outcome.reason
    took = round(tried.took.total_seconds() * 1000)
    called = tried.outcome.provider_id if isinstance(tried.outcome, Sent) else None
    return Answer(content={"ok": reason is None, "reason": reason, "provider_message_id": called, "took_ms": took})


async def _words(services: Services, call: Call[TryAccount], account: Account, workflow: str) -> tuple[str, Content]:
    """The words of *workflow* on the account's channel, and who a mail of it is from."""
    from clarion.flows.preview import Asked, preview

    said, channel = call.input, account.kind.channel
    person = Recipient(**said.recipient.model_dump())
    asked = Asked(
        workflow=workflow,
        recipient=person,
        must_exist=False,
        payload=said.payload,
        metadata={},
        channels=[channel],
    )
    async with services.connection() as connection:
        found = await preview(
            connection,
            call.tenant_id,
            asked,
            published=services.published,
            public_url=services.public_url,
            critical=services.critical,
        )
        definition = await workflows.current(connection, call.tenant_id, workflow)
    steps = [one for one in found.steps if one.channel == channel]
    content = next((one.content for one in steps if one.content is not None), None)
    if content is None or isinstance(content, Mapping):
        why = next((one.failed for one in steps if one.failed), f"it has no step on {channel}")
        raise faults.invalid([Fault("/workflow", f"its words cannot be made: {why}", "render_failed")])
    own = Workflow.from_json(definition["definition"]).sender if definition else None
    return own or services.sender, content


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="testProvider",
        method="POST",
        path="/v1/providers/{name}/test",
        summary="Send one message through an account now",
        scope=Scope.SYSTEM_WRITE,
        run=try_out,
        input=TryAccount,
        answers={200: TriedAccountReply},
        once=Once.CLAIMED,
    ),
)
