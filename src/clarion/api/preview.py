"""Previews over HTTP: what a workflow would say, and nobody hears it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation
from clarion.api.problem import Refusal
from clarion.api.schema.preview import WorkflowPreviewBody, WorkflowPreviewReply
from clarion.api.services import Services
from clarion.domain.audience import Audience
from clarion.domain.content import EmailContent
from clarion.domain.duration import show_duration
from clarion.domain.recipient import Recipient
from clarion.domain.scope import Scope

if TYPE_CHECKING:
    from clarion.flows.preview_words import Shown


async def show(services: Services, call: Call[WorkflowPreviewBody]) -> Answer:
    """Each step of the current version, rendered."""
    from clarion.flows.preview import Asked, preview  # it renders, which no other operation does
    from clarion.flows.preview_reach import Ways

    body = call.input
    known = body.recipient if isinstance(body.recipient, str) else body.recipient.id
    knows_people = call.may(Scope.RECIPIENTS_READ)
    if known is not None and not knows_people:  # the words say who it is and where they are reached
        text = f"This API key lacks the scope {Scope.RECIPIENTS_READ.value}: describe somebody, without an id"
        raise Refusal(403, "forbidden", text)
    asked = Asked(
        workflow=call.path["key"],
        recipient=_recipient(body),
        must_exist=isinstance(body.recipient, str),
        payload=body.payload,
        metadata=body.metadata,
        channels=body.channels,
        knows_people=knows_people,
        knows_suppressions=call.may(Scope.SUPPRESSIONS_READ),
        knows_limits=call.may(Scope.QUEUES_READ),
    )
    async with services.connection() as connection:
        found = await preview(
            connection,
            call.tenant_id,
            asked,
            published=services.published,
            public_url=services.public_url,
            critical=services.critical,
            ways=Ways(
                kinds=services.kinds,
                accounts=services.accounts,
                carriers=services.carriers,
                caps=services.caps,
                verified=services.verified,
            ),
        )
    steps = [_step(one) for one in found.steps]
    return Answer(content={"workflow": asked.workflow, "version": found.version, "steps": steps})


def _recipient(body: WorkflowPreviewBody) -> Recipient:
    one = body.recipient
    if isinstance(one, str):
        return Recipient(id=one)
    audience = Audience()
    fields = {"name": one.name, "locale": one.locale, "timezone": one.timezone, "data": one.data}
    audience.add_person("/recipient", id=one.id, email=one.email, phone=one.phone, **fields)
    return next(iter(audience.people.values()))


def _step(one: Shown) -> dict[str, Any]:
    from clarion.domain.preview import size_of, warnings_of

    content = one.content
    outcome = "waits" if one.channel is None else "skipped" if one.skipped else "failed" if one.failed else "sent"
    return {
        "step": one.step,
        "channel": one.channel and one.channel.value,
        "outcome": outcome,
        "reason": one.skipped or one.failed or one.waits,
        "failed": one.failed,
        "to": list(one.to),
        "content": _content(content),
        "size": None if content is None else size_of(content),
        "warnings": [*(() if content is None else warnings_of(content)), *one.warnings],
    }


def _content(content: Any) -> dict[str, Any] | None:
    if content is None:
        return None
    if isinstance(content, Mapping):
        return dict(content)
    fields = content._asdict() if isinstance(content, EmailContent) else asdict(content)
    return {name: show_duration(value) if isinstance(value, timedelta) else value for name, value in fields.items()}


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="previewWorkflow",
        method="POST",
        path="/v1/workflows/{key}/preview",
        summary="Show what a workflow would say to one recipient; nothing is stored, and nothing leaves",
        scope=Scope.TRIGGERS_WRITE,
        run=show,
        input=WorkflowPreviewBody,
        answers={200: WorkflowPreviewReply},
        once=Once.NEVER,
    ),
)
