"""What a binding listens to at a broker: settled when the project is published, opened by workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitSource:
    """A queue of RabbitMQ."""

    queue: str
    #: The name of the broker in the settings; None is the only one.
    broker: str | None = None
    #: Bound to it with `routing_keys`; None: what is published straight to the queue, through the default exchange.
    exchange: str | None = None
    #: ``direct``, ``topic``, ``fanout`` or ``headers``.
    exchange_type: str = "topic"
    routing_keys: Sequence[str] = ()
    #: Make what is not there (a durable quorum queue with a dead-letter exchange); False: only check that it is.
    declare: bool = True
    #: ``quorum`` or ``classic``, for a queue that is made here.
    queue_type: str = "quorum"
    #: Where refused messages go; made here too where `declare` is. None: ``<queue>.dead`` by a fanout of that name;
    #: "": nowhere, they are only in quarantine here.
    dead_letter_exchange: str | None = None
    #: After so many deliveries RabbitMQ refuses a message by itself; for a quorum queue that is made here.
    delivery_limit: int = 1_000
    #: At most so many are handed over and not acknowledged.
    prefetch: int = 1_000

    @property
    def name(self) -> str:
        return f"rabbitmq:{self.broker or 'rabbitmq'}/{self.queue}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSource:
    """A durable pull consumer of a JetStream stream."""

    stream: str
    #: What the consumer takes of the stream; what the stream has when it is made here.
    subjects: Sequence[str]
    #: The durable's name; the same for all workers.
    durable: str
    broker: str | None = None
    #: Make stream and consumer where they are not there; False: only check that they are.
    declare: bool = True
    #: For a consumer that is made here: ``all`` that the stream holds, or what is ``new`` from then on.
    deliver: str = "all"
    max_ack_pending: int = 2_000
    #: Seconds after which an unacknowledged message is delivered again; kept up by in-progress acks while at work.
    ack_wait: float = 30.0

    @property
    def name(self) -> str:
        return f"nats:{self.broker or 'nats'}/{self.stream}/{self.durable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BullSource:
    """A queue of BullMQ: this is a worker of it."""

    queue: str
    #: Names of jobs that are taken; another name fails with a reason. Empty: all are.
    jobs: Sequence[str] = ()
    broker: str | None = None
    #: BullMQ's prefix of its keys.
    prefix: str = "bull"
    #: Jobs that are active at once, per worker process.
    concurrency: int = 100
    #: ``sent``: active until its messages have ended; ``accepted``: completed at the commit.
    complete_on: str = "sent"

    @property
    def name(self) -> str:
        return f"bullmq:{self.broker or 'redis'}/{self.prefix}/{self.queue}"


Source = RabbitSource | NatsSource | BullSource


def differences(one: Source, other: Source) -> list[str]:
    """What two bindings say differently of the source that both name, by key.

    The order of a list does not count; and the jobs of BullMQ may differ, for those of both are taken.
    """
    if type(one) is not type(other):
        return ["kind"]
    names = (field.name for field in fields(one) if field.name != "jobs")
    return [name for name in names if _said(getattr(one, name)) != _said(getattr(other, name))]


def merged(sources: Sequence[Source]) -> Source:
    """One source for several bindings between which there are no `differences`: it takes the jobs of all."""
    first = sources[0]
    if isinstance(first, BullSource):
        jobs = [one.jobs for one in sources if isinstance(one, BullSource)]
        return replace(first, jobs=sorted({name for names in jobs for name in names}) if all(jobs) else ())
    return first


def _said(value: object) -> object:
    return frozenset(value) if isinstance(value, list | tuple) else value
