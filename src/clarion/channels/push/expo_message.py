"""A push message as Expo takes it: pure functions.

Source, as of November 2026: https://docs.expo.dev/push-notifications/sending-notifications/.
"""

from __future__ import annotations

from clarion import ids
from clarion.channels.base import Push
from clarion.domain.workflow import Priority

_PRIORITY = {
    Priority.CRITICAL: "high",
    Priority.HIGH: "high",
    Priority.NORMAL: "default",
    Priority.LOW: "normal",
}


def message_of(item: Push) -> dict[str, object]:
    """One of the messages of a request."""
    content, id = item.content, ids.show(ids.Prefix.MESSAGE, item.message_id)
    message: dict[str, object] = {
        "to": item.to,
        "title": content.title,
        "body": content.body,
        "data": {**({"url": content.url} if content.url else {}), **content.data, "clarion_id": id},
        "ttl": int(item.ttl.total_seconds()),
        "priority": _PRIORITY[item.priority],
    }
    if content.image:
        message |= {"richContent": {"image": content.image}, "mutableContent": True}
    return message
