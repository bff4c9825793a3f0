"""A push message as FCM takes it: pure functions.

Written from https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and
https://firebase.google.com/docs/cloud-messaging/ios/send-image as of November 2026.

What a device is given twice (see `on_uncertain`) is shown once: the message's id is its tag on Android and in browsers,
and, unless there is a collapse key, what Apple's service collapses by. The application is told it as ``clarion_id``.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from clarion import ids
from clarion.channels.base import Push
from clarion.channels.push import webpush_message
from clarion.channels.push.apns_message import collapse_id, manner_of, priority_of
from clarion.domain.workflow import Priority

#: What a push service of browsers takes as a topic (RFC 8030 §5.4).
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
#: What an installation of Firebase's is called: newer libraries target that instead of a token, which has a colon.
_INSTALLATION = re.compile(r"[cdef][A-Za-z0-9_-]{21}")
#: For longer FCM keeps no message, and it refuses one that asks for it.
LONGEST = timedelta(weeks=4)
#: Of the data that the application is told: our id of the message, and what opens when it is touched.
ID, URL = "clarion_id", "url"


def message_of(item: Push, now: datetime, channel_id: str | None = None) -> dict[str, object]:
    """The ``message`` of a request to send *item* at *now*; *channel_id* is where Android shows it."""
    content, id = item.content, ids.show(ids.Prefix.MESSAGE, item.message_id)
    seconds = int(min(item.ttl, LONGEST).total_seconds())
    data = {**({URL: content.url} if content.url else {}), **content.data, ID: id}
    notification = {"title": content.title, "body": content.body}
    if content.image:
        notification["image"] = content.image
    collapse = {"collapse_key": content.collapse_key} if content.collapse_key else {}
    shown = {"tag": id, **({"channel_id": channel_id} if channel_id else {})}
    apns = {
        "apns-expiration": str(int(now.timestamp()) + seconds),
        "apns-collapse-id": collapse_id(content.collapse_key or id),
        "apns-priority": priority_of(item),
    }
    return {
        "fid" if _INSTALLATION.fullmatch(item.to) else "token": item.to,
        "notification": notification,
        "data": data,
        "android": {**collapse, "ttl": f"{seconds}s", "priority": _android(item.priority), "notification": shown},
        "apns": {"headers": apns, **_apple(item)},
        "webpush": _webpush(item, id, seconds),
    }


def _android(priority: Priority) -> str:
    """Whether the device is woken for it: what is shown is, unless somebody says that it may wait."""
    return "NORMAL" if priority is Priority.LOW else "HIGH"


def _apple(item: Push) -> dict[str, object]:
    """What Apple's devices are told beside the words, and the picture where an extension of Firebase's looks for it."""
    manner, image = manner_of(item.content, item.priority), item.content.image
    return {
        **({"payload": {"aps": manner}} if manner else {}),
        **({"fcm_options": {"image": image}} if image else {}),
    }


def _webpush(item: Push, id: str, seconds: int) -> dict[str, object]:
    headers = {"TTL": str(seconds), "Urgency": webpush_message.URGENCY[item.priority]}
    key, url = item.content.collapse_key, item.content.url or ""
    if key and _TOPIC.fullmatch(key):
        headers["Topic"] = key
    link = {"fcm_options": {"link": url}} if url.startswith("https://") else {}
    return {"headers": headers, "notification": {"tag": id}, **link}
