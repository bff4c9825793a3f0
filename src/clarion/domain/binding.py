"""What is done when something happens: a source or an own event, perhaps a condition, and actions.

Actions are kept as they were written and compiled when they are used: see `clarion.domain.binding_compiled`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from clarion.domain.own_event import OwnEvent
from clarion.domain.source import BullSource, NatsSource, RabbitSource, Source

#: Kinds of broker, as ``on`` names them.
SOURCES: Mapping[str, type[RabbitSource | NatsSource | BullSource]] = {
    "rabbitmq": RabbitSource,
    "nats": NatsSource,
    "bullmq": BullSource,
}
_KINDS = {source: kind for kind, source in SOURCES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One binding as published, known by its key."""

    key: str
    on: Source | OwnEvent
    #: A CEL condition; None means always.
    when: str | None = None
    #: As written: maps with one key, the kind of the action, e.g. ``{"trigger": {…}}``.
    do: Sequence[Mapping[str, Any]]

    @property
    def source(self) -> Source | None:
        """What it listens to at a broker; None when it hears an own event."""
        return None if isinstance(self.on, OwnEvent) else self.on

    def to_json(self) -> dict[str, Any]:
        """The definition as stored; `from_json` reads it back."""
        if isinstance(self.on, OwnEvent):
            on = {self.on.type: _given(self.on, leave_out=("type",))}
        else:
            on = {_KINDS[type(self.on)]: _given(self.on)}
        when = {} if self.when is None else {"when": self.when}
        return {"key": self.key, "on": on, **when, "do": list(self.do)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Binding:
        """The binding that `to_json` wrote."""
        ((name, said),) = data["on"].items()
        given: dict[str, Any] = {
            field: tuple(value) if isinstance(value, list) else value for field, value in said.items()
        }
        on = SOURCES[name](**given) if name in SOURCES else OwnEvent(type=name, **given)
        return cls(key=data["key"], on=on, when=data.get("when"), do=data["do"])

    @property
    def content_hash(self) -> str:
        """The same for the same content, whatever the machine."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _given(of: Source | OwnEvent, leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """What *of* says: all of it, so that a default that changes does not change what was published."""
    values = {field.name: getattr(of, field.name) for field in fields(of) if field.name not in leave_out}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value is not None
    }
