"""What is done when something happens: by a binding, a timer or a schedule. Already evaluated: plain values only.

As JSON each is a map with one key, its kind: ``{"trigger": {…}}``, ``{"publish": {…}}``, ``{"timer.set": {…}}``,
``{"timer.cancel": {…}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clarion.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Trigger a workflow, as a call of the API would."""

    workflow: str
    #: As in the body of a trigger: an id, ``{"topic": key}``, or a map that describes a person.
    recipients: Sequence[Any]
    payload: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    channels: Sequence[str] | None = None
    transaction_id: str | None = None
    #: ``critical``, ``high``, ``normal`` or ``low``; None is the workflow's own.
    priority: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    #: As in the body of a trigger: maps of what names each file that goes with its mails.
    attachments: Sequence[Any] = ()
    #: Whether all of it happens, and nothing leaves; it is so in any case where its cause is in a sandbox.
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Hand a message to a broker or an endpoint."""

    #: ``rabbitmq``, ``nats``, ``bullmq`` or ``webhook``.
    kind: str
    #: The name of the broker, or of the webhook's endpoint, in the settings; None is the only one of its kind.
    broker: str | None = None
    #: rabbitmq ``exchange``, ``routing_key``; nats ``subject``; bullmq ``queue``, ``job`` (its name); webhook ``type``
    #: (of the event).
    target: Mapping[str, str] = field(default_factory=dict)
    #: Sent as JSON.
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What receivers tell repeats by; None: made from what caused it, the same every time.
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Set the timer *key*, or give it another time and other actions."""

    key: str
    #: Aware UTC; one in the past fires at once.
    at: datetime
    actions: Sequence[Action]
    #: The tenant's own words, shown and searched, e.g. an order's id.
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTimer:
    """Take the timer *key* back; nothing when there is none."""

    key: str


#: What each kind of sink must be told of where to, and what it may be told.
TARGETS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "rabbitmq": (("routing_key",), ("exchange",)),
    "nats": (("subject",), ()),
    "bullmq": (("queue", "job"), ()),
    "webhook": (("type",), ()),
}

Action = Trigger | Publish | SetTimer | CancelTimer

_KINDS: Mapping[str, type[Trigger | Publish | SetTimer | CancelTimer]] = {
    "trigger": Trigger,
    "publish": Publish,
    "timer.set": SetTimer,
    "timer.cancel": CancelTimer,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_LONGEST_TOLD = 140
_TIMES = frozenset({"at", "send_at", "expires_at"})


def told(action: Action) -> str | None:
    """What *action* came to, in a few words; None for a trigger, which has an id to be known by."""
    match action:
        case Publish(kind=kind, target=target):
            return f"publish {kind} {' '.join(target.values())}"[:_LONGEST_TOLD].rstrip()
        case SetTimer(key=key):
            return f"timer.set {key}"
        case CancelTimer(key=key):
            return f"timer.cancel {key}"
    return None


def to_json(action: Action) -> dict[str, Any]:
    """*action* as it is stored; what is None or empty is left out."""
    fields: dict[str, Any] = {}
    for name in action.__dataclass_fields__:
        value = getattr(action, name)
        if name == "actions":
            value = [to_json(one) for one in value]
        elif isinstance(value, datetime):
            value = value.isoformat()
        if value not in (None, {}, ()) and not (name == "sandbox" and value is False):
            fields[name] = value
    return {_NAMES[type(action)]: fields}


def from_json(stored: Mapping[str, Any]) -> Action:
    """The action that *stored* is; raises `Invalid` for one of no known kind."""
    kind = next(iter(stored), "")
    if len(stored) != 1 or kind not in _KINDS:
        raise Invalid(f"{kind!r} is not an action: there are {', '.join(_KINDS)}")
    fields = dict(stored[kind])
    for name in _TIMES & fields.keys():
        fields[name] = datetime.fromisoformat(fields[name])
    if "actions" in fields:
        fields["actions"] = [from_json(one) for one in fields["actions"]]
    return _KINDS[kind](**fields)
