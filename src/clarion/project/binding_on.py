"""The ``on`` of a binding file: a queue, a stream, or one of Clarion's own events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import yaml

from clarion.domain.binding import SOURCES
from clarion.domain.own_event import OWN_EVENTS, OwnEvent
from clarion.domain.source import BullSource, NatsSource, RabbitSource, Source
from clarion.domain.suggest import did_you_mean, one_of
from clarion.domain.workflow import Channel
from clarion.project.table import Notes, Table, kind

RABBITMQ_KEYS = (
    *("queue", "broker", "exchange", "exchange_type", "routing_keys", "declare", "queue_type"),
    *("dead_letter_exchange", "delivery_limit", "prefetch"),
)
NATS_KEYS = ("stream", "subjects", "durable", "broker", "declare", "deliver", "max_ack_pending", "ack_wait")
BULLMQ_KEYS = ("queue", "jobs", "broker", "prefix", "concurrency", "complete_on")

_EXCHANGES = {name: name for name in ("direct", "topic", "fanout", "headers")}
_QUEUES = {name: name for name in ("quorum", "classic")}
_DELIVER = {name: name for name in ("all", "new")}
_COMPLETE = {name: name for name in ("sent", "accepted")}
_CHANNELS = {channel.value: channel.value for channel in Channel}
_LONGEST_NAME = 255


def read_on(node: yaml.Node, notes: Notes) -> Source | OwnEvent | None:
    """What *node* listens to; None, with notes, when that cannot be told."""
    known = [*SOURCES, *OWN_EVENTS]
    if isinstance(node, yaml.ScalarNode) and node.value in OWN_EVENTS:
        return OwnEvent(type=node.value)
    if isinstance(node, yaml.ScalarNode) and node.value in SOURCES:
        notes.add(node, f"`{node.value}` needs to know what it listens to", f"for example {_EXAMPLES[node.value]}")
        return None
    if isinstance(node, yaml.ScalarNode):
        notes.add(node, f"`{node.value[:60]}` is nothing that can be listened to", did_you_mean(node.value, known))
        return None
    if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
        notes.add(node, f"`on` must name one thing, not {kind(node)}", f"it is {one_of(known)}")
        return None
    table = Table(node, notes, known)
    for name in known:
        if table.has(name):
            value = table.at(name)
            assert value is not None
            return _named(name, value, notes)
    return None


def _named(name: str, node: yaml.Node, notes: Notes) -> Source | OwnEvent | None:
    if name in OWN_EVENTS:
        table = Table.of(node, notes, OWN_EVENTS[name], f"`{name}`")
        if table is None:
            return None
        channel = table.choice("channel", _CHANNELS)
        return OwnEvent(type=name, workflow=table.text("workflow"), channel=channel, queue=table.text("queue"))
    keys = {"rabbitmq": RABBITMQ_KEYS, "nats": NATS_KEYS, "bullmq": BULLMQ_KEYS}[name]
    table = Table.of(node, notes, keys, f"`{name}`")
    if table is None:
        return None
    before = len(notes.mistakes)
    source = {"rabbitmq": _rabbitmq, "nats": _nats, "bullmq": _bullmq}[name](table, notes)
    return source if len(notes.mistakes) == before else None


def _rabbitmq(table: Table, notes: Notes) -> Source | None:
    queue, exchange = _needed(table, "queue", "rabbitmq"), table.checked("exchange", _name)
    kind_of, routing_keys = table.choice("exchange_type", _EXCHANGES), table.texts("routing_keys")
    if routing_keys and exchange is None:
        notes.add(table.at("routing_keys"), "`routing_keys` without an `exchange`", "say which, or leave them out")
    if exchange is not None and not routing_keys and kind_of not in ("fanout", "headers"):
        notes.add(table.at("exchange"), "nothing would come: there are no `routing_keys`", 'for example ["#"]')
    if queue is None:
        return None
    given = {
        "broker": table.text("broker"),
        "exchange": exchange,
        "exchange_type": kind_of,
        "routing_keys": routing_keys,
        "declare": table.flag("declare"),
        "queue_type": table.choice("queue_type", _QUEUES),
        "dead_letter_exchange": table.checked("dead_letter_exchange", _exchange_or_none),
        "delivery_limit": _whole(table.number("delivery_limit", 1, 1_000_000, whole=True)),
        "prefetch": _whole(table.number("prefetch", 1, 65_535, whole=True)),
    }
    return RabbitSource(queue=queue, **_given(given))


def _nats(table: Table, notes: Notes) -> Source | None:
    stream, durable = _needed(table, "stream", "nats", _plain_name), _needed(table, "durable", "nats", _plain_name)
    subjects = table.texts("subjects")
    if not subjects and not table.has("subjects"):
        notes.add(table.node, "`nats` needs `subjects`", f"for example {_EXAMPLES['nats']}")
    if stream is None or durable is None or not subjects:
        return None
    ack_wait = table.duration("ack_wait", timedelta(seconds=1), timedelta(hours=1))
    given = {
        "broker": table.text("broker"),
        "declare": table.flag("declare"),
        "deliver": table.choice("deliver", _DELIVER),
        "max_ack_pending": _whole(table.number("max_ack_pending", 1, 100_000, whole=True)),
        "ack_wait": ack_wait.total_seconds() if ack_wait else None,
    }
    return NatsSource(stream=stream, durable=durable, subjects=subjects, **_given(given))


def _bullmq(table: Table, notes: Notes) -> Source | None:
    queue = _needed(table, "queue", "bullmq", _no_colon)
    given = {
        "jobs": table.texts("jobs"),
        "broker": table.text("broker"),
        "prefix": table.text("prefix"),
        "concurrency": _whole(table.number("concurrency", 1, 10_000, whole=True)),
        "complete_on": table.choice("complete_on", _COMPLETE),
    }
    return None if queue is None else BullSource(queue=queue, **_given(given))


_EXAMPLES = {
    "rabbitmq": "rabbitmq: {queue: bookings}",
    "nats": "nats: {stream: orders, subjects: [order.created], durable: clarion}",
    "bullmq": "bullmq: {queue: mailer-queue}",
}


def _needed(table: Table, key: str, what: str, check: Callable[[str], str] | None = None) -> str | None:
    if not table.has(key):
        table.notes.add(table.node, f"`{what}` needs a `{key}`", f"for example {_EXAMPLES[what]}")
    return table.checked(key, check or _name)


def _exchange_or_none(text: str) -> str:
    return "" if text == "none" else _name(text)


def _name(text: str) -> str:
    if len(text.encode()) <= _LONGEST_NAME and text.isprintable():
        return text
    raise ValueError(f"at most {_LONGEST_NAME} bytes, all printable")


def _plain_name(text: str) -> str:
    if text.isprintable() and not set(text) & set(" .*>/\\"):
        return _name(text)
    raise ValueError("no blanks, dots, slashes or wildcards in the name of a stream or a consumer")


def _no_colon(text: str) -> str:
    if ":" not in text:
        return _name(text)
    raise ValueError("BullMQ's queues have no colon in their names")


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was said: the rest has its default."""
    return {name: value for name, value in values.items() if value is not None}
