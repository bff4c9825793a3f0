"""A push message as Expo takes it: pure functions.

Source, as of November 2026: https://docs.expo.dev/push-notifications/sending-notifications/; `collapseId` and `tag`
are there since March.

What a device is given twice (see `on_uncertain`) is shown once on Android, where the message's id is its tag. It is no
`collapseId` as well, which would do that on Apple's devices: that is FCM's collapse key, too, of which a device that is
away may have four, and of what has others all but four are lost.
"""

from __future__ import annotations

from clarion import ids
from clarion.channels.base import Push
from clarion.channels.push.apns_message import SOUND, collapse_id
from clarion.domain.workflow import Priority

_PRIORITY = {
    Priority.CRITICAL: "high",
    Priority.HIGH: "high",
    Priority.NORMAL: "default",
    Priority.LOW: "normal",
}


def message_of(item: Push, channel_id: str | None = None) -> dict[str, object]:
    """One of the messages of a request; *channel_id* is where Android shows it."""
    content, id = item.content, ids.show(ids.Prefix.MESSAGE, item.message_id)
    message: dict[str, object] = {
        "to": item.to,
        "title": content.title,
        "body": content.body,
        "data": {**({"url": content.url} if content.url else {}), **content.data, "clarion_id": id},
        "ttl": int(item.ttl.total_seconds()),
        "priority": _PRIORITY[item.priority],
        "tag": id,
    }
    if item.priority is not Priority.LOW:  # else Apple's devices make none
        message["sound"] = SOUND
    if content.collapse_key:
        message["collapseId"] = collapse_id(content.collapse_key)
    if channel_id:
        message["channelId"] = channel_id
    if content.image:
        message |= {"richContent": {"image": content.image}, "mutableContent": True}
    return message
