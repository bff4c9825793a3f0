"""The careful decoder: slower, but it names every fault of a body and where it is.

It is reached only by bodies that the quick look in `json_body` has doubts about. The standard library's parser does the
reading (in C, with hooks); what it would let pass quietly is marked in the tree and found again by one walk.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from clarion.errors import Fault, Invalid

#: More faults than these help nobody, and a body of 8 MiB could hold a million.
MAX_FAULTS: Final = 100

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a body may be at most."""

    #: Objects and arrays within each other.
    depth: int
    #: Members of one object.
    keys: int
    #: UTF-8 bytes of one string or key.
    string: int
    #: Objects and arrays in all.
    containers: int


class Malformed(Invalid):
    """The body is not JSON in UTF-8."""

    code = "invalid_json"


def decode(raw: bytes, limits: Limits) -> object:
    """The value that *raw* says; raises `Malformed` or `Invalid` as `json_body.decode` tells."""
    text = _text(raw)
    _check_shape(raw, limits)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=lambda name: _Odd(name, "is not a JSON number"),
        )
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise Malformed(f"the body is not JSON: {error.msg.lower()} at byte {offset}") from None
    faults = _faults(value, limits)
    if faults:
        codes = {fault.code for fault in faults}
        raise Invalid(_summary(faults), code=codes.pop() if len(codes) == 1 else "invalid", faults=faults)
    return value


@dataclass(frozen=True, slots=True)
class _Odd:
    """Stands in the tree for a number that cannot be kept."""

    shown: str
    why: str


class _Repeated(dict[str, object]):
    """An object in which some keys were given more than once."""

    __slots__ = ("again", "given")

    #: The keys that were there before, once each.
    again: list[str]
    #: How many members were given.
    given: int


def _text(raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Malformed("the body is not JSON: it begins with a byte order mark, at byte 0")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not JSON: invalid UTF-8 at byte {error.start}") from None
    if not text:
        raise Malformed("the body is not JSON: it is empty, at byte 0")
    return text


def _check_shape(raw: bytes, limits: Limits) -> None:
    """Count brackets outside of strings, before any parser recurses into them or builds what they say."""
    if raw.count(b"[") + raw.count(b"{") <= limits.depth:
        return
    brackets = _STRING.sub(b"", raw).translate(None, _NOT_BRACKETS)
    for depth in accumulate(map(_STEP.__getitem__, brackets)):
        if depth > limits.depth:
            raise Invalid(f"the body is nested more than {limits.depth} levels deep", code="too_deep")
    if brackets.count(b"[") + brackets.count(b"{") > limits.containers:
        raise Invalid(f"the body holds more than {limits.containers} objects and arrays", code="too_many_values")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeated = _Repeated(members)
    repeated.again = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
    repeated.given = len(pairs)
    return repeated


def _integer(digits: str) -> int | _Odd:
    # int() of thousands of digits raises, or takes long: look at the length first.
    if len(digits) <= 20 and int(digits) in _INT64:
        return int(digits)
    return _Odd(digits[:24], "does not fit in 64 bits: send it as a string")


def _real(digits: str) -> float | _Odd:
    value = float(digits)
    return _Odd(digits[:24], "is out of range") if value in (float("inf"), float("-inf")) else value


def _faults(value: object, limits: Limits) -> list[Fault]:
    """Every fault in *value*, in order, up to `MAX_FAULTS`. Pointers are written only where something is wrong."""
    faults: list[Fault] = []
    path: list[tuple[str, Iterator[tuple[object, object]]]] = [("", iter([("", value)]))]
    while path and len(faults) < MAX_FAULTS:
        parent, items = path[-1]
        for key, item in items:
            if isinstance(item, str):
                if (
                    "\0" not in item
                    and (item.isascii() or not _SURROGATE.search(item))
                    and len(item) * 4 <= limits.string
                ):
                    continue
                faults += _string_faults(_pointer(parent, key, len(path)), item, limits)
            elif isinstance(item, dict):
                pointer = _pointer(parent, key, len(path))
                faults += _object_faults(pointer, item, limits)
                path.append((pointer, iter(item.items())))
                break
            elif isinstance(item, list):
                path.append((_pointer(parent, key, len(path)), iter(enumerate(item))))
                break
            elif isinstance(item, _Odd):
                faults.append(Fault(_pointer(parent, key, len(path)), f"{item.shown} {item.why}", "invalid_number"))
            if len(faults) >= MAX_FAULTS:
                break
        else:
            path.pop()
    return faults[:MAX_FAULTS]


def _pointer(parent: str, key: object, depth: int) -> str:
    return f"{parent}/{escape(str(key))}" if depth > 1 else ""


def _object_faults(pointer: str, members: dict[str, object], limits: Limits) -> Iterator[Fault]:
    given = members.given if isinstance(members, _Repeated) else len(members)
    if given > limits.keys:
        yield Fault(pointer, f"an object may have {limits.keys} keys; this has {given}", "too_many_keys")
        return
    if isinstance(members, _Repeated):
        for key in members.again:
            yield Fault(f"{pointer}/{escape(key)}", "this key is given more than once", "duplicate_key")
    for key in members:
        yield from _string_faults(f"{pointer}/{escape(key)}", key, limits, what="this key")


def _string_faults(pointer: str, text: str, limits: Limits, what: str = "this string") -> Iterator[Fault]:
    if "\0" in text:
        yield Fault(pointer, f"{what} holds the character U+0000, which cannot be stored", "nul")
    if _SURROGATE.search(text):
        yield Fault(pointer, f"{what} holds half of a surrogate pair, which is no character", "invalid_unicode")
    elif len(text) * 4 > limits.string and len(text.encode()) > limits.string:
        yield Fault(pointer, f"{what} is longer than {limits.string} bytes", "too_long")


def escape(key: str) -> str:
    """*key* as a part of a JSON pointer (RFC 6901), cut short and with what is no character made visible."""
    shown = key[:64].encode("utf-8", "backslashreplace").decode()
    return shown.replace("\0", "\\u0000").replace("~", "~0").replace("/", "~1")


def _summary(faults: list[Fault]) -> str:
    first = faults[0].detail
    return first if len(faults) == 1 else f"{first} (and {len(faults) - 1} more)"
