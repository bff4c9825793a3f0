"""JSON that can be kept: what PostgreSQL's `jsonb` cannot hold is refused before it spoils a whole statement."""

from __future__ import annotations

import re

import orjson

from clarion.errors import Invalid

#: Bytes of one value that actions may bring, as JSON.
LARGEST = 1024 * 1024

#: An escaped NUL; not a backslash that is followed by those five characters.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def pack(value: object) -> orjson.Fragment:
    """*value* as JSON, written once: it goes into a column without being walked again.

    Raises `Invalid`: ``nul``, ``invalid_unicode``, ``invalid_number``, ``type`` (not JSON at all) or ``too_large``.
    """
    try:
        said = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise _invalid(str(error)) from None
    if len(said) > LARGEST:
        raise Invalid(f"it has {len(said):,} bytes as JSON; at most {LARGEST:,} are allowed", code="too_large")
    if b"\\u0000" in said and _NUL.search(said):
        raise Invalid("it holds the character U+0000, which cannot be stored", code="nul")
    return orjson.Fragment(said)


def _invalid(said: str) -> Invalid:
    if "surrogate" in said:
        return Invalid("it holds half of a surrogate pair, which is no character", code="invalid_unicode")
    if "Integer" in said:
        return Invalid("it holds a number that does not fit in 64 bits", code="invalid_number")
    return Invalid(f"it cannot be written as JSON: {said}", code="type")
