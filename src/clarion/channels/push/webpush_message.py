"""A push message as a browser is given it, and the headers by which its push service carries it: pure functions.

Sources, as of November 2026: RFC 8030 (TTL, Urgency, Topic), https://www.w3.org/TR/push-api/#declarative-push-message,
https://webkit.org/blog/16535/meet-declarative-web-push/. Such a message some browsers show by themselves; in all others
the page's service worker is given the same JSON and shows `notification`.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Push
from clarion.channels.push.encryption import MOST_BYTES
from clarion.domain.content import PushContent
from clarion.domain.workflow import Priority

#: Says that a message is a declarative one: the number of the RFC.
_DECLARATIVE = 8030
#: What a push service takes as a topic (RFC 8030 §5.4).
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LONGEST_TOPIC = 32
URGENCY = {
    Priority.CRITICAL: "high",
    Priority.HIGH: "high",
    Priority.NORMAL: "normal",
    Priority.LOW: "low",
}


def payload_of(content: PushContent, message_id: UUID) -> bytes:
    """What the browser is given, before it is encrypted."""
    id = ids.show(ids.Prefix.MESSAGE, message_id)
    notification: dict[str, object] = {"title": content.title, "body": content.body, "tag": id}
    if content.image:
        notification["image"] = content.image
    if content.url:
        notification["navigate"] = content.url
    notification["data"] = {**({"url": content.url} if content.url else {}), **content.data, "clarion_id": id}
    said = {"web_push": _DECLARATIVE} if (content.url or "").startswith("https://") else {}  # it must lead somewhere
    return orjson.dumps({**said, "notification": notification})


def too_large(payload: bytes) -> str | None:
    """Why *payload* is more than a browser is given; None where it is not."""
    if len(payload) <= MOST_BYTES:
        return None
    return f"a message of {len(payload):,} bytes, where browsers are given {MOST_BYTES:,}"


def headers_of(item: Push) -> dict[str, str]:
    """How the push service keeps it and hurries, and what it takes the place of while the browser is away."""
    return {
        "ttl": str(int(item.ttl.total_seconds())),
        "urgency": URGENCY[item.priority],
        "topic": _topic(item),
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }


def _topic(item: Push) -> str:
    """The collapse key, or what stands for one that cannot be a topic; else its own, so that it replaces itself."""
    key = item.content.collapse_key
    if key is None:
        return urlsafe_b64encode(item.message_id.bytes).rstrip(b"=").decode()
    if _TOPIC.fullmatch(key):
        return key
    return urlsafe_b64encode(sha256(key.encode()).digest()).decode()[:_LONGEST_TOPIC]
