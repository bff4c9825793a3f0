"""From the bytes of a message to an event: plain JSON, or CloudEvents 1.0 in structured or in binary mode.

A CloudEvent is told by its content type (``application/cloudevents+json``), by ``specversion`` in a JSON object, or by
headers that begin with ``ce-`` or ``cloudEvents:``. What cannot be read is no accident to be raised but an answer: the
reason why (BAD-INPUT 8 to 15 hold for messages as for bodies of requests).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from clarion.domain import json_body
from clarion.domain.event import Event
from clarion.errors import Invalid

#: Bytes of a body; a larger one is not parsed.
LARGEST: Final = 1024 * 1024

_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
#: What headers of binary mode begin with: over HTTP and NATS, over AMQP, and over JMS.
_PREFIXES: Final = ("ce-", "cloudevents:", "cloudevents_")
_ATTRIBUTES: Final = ("id", "type", "source", "subject", "time", "specversion", "datacontenttype", "dataschema")
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is no event, and why."""

    reason: str


def storable(text: str) -> str:
    """*text* with what PostgreSQL cannot keep (NUL, halves of characters) made visible as U+FFFD."""
    return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def read_event(*, id: str, body: bytes, subject: str, headers: Mapping[str, str], source: str) -> Event | Unreadable:
    """The event that a delivery of *source* is. Without a type of its own it has its *subject* as type."""
    if len(body) > LARGEST:
        return Unreadable(f"too_large: it has {len(body):,} bytes; at most {LARGEST:,} are read")
    headers = {storable(name): storable(str(value)) for name, value in headers.items()}
    given = Event(id=storable(id), type=storable(subject), source=source, subject=storable(subject), headers=headers)
    try:
        return _read(given, body)
    except Invalid as error:
        return Unreadable(f"{error.code}: {error.message}")


def _read(given: Event, body: bytes) -> Event:
    kind = _header(given.headers, "content-type").partition(";")[0].strip().lower()
    if kind == _BATCH:
        raise Invalid("it is a batch of CloudEvents: send them one by one", code="unsupported_media_type")
    attributes = _attributes(given.headers)
    if kind != _STRUCTURED and "specversion" in attributes:
        return _cloud_event(given, attributes, _binary_data(body, attributes.get("datacontenttype") or kind))
    value = json_body.decode(body)
    if kind == _STRUCTURED or _looks_structured(value):
        return _structured(given, value)
    return Event(
        id=given.id, type=given.type, source=given.source, subject=given.subject, data=value, headers=given.headers
    )


def _looks_structured(value: object) -> bool:
    return isinstance(value, dict) and {"specversion", "id", "type", "source"} <= value.keys()


def _structured(given: Event, value: object) -> Event:
    if not isinstance(value, dict):
        raise Invalid("a CloudEvent is a JSON object", code="type")
    attributes = {name: said for name, said in value.items() if name not in ("data", "data_base64")}
    for name, said in attributes.items():
        if said is not None and not isinstance(said, str | int | bool):
            raise Invalid(f"the CloudEvent's attribute {name!r} is no text", code="type")
    data = value.get("data")
    if "data_base64" in value:
        data = _binary_data(_unpacked(value["data_base64"]), str(attributes.get("datacontenttype") or ""))
    texts = {name: _text(said) for name, said in attributes.items() if said is not None}
    return _cloud_event(given, texts, data)


def _cloud_event(given: Event, attributes: Mapping[str, str], data: object) -> Event:
    if not attributes.get("specversion", "").startswith("1."):
        raise Invalid(f"CloudEvents {attributes.get('specversion', '')[:20]!r} is not 1.0", code="unsupported_version")
    if missing := [name for name in ("id", "source", "type") if not attributes.get(name)]:
        raise Invalid(f"the CloudEvent has no {', no '.join(missing)}", code="missing")
    known = {name.lower() for name in given.headers}
    more = {f"ce-{name}": said for name, said in attributes.items() if name not in _ATTRIBUTES}
    return Event(
        id=attributes["id"],
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes.get("subject", given.subject),
        time=_time(attributes["time"]) if "time" in attributes else None,
        data=data,
        headers={**{name: said for name, said in more.items() if name not in known}, **given.headers},
    )


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a CloudEvent that stand in *headers*."""
    found = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower.startswith(_PREFIXES):
            prefix = next(prefix for prefix in _PREFIXES if lower.startswith(prefix))
            found[lower.removeprefix(prefix)] = _unescaped(value) if prefix == "ce-" else value
    return found


def _binary_data(body: bytes, kind: str) -> object:
    """What the data of *kind* say: JSON unless it is said to be text."""
    kind = kind.partition(";")[0].strip().lower()
    if not body:
        return None
    if kind.startswith("text/"):
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Invalid(f"it is not UTF-8 at byte {error.start}", code="invalid_unicode") from None
        if "\0" in text:
            raise Invalid("it holds the character U+0000, which cannot be stored", code="nul")
        return text
    if kind and kind not in ("application/json", "application/octet-stream") and not kind.endswith("+json"):
        raise Invalid(f"its data are {kind[:80]}: JSON or text can be read", code="unsupported_media_type")
    return json_body.decode(body)


def _unpacked(value: object) -> bytes:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise Invalid("its data_base64 is not base64", code="invalid_base64")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid(f"the CloudEvent's time {text[:40]!r} is not RFC 3339 with a time zone", code="invalid_time")


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for given, value in headers.items() if given.lower().replace("_", "-") == name), "")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return storable(str(value))


def _unescaped(value: str) -> str:
    """Percent-encoding of values in headers undone; what is not UTF-8 then stays as it is."""

    def bytes_of(match: re.Match[str]) -> str:
        try:
            return storable(bytes.fromhex(match[0].replace("%", "")).decode("utf-8"))
        except UnicodeDecodeError:
            return match[0]

    return _PERCENT.sub(bytes_of, value)
