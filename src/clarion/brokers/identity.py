"""Which message this is: the id that its publisher gave it, whatever the broker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

#: Where CloudEvents in binary mode have their id and source: over AMQP (both spellings in use) and over NATS.
_BINARY = (
    ("cloudEvents:source", "cloudEvents:id"),
    ("cloudEvents_source", "cloudEvents_id"),
    ("ce-source", "ce-id"),
)
_STRUCTURED = "application/cloudevents+json"
#: Longer ones are known by their hash.
_MOST = 200


def publishers_id(given: str | None, *, headers: Mapping[str, str], content_type: str, body: bytes) -> str | None:
    """The id of the event by its source (CloudEvents 1.0), or else what the broker carries as the message's id.

    An event that is published again has the id of the first time, and its publisher says so by source and id, even
    where a client library stamps a new message id on every publication: so they come first. None: it has neither.
    """
    source, event = _cloud_event(headers, content_type, body)
    if source and event:
        return plain(f"{source} {event}")
    return plain(given) if given else None


def plain(id: str) -> str:
    """*id* as it can be stored and shown: itself, or its hash where it is very long or holds control characters."""
    if len(id) <= _MOST and id.isprintable():
        return id
    return f"sha256:{hashlib.sha256(id.encode(errors='surrogatepass')).hexdigest()}"


def _cloud_event(headers: Mapping[str, str], content_type: str, body: bytes) -> tuple[str | None, str | None]:
    if content_type.partition(";")[0].strip().lower() == _STRUCTURED:
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return None, None
        if isinstance(event, dict):
            source, id = event.get("source"), event.get("id")
            return (source if isinstance(source, str) else None), (id if isinstance(id, str) else None)
        return None, None
    for source_name, id_name in _BINARY:
        if id_name in headers:
            return headers.get(source_name), headers[id_name]
    return None, None
