"""How much a push message takes: providers refuse what is larger than their services carry."""

from __future__ import annotations

import re

import orjson

from clarion.domain.content import PushContent

#: Of the payload, keys and values: the limit of FCM and of APNs alike.
MOST_BYTES = 4_096
#: Names of values that an application cannot be given: FCM keeps them for itself, and one is ours.
_RESERVED = re.compile(r"from|message_type|notification|google.*|gcm.*|clarion_id", re.DOTALL)
#: What names one: as in the other languages that read it.
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
LONGEST_COLLAPSE_KEY = 64
#: What is added to each message besides its words: our id of it, and the names of its parts.
_FRAME = 60


def measure(content: PushContent) -> int:
    """The bytes of *content* as a payload: what people see, and what the application is told."""
    words = {"title": content.title, "body": content.body, "image": content.image, "url": content.url}
    said = {key: value for key, value in words.items() if value}
    return len(orjson.dumps({**said, "data": dict(content.data)})) + _FRAME


def is_data_key(key: str) -> bool:
    """Whether the application can be told a value under this name."""
    return bool(_KEY.fullmatch(key)) and not _RESERVED.fullmatch(key)
