"""JSON bodies: bytes in, plain Python out, and nothing odd gets through.

Every body is parsed once in C. A handful of searches over the bytes then prove that it holds none of the things
that JSON allows and we do not (or that parsers disagree about); only when one of them raises a doubt does the
careful decoder look, find every fault and say where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson

from clarion.domain import careful

#: What a body may be at most. 250,000 objects and arrays are far above any honest body: it bounds what 8 MiB can grow
#: to in memory.
LIMITS: Final = careful.Limits(depth=64, keys=1_000, string=256 * 1024, containers=250_000)

#: All digits alike, so that one search finds a run of them.
_DIGITS_ALIKE: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
#: Shorter runs of digits cannot be an integer that needs more than 64 bits.
_LONG_NUMBER: Final = b"0" * 19


def decode(raw: bytes, limits: careful.Limits = LIMITS) -> object:
    """The value that *raw* says: dicts, lists, strings, 64-bit integers, finite floats, booleans and None.

    Raises `Malformed` (not JSON in UTF-8; code ``invalid_json``, with the byte offset) or `Invalid` with every fault
    found: ``too_deep``, ``too_many_keys``, ``too_many_values``, ``duplicate_key``, ``invalid_number``,
    ``invalid_unicode``, ``nul``, ``too_long``.
    """
    try:
        value: object = orjson.loads(raw)
        doubtful = _is_doubtful(raw, value, limits)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        doubtful = True
    return careful.decode(raw, limits) if doubtful else value


def _is_doubtful(raw: bytes, value: object, limits: careful.Limits) -> bool:
    """Whether *raw*, which parsed to *value*, may hold something that must be looked at closely."""
    if b"\\u0000" in raw or b"\\u003a" in raw or b"\\u003A" in raw:
        return True
    if _LONG_NUMBER in raw.translate(_DIGITS_ALIKE):
        return True
    # Each member has one colon, and so has each colon in a string (none is escaped: checked above). A key that is
    # there twice is kept once, so writing the value again gives fewer colons exactly when a key was repeated.
    colons = raw.count(b":")
    if orjson.dumps(value).count(b":") != colons:
        return True
    containers = raw.count(b"[") + raw.count(b"{")
    if containers <= limits.depth and colons <= limits.keys and len(raw) <= limits.string:
        return False
    return containers > limits.containers or not _fits(value, limits, may_be_long=len(raw) > limits.string)


def _fits(value: object, limits: careful.Limits, *, may_be_long: bool) -> bool:
    """Whether depth, keys and strings of *value* are within *limits*. Level by level: there is no recursion to exhaust.

    Strings are judged by four bytes a character; the careful decoder counts those that this calls too long.
    """
    longest = limits.string // 4
    level: list[object] = [[value]]
    for _ in range(limits.depth + 1):
        inner: list[object] = []
        for container in level:
            items: Iterable[object]
            if type(container) is dict:
                if len(container) > limits.keys or (may_be_long and any(len(key) > longest for key in container)):
                    return False
                items = container.values()
            else:
                items = container  # type: ignore[assignment]
            for item in items:
                kind = type(item)
                if kind is dict or kind is list:
                    inner.append(item)
                elif may_be_long and kind is str and len(item) > longest:  # type: ignore[arg-type]
                    return False
        if not inner:
            return True
        level = inner
    return False
