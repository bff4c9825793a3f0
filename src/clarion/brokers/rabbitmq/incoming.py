"""What RabbitMQ delivers, in our words."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiormq.abc import DeliveredMessage

from clarion.brokers.identity import publishers_id
from clarion.clock import monotonic

#: Properties that are shown as headers, by the names that HTTP has for them or would have.
_PROPERTIES = {
    "content_type": "content-type",
    "content_encoding": "content-encoding",
    "correlation_id": "correlation-id",
    "reply_to": "reply-to",
    "message_id": "message-id",
    "message_type": "type",
    "app_id": "app-id",
    "timestamp": "timestamp",
}
#: Headers in which the broker counts deliveries: the same message has others the next time.
_COUNTING = frozenset({"x-delivery-count", "x-acquired-count"})
#: So many ids that we made up are remembered at most, of what was delivered and of what may come again.
_MOST = 10_000
#: How long what was delivered before may come again and be known.
_KNOWN_S = 3_600.0


def headers_of(message: DeliveredMessage) -> dict[str, str]:
    """Its headers and properties as text; tables and lists as JSON."""
    properties = message.header.properties
    headers = {name: _text(value) for name, value in (properties.headers or {}).items()}
    for attribute, name in _PROPERTIES.items():
        value = getattr(properties, attribute)
        if value:
            headers[name] = _text(value)
    return headers


class Expected:
    """The made-up ids of messages of one queue that may come again, by their content. Shared by all its consumers."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._by_content: dict[bytes, deque[str]] = {}

    def add(self, id: str, content: bytes) -> None:
        self._ids[id] = (content, monotonic() + _KNOWN_S)
        self._by_content.setdefault(content, deque()).append(id)
        while len(self._ids) > _MOST:
            self._forget(next(iter(self._ids)))

    def take(self, content: bytes) -> str | None:
        """The id of one that had this *content*; it is not expected any more."""
        while ids := self._by_content.get(content):
            id = ids[0]
            _, until = self._ids[id]
            self._forget(id)
            if monotonic() < until:
                return id
        return None

    def _forget(self, id: str) -> None:
        content, _ = self._ids.pop(id)
        ids = self._by_content[content]
        ids.remove(id)
        if not ids:
            del self._by_content[content]


class Ids:
    """Gives the messages that one consumer gets their ids.

    RabbitMQ numbers nothing. A message with an id of its publisher's has that. Any other gets one that we make up when
    it is delivered for the first time, which the broker tells. One that comes again after its connection was lost, or
    after it was given back, is matched by its content with those that were delivered then, and gets the id that it had.
    Equal messages may change places; neither is lost. What cannot be matched is taken as new: it was delivered to
    another process, or to one that died.
    """

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._delivered: OrderedDict[str, bytes] = OrderedDict()

    def of(self, message: DeliveredMessage, headers: Mapping[str, str], body: bytes) -> str:
        given = publishers_id(
            headers.get("message-id"), headers=headers, content_type=headers.get("content-type", ""), body=body
        )
        if given is not None:
            return given
        content = _digest(message, headers, body)
        id = (self._expected.take(content) if message.redelivered else None) or f"unnamed:{uuid4().hex}"
        self._delivered[id] = content
        if len(self._delivered) > _MOST:
            self._delivered.popitem(last=False)
        return id

    def come_again(self, id: str) -> None:
        """It was given back to the broker."""
        if (content := self._delivered.pop(id, None)) is not None:
            self._expected.add(id, content)

    def disconnected(self) -> None:
        """Nobody knows which acknowledgements arrived: all that was delivered lately may come again."""
        while self._delivered:
            self._expected.add(*self._delivered.popitem(last=False))


def _digest(message: DeliveredMessage, headers: Mapping[str, str], body: bytes) -> bytes:
    constant = sorted((name, value) for name, value in headers.items() if name not in _COUNTING)
    around = json.dumps([message.exchange, message.routing_key, constant])
    return hashlib.sha256(around.encode() + b"\0" + body).digest()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, default=_text)
