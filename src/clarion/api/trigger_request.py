"""From the body of a trigger to what the flow takes: names sorted out, times judged, people named."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any, Final

import orjson

from clarion.api import faults
from clarion.api.operation import Call
from clarion.api.schema.moment import faults_of_times
from clarion.api.schema.triggers import InlineRecipient, TopicRecipients, TriggerBody
from clarion.domain import identifier
from clarion.domain.address import same_mailbox
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Priority
from clarion.errors import Fault
from clarion.flows import trigger

_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


async def read(call: Call[TriggerBody], now: datetime) -> tuple[trigger.Request, int]:
    """The flow's request, and how many recipients were named more than once.

    Raises `Invalid` for times out of range and for one id that is given to two different people.
    """
    body = call.input
    named = _Named(body)
    wrong = faults_of_times(body.send_at, body.expires_at, now) + named.faults
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
    )
    return request, named.duplicates


class _Named:
    """The recipients of a body, each once."""

    def __init__(self, body: TriggerBody) -> None:
        #: Ids that must be known, with the place of each.
        self.ids: dict[str, str] = {}
        self.topics: dict[str, str] = {}
        #: People described, by id.
        self.people: dict[str, Recipient] = {}
        self.duplicates = 0
        self.faults: list[Fault] = []
        for index, one in enumerate(body.recipients):
            at = f"/recipients/{index}"
            match one:
                case str():
                    self._once(self.ids, one, at)
                case TopicRecipients():
                    self._once(self.topics, one.topic, f"{at}/topic")
                case InlineRecipient():
                    self._describe(one, at)
        for id in self.people.keys() & self.ids.keys():  # who is described need not be known
            del self.ids[id]
            self.duplicates += 1

    def _once(self, names: dict[str, str], name: str, at: str) -> None:
        self.duplicates += name in names
        names.setdefault(name, at)

    def _describe(self, one: InlineRecipient, at: str) -> None:
        id = one.id or identifier.of_mailbox(same_mailbox(one.email or ""))
        person = Recipient(
            id=id, name=one.name, locale=one.locale, timezone=one.timezone, email=one.email, data=one.data
        )
        earlier = self.people.setdefault(id, person)
        if earlier is person:
            return
        # Two spellings of one address are one person; one id for two different people is a mistake.
        if one.id is not None and earlier != person:
            self.faults.append(Fault(f"{at}/id", f"{id} is described twice, and not alike", "duplicate_id"))
        self.duplicates += 1


def _traceparent(call: Call[Any]) -> str | None:
    given = call.header("traceparent")
    return given if given and _TRACEPARENT.fullmatch(given) else None


async def _hash(call: Call[Any]) -> bytes:
    """The same for bodies that say the same, whatever the order of their keys and their spaces."""
    said = orjson.dumps(orjson.loads(await call.request.body()), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(call.path["key"].encode() + b"\0" + said).digest()
