"""What an application triggers: the steps, and the policy by which their messages are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum

from clarion.domain import step
from clarion.domain.cap import Cap
from clarion.domain.engagement import Kind
from clarion.domain.rate import Rate
from clarion.domain.step import Channel, ChannelStep, DelayStep, Step

__all__ = ["Backoff", "Channel", "ChannelStep", "DelayStep", "OnUncertain", "Priority", "Step", "Workflow"]


class Priority(IntEnum):
    """The order between messages; a lower number goes first."""

    CRITICAL = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class OnUncertain(StrEnum):
    """What to do when nobody can know whether a message was taken (PROMISES P4)."""

    RETRY = "retry"  #: send again, labelled ``possible_duplicate``
    HOLD = "hold"  #: leave it as ``unknown``; an operator decides
    VERIFY = "verify"  #: ask the provider first; where it cannot be asked, as HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before attempt 2, 3, … of one message."""

    #: Waits in order; the last is repeated times `factor` for each further attempt.
    waits: tuple[timedelta, ...] = (timedelta(seconds=5),)
    #: What the last wait is multiplied by for each attempt after the list ends; 1 keeps it.
    factor: float = 5.0
    #: No wait is longer than this.
    longest: timedelta = timedelta(hours=1)
    #: The part of a wait that is random, 0…1: 0.2 means within 20 % below to 20 % above.
    jitter: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow as published: immutable, known by key and version."""

    key: str
    steps: tuple[Step, ...]
    category: str | None = None
    priority: Priority = Priority.NORMAL
    #: Tries in all, the first included.
    attempts: int = 8
    backoff: Backoff = Backoff()
    #: A message not sent this long after its trigger (or its ``send_at``, or the delay before it) expires.
    expires_after: timedelta = timedelta(days=3)
    #: None means the channel's own default: ``hold`` for SMS, ``retry`` for the others.
    on_uncertain: OnUncertain | None = None
    #: The sender, ``Name <address>`` or an address; None means the configured default.
    sender: str | None = None
    #: How fast its messages leave, on all channels together; None is as fast as can be.
    rate: Rate | None = None
    #: What its mails tell of, opens and clicks; None: as the settings say of its category.
    track: frozenset[Kind] | None = None
    #: How many of its messages one recipient gets in a while. A critical workflow keeps to none.
    caps: tuple[Cap, ...] = ()
    #: Whether its messages go to verified addresses alone.
    require_verified: bool = False

    @property
    def channel_steps(self) -> tuple[ChannelStep, ...]:
        """The steps that make messages."""
        return tuple(one for one in self.steps if isinstance(one, ChannelStep))

    def to_json(self) -> dict[str, object]:
        """The definition as stored; `from_json` reads it back."""
        return {
            "key": self.key,
            "category": self.category,
            "priority": self.priority.label,
            "attempts": self.attempts,
            "backoff": {
                "waits": [wait.total_seconds() for wait in self.backoff.waits],
                "factor": self.backoff.factor,
                "longest": self.backoff.longest.total_seconds(),
                "jitter": self.backoff.jitter,
            },
            "expires_after": self.expires_after.total_seconds(),
            "on_uncertain": self.on_uncertain.value if self.on_uncertain else None,
            "sender": self.sender,
            "steps": [step.to_json(one) for one in self.steps],
            # Only where there is one, so that what was published without stays the same.
            **({"rate": _rate_to_json(self.rate)} if self.rate else {}),
            **({} if self.track is None else {"track": sorted(self.track)}),
            **({"caps": [_cap_to_json(cap) for cap in self.caps]} if self.caps else {}),
            **({"require_verified": True} if self.require_verified else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Workflow:
        """The workflow that `to_json` wrote."""
        backoff = _mapping(data["backoff"])
        on_uncertain = data["on_uncertain"]
        return cls(
            key=str(data["key"]),
            category=_optional(data["category"]),
            priority=Priority[str(data["priority"]).upper()],
            attempts=_int(data["attempts"]),
            backoff=Backoff(
                waits=tuple(timedelta(seconds=_float(w)) for w in _sequence(backoff["waits"])),
                factor=_float(backoff["factor"]),
                longest=timedelta(seconds=_float(backoff["longest"])),
                jitter=_float(backoff["jitter"]),
            ),
            expires_after=timedelta(seconds=_float(data["expires_after"])),
            on_uncertain=OnUncertain(str(on_uncertain)) if on_uncertain else None,
            sender=_optional(data["sender"]),
            steps=tuple(step.from_json(_mapping(one)) for one in _sequence(data["steps"])),
            rate=_rate(data.get("rate")),
            track=None if data.get("track") is None else frozenset(map(Kind, _texts(data["track"]))),
            caps=tuple(_cap(_mapping(one)) for one in _sequence(data.get("caps", ()))),
            require_verified=data.get("require_verified") is True,
        )


def _texts(value: object) -> list[str]:
    return [str(one) for one in _sequence(value)]


def _cap(data: Mapping[str, object]) -> Cap:
    channel = data["channel"]
    return Cap(
        messages=_int(data["messages"]),
        per=timedelta(seconds=_float(data["per"])),
        channel=None if channel is None else Channel(str(channel)),
    )


def _cap_to_json(cap: Cap) -> dict[str, object]:
    channel = None if cap.channel is None else cap.channel.value
    return {"messages": cap.messages, "per": cap.per.total_seconds(), "channel": channel}


def _rate(data: object) -> Rate | None:
    if data is None:
        return None
    said = _mapping(data)
    return Rate(
        per_second=_float(said["per_second"]), burst=_int(said["burst"]), reserve=_float(said.get("reserve", 0.0))
    )


def _rate_to_json(rate: Rate) -> dict[str, object]:
    kept = {"reserve": rate.reserve} if rate.reserve else {}
    return {"per_second": rate.per_second, "burst": rate.burst, **kept}


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value


def _sequence(value: object) -> Sequence[object]:
    assert isinstance(value, Sequence)
    return value


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _float(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
