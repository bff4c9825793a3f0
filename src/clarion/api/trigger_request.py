"""From the body of a trigger to what the flow takes: names sorted out, times judged, people named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from clarion.api import faults
from clarion.api.operation import Call
from clarion.api.schema.triggers import InlineRecipient, TopicRecipients, TriggerBody
from clarion.api.services import Services
from clarion.domain.attachment import Reference
from clarion.domain.audience import Audience
from clarion.domain.moment import faults_of_times
from clarion.domain.workflow import Priority
from clarion.flows import attaching, trigger

_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


async def read(services: Services, call: Call[TriggerBody], now: datetime) -> tuple[trigger.Request, int]:
    """The flow's request, and how many recipients were named more than once.

    Raises `Invalid` for times out of range, for one id that is given to two different people, and for files that may
    not be sent or fetched.
    """
    body = call.input
    named = _sort_out(body)
    wrong = faults_of_times(body.send_at, body.expires_at, now) + named.faults
    files: Sequence[Reference] = ()
    if body.attachments:
        given = [Reference(**one.model_dump()) for one in body.attachments]
        files, in_files = attaching.checked(given, services.attachments, services.attachment_guard)
        wrong += in_files
    if wrong:
        raise faults.invalid(wrong)
    request = trigger.Request(
        workflow=call.path["key"],
        recipient_ids=named.ids,
        inline=list(named.people.values()),
        topics=named.topics,
        payload=body.payload,
        metadata=body.metadata,
        channels=body.channels,
        transaction_id=body.transaction_id,
        priority=Priority[body.priority.upper()] if body.priority else None,
        send_at=body.send_at if body.send_at is not None and body.send_at > now else None,
        expires_at=body.expires_at,
        traceparent=_traceparent(call),
        idempotency_key=call.idempotency_key,
        hash=await _hash(call) if call.idempotency_key is not None else None,
        attachments=files,
        sandbox=body.sandbox,
    )
    return request, named.duplicates


def _sort_out(body: TriggerBody) -> Audience:
    """The recipients of a body, each once."""
    audience = Audience()
    for index, one in enumerate(body.recipients):
        at = f"/recipients/{index}"
        match one:
            case str():
                audience.add_id(one, at)
            case TopicRecipients():
                audience.add_topic(one.topic, f"{at}/topic")
            case InlineRecipient():
                fields = {"name": one.name, "locale": one.locale, "timezone": one.timezone, "data": one.data}
                audience.add_person(at, id=one.id, email=one.email, phone=one.phone, **fields)
    audience.end()
    return audience


def _traceparent(call: Call[Any]) -> str | None:
    given = call.header("traceparent")
    return given if given and _TRACEPARENT.fullmatch(given) else None


async def _hash(call: Call[Any]) -> bytes:
    """The same for bodies that say the same, whatever the order of their keys and their spaces."""
    said = orjson.dumps(orjson.loads(await call.request.body()), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(call.path["key"].encode() + b"\0" + said).digest()
