"""A push message as APNs takes it: pure functions.

Sources, as of November 2026:
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns,
https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification.

A device makes a sound, or trembles, only where a message says so: all do that are not of a low priority.

What a device is given twice (see `on_uncertain`) is shown once: unless there is a collapse key, the message's id is
what APNs collapses by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Push
from clarion.domain.content import PushContent
from clarion.domain.workflow import Priority

#: Of the payload, in octets; and of what is collapsed by.
MOST_BYTES = 4_096
_AT_ONCE, _SPARING = "10", "5"
#: The device's own.
SOUND = "default"


def payload_of(content: PushContent, message_id: UUID, priority: Priority = Priority.NORMAL) -> bytes:
    """What the device is given."""
    id = ids.show(ids.Prefix.MESSAGE, message_id)
    aps = {"alert": {"title": content.title, "body": content.body}, **manner_of(content, priority)}
    said: dict[str, object] = {"url": content.url} if content.url else {}
    if content.image:
        said["image"] = content.image
    return orjson.dumps({**said, **content.data, "clarion_id": id, "aps": aps})


def manner_of(content: PushContent, priority: Priority) -> dict[str, object]:
    """How the device shows it: with a sound, and what comes with a picture after the application's extension has
    fetched that."""
    return {
        **({} if priority is Priority.LOW else {"sound": SOUND}),
        **({"mutable-content": 1} if content.image else {}),
    }


def too_large(payload: bytes) -> str | None:
    """Why *payload* is more than APNs takes; None where it is not."""
    if len(payload) <= MOST_BYTES:
        return None
    return f"a payload of {len(payload):,} bytes, where APNs takes {MOST_BYTES:,}"


def headers_of(item: Push, topic: str, now: datetime) -> Mapping[str, str]:
    """How it is carried to the application *topic*, where it is handed over at *now*."""
    id = ids.show(ids.Prefix.MESSAGE, item.message_id)
    return {
        "apns-topic": topic,
        "apns-push-type": "alert",
        "apns-id": str(item.message_id),
        "apns-expiration": str(int((now + item.ttl).timestamp())),
        "apns-priority": priority_of(item),
        "apns-collapse-id": collapse_id(item.content.collapse_key or id),
        "content-type": "application/json",
    }


def priority_of(item: Push) -> str:
    """Whether the device is woken for it."""
    return _SPARING if item.priority is Priority.LOW else _AT_ONCE


def collapse_id(key: str) -> str:
    """*key*, or what stands for one that no header takes: as long as the longest that one may be."""
    return key if key.isascii() else sha256(key.encode()).hexdigest()
