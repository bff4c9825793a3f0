"""Ids: UUIDv7 (RFC 9562), so that they sort by the time they were made, shown with a prefix that says of what."""

from __future__ import annotations

import os
import threading
import uuid
from datetime import UTC, datetime
from enum import StrEnum

from clarion import clock
from clarion.errors import BadId


class Prefix(StrEnum):
    """What an id belongs to."""

    TRIGGER = "trg"
    RUN = "run"
    MESSAGE = "msg"
    TIMER = "tmr"
    JOB = "job"
    FEED = "fed"
    QUARANTINE = "qua"
    SUPPRESSION = "sup"
    WEBHOOK = "whk"


_lock = threading.Lock()
_last = 0
_RANDOM_BITS = 74
# What `uuid.UUID(int=…)` comes to, for a number that needs no check: that takes four times as long, and ids are made by
# the thousand.
_blank = object.__new__
_set_int = vars(uuid.UUID)["int"].__set__
_set_safety = vars(uuid.UUID)["is_safe"].__set__
_MASK = (1 << _RANDOM_BITS) - 1


def new() -> uuid.UUID:
    """A new id, greater than every id this process made before."""
    return new_many(1)[0]


def new_many(count: int) -> list[uuid.UUID]:
    """*count* new ids in rising order, greater than every id this process made before.

    The random part rises by a random step within one millisecond (RFC 9562 §6.2, method 2), so order holds
    without waiting for the clock.
    """
    global _last
    seed = os.urandom(4 * count + 10)
    with _lock:
        value = (clock.now_ms() << _RANDOM_BITS) | (int.from_bytes(seed[:10], "big") & (_MASK >> 1))
        if value <= _last:
            value = _last + 1
        made = []
        for i in range(10, 4 * count + 10, 4):
            made.append(_to_uuid(value))
            value += 1 + int.from_bytes(seed[i : i + 4], "big")
        _last = value
    return made


def first_at(moment: datetime) -> uuid.UUID:
    """The smallest id that could have been made at *moment*: a bound for ranges of ids by time."""
    return _to_uuid(int(moment.timestamp() * 1000) << _RANDOM_BITS)


def made_at(id: uuid.UUID) -> datetime:
    """When *id* was made, to the millisecond."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def show(prefix: Prefix, id: uuid.UUID) -> str:
    """*id* as people and programs see it: ``msg_`` and 32 hexadecimal digits."""
    return f"{prefix.value}_{id.hex}"


def parse(prefix: Prefix, text: str) -> uuid.UUID:
    """The id that `show` wrote.

    Raises `BadId` when the prefix or the digits are wrong.
    """
    head, _, digits = text.partition("_")
    if head != prefix.value or len(digits) != 32 or not _is_lower_hex(digits):
        raise BadId(f"{text[:64]!r} is not an id of this kind: expected {prefix.value}_ and 32 hexadecimal digits")
    return uuid.UUID(hex=digits)


def _is_lower_hex(digits: str) -> bool:
    return all(c in "0123456789abcdef" for c in digits)


def _to_uuid(value: int) -> uuid.UUID:
    """Lay out milliseconds (48 bits) and randomness (74 bits) around the version and variant bits."""
    high, low = value >> 62, value & ((1 << 62) - 1)
    milliseconds, rand_a = high >> 12, high & 0xFFF
    made = _blank(uuid.UUID)
    _set_int(made, (milliseconds << 80) | (7 << 76) | (rand_a << 64) | (2 << 62) | low)
    _set_safety(made, uuid.SafeUUID.unknown)
    return made
