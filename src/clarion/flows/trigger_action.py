"""From the `trigger` of a binding, a timer or a schedule to what a request over HTTP becomes, by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clarion.domain.action import Trigger
from clarion.domain.attachment_json import read_files
from clarion.domain.audience_json import read_audience, read_own
from clarion.domain.identifier import check_reference
from clarion.domain.moment import faults_of_times
from clarion.domain.storable import pack
from clarion.domain.suggest import one_of
from clarion.domain.workflow import Channel, Priority
from clarion.errors import Fault, Invalid
from clarion.flows.attaching import Allowed, checked
from clarion.flows.trigger import Request

_PRIORITIES = {priority.label: priority for priority in Priority}
_CHANNELS = frozenset(channel.value for channel in Channel)


def read(action: Trigger, now: datetime, allowed: Allowed) -> Request:
    """The request that *action* makes at *now*, with files that are *allowed*.

    Raises `Invalid` with every fault, at the pointers and with the codes of the body of a trigger.
    """
    audience = read_audience(action.recipients)
    faults = [*audience.faults, *faults_of_times(action.send_at, action.expires_at, now), *_of_words(action)]
    if action.metadata != {}:
        read_own(action.metadata, "/metadata", faults)
    files = read_files(action.attachments, faults)
    if files:
        files, wrong = checked(files, allowed.rules, allowed.guard)
        faults += wrong
    payload: Any = {}
    if isinstance(action.payload, Mapping):
        try:
            payload = pack(action.payload)
        except Invalid as error:
            faults.append(Fault("/payload", error.message, error.code))
    else:
        faults.append(Fault("/payload", "must be an object", "type"))
    if faults:
        raise _invalid(faults)
    return Request(
        workflow=action.workflow,
        recipient_ids=audience.ids,
        inline=list(audience.people.values()),
        topics=audience.topics,
        payload=payload,
        metadata=action.metadata,
        channels=action.channels,
        transaction_id=action.transaction_id,
        priority=_PRIORITIES[action.priority] if action.priority else None,
        send_at=action.send_at if action.send_at is not None and action.send_at > now else None,
        expires_at=action.expires_at,
        attachments=files,
        sandbox=action.sandbox,
    )


def _of_words(action: Trigger) -> list[Fault]:
    faults = []
    if action.transaction_id is not None:
        try:
            check_reference(action.transaction_id)
        except Invalid as error:
            faults.append(Fault("/transaction_id", error.message, error.code))
    if action.priority is not None and action.priority not in _PRIORITIES:
        faults.append(Fault("/priority", f"must be {one_of(_PRIORITIES)}", "not_allowed"))
    if action.channels is not None and not action.channels:
        faults.append(Fault("/channels", "name at least one channel", "too_few"))
    for index, channel in enumerate(action.channels or ()):
        if channel not in _CHANNELS:
            faults.append(Fault(f"/channels/{index}", f"must be {one_of(sorted(_CHANNELS))}", "not_allowed"))
    return faults


def _invalid(faults: list[Fault]) -> Invalid:
    """The error that tells *faults*, all of them also in its text: nobody answers a request with it."""
    codes = {fault.code for fault in faults}
    said = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:5])
    more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
    return Invalid(f"{said}{more}", code=codes.pop() if len(codes) == 1 else "invalid", faults=faults)
