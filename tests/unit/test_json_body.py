"""Bodies: what is let through, what is refused, in which words; and that the quick way agrees with the careful one."""

from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.machine import usual

from clarion.domain import careful, json_body
from clarion.errors import Invalid

TINY = careful.Limits(depth=3, keys=3, string=12, containers=6)


def refuse(raw: bytes, limits: careful.Limits = json_body.LIMITS) -> Invalid:
    with pytest.raises(Invalid) as caught:
        json_body.decode(raw, limits)
    return caught.value


def pointers(error: Invalid) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in error.faults]


@pytest.mark.parametrize(
    ("raw", "offset"),
    [
        (b"", 0),
        (b"   ", 3),
        (b"hello", 0),
        (b'{"a": 1} x', 9),
        ('{"é": 1} x'.encode(), 10),
        (b'{"a": 1,}', 8),
        (b"\xef\xbb\xbf{}", 0),
        (b"\xff\xfe{\0}\0", 0),
        (b'{"a": "\xc3("}', 7),
        (b'{"a": "\x00"}', 7),
        (b"[1", 2),
        (b"01", 1),
    ],
)
def test_what_is_not_json_is_told_with_the_byte(raw: bytes, offset: int) -> None:
    error = refuse(raw)
    assert isinstance(error, careful.Malformed)
    assert error.code == "invalid_json"
    assert error.message.endswith(f"at byte {offset}")


@pytest.mark.parametrize(
    ("raw", "code", "found"),
    [
        (b'{"to": "a", "to": "b"}', "duplicate_key", [("/to", "duplicate_key")]),
        (b'{"a": {"x~/": 1, "x~/": 1}}', "duplicate_key", [("/a/x~0~1", "duplicate_key")]),
        (b'{"a:b": 1, "a\\u003ab": 1}', "duplicate_key", [("/a:b", "duplicate_key")]),
        (b'{"a": NaN}', "invalid_number", [("/a", "invalid_number")]),
        (b"[1, -Infinity]", "invalid_number", [("/1", "invalid_number")]),
        (b'{"a": 1e400}', "invalid_number", [("/a", "invalid_number")]),
        (b'{"a": ' + b"9" * 5000 + b"}", "invalid_number", [("/a", "invalid_number")]),
        (b'{"a": 9223372036854775808}', "invalid_number", [("/a", "invalid_number")]),
        (b'{"a": "\\ud800"}', "invalid_unicode", [("/a", "invalid_unicode")]),
        (b'{"\\udc00": 1}', "invalid_unicode", [("/\\udc00", "invalid_unicode")]),
        (b'{"a": ["\\u0000"]}', "nul", [("/a/0", "nul")]),
        (b'{"a": NaN, "b": "\\u0000"}', "invalid", [("/a", "invalid_number"), ("/b", "nul")]),
    ],
)
def test_each_fault_is_named_where_it_is(raw: bytes, code: str, found: list[tuple[str, str]]) -> None:
    error = refuse(raw)
    assert error.code == code
    assert pointers(error) == found


def test_depth_is_counted_without_recursion() -> None:
    assert json_body.decode(b"[" * 64 + b"]" * 64) is not None
    assert refuse(b"[" * 65 + b"]" * 65).code == "too_deep"
    assert refuse(b"[" * 100_000).code == "too_deep"
    assert refuse(b'{"a":' * 100_000).code == "too_deep"
    assert json_body.decode(b'"' + b"[" * 100 + b'"') == "[" * 100


def test_an_object_has_a_thousand_keys_at_most() -> None:
    def members(count: int) -> bytes:
        return b"{" + b",".join(b'"%d":0' % i for i in range(count)) + b"}"

    assert len(json_body.decode(members(1_000))) == 1_000  # type: ignore[arg-type]
    assert pointers(refuse(members(1_001))) == [("", "too_many_keys")]
    assert refuse(b'{"a":' + members(100_000) + b"}").code == "too_many_keys"
    assert refuse(b"{" + b",".join([b'"a":0'] * 1_001) + b"}").code == "too_many_keys"


def test_a_string_has_256_kib_of_utf8_at_most() -> None:
    assert json_body.decode(b'"' + b"a" * (256 * 1024) + b'"') == "a" * (256 * 1024)
    assert refuse(b'{"a":["' + b"a" * (256 * 1024 + 1) + b'"]}').faults[0].pointer == "/a/0"
    assert refuse(b'"' + "é".encode() * (128 * 1024 + 1) + b'"').code == "too_long"
    assert refuse(b'{"' + b"k" * (256 * 1024 + 1) + b'": 1}').code == "too_long"


def test_what_would_swell_in_memory_is_refused_before_it_is_built() -> None:
    assert refuse(b"[" + b",".join([b"[]"] * 250_000) + b"]").code == "too_many_values"


def test_bounds_of_whole_numbers_are_kept_exactly() -> None:
    assert json_body.decode(b"[-9223372036854775808, 9223372036854775807]") == [-(2**63), 2**63 - 1]
    assert json_body.decode(b'"12345678901234567890123"') == "12345678901234567890123"
    assert json_body.decode(b"0.12345678901234567890123") == 0.12345678901234567890123


def test_faults_are_named_up_to_a_hundred() -> None:
    assert len(refuse(b"[" + b",".join([b"NaN"] * 5_000) + b"]").faults) == careful.MAX_FAULTS


# Texts that are nearly JSON: repeated keys, escapes, odd numbers, spaces, colons and brackets in strings.
_pieces = st.sampled_from(
    ["a", "b", ":", "\\u003a", "\\u003A", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\\\\", '\\"', "é", "[", "{", "]",
     "}", "\\\\u0000", "\\u0061", "1234567890123456789012", " ", ",", "\\/", "\\t"]
)  # fmt: skip
_strings = st.lists(_pieces, max_size=5).map(lambda parts: '"' + "".join(parts) + '"')
_numbers = st.one_of(
    st.integers(-(2**66), 2**66).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.sampled_from(
        ["0", "-0", "-0.0", "1e400", "-1e400", "1E5", "1e-400", "NaN", "Infinity", "1.0", "01", "1.", "9" * 30]
    ),
)
_spaces = st.sampled_from(["", " ", "\n\t", "\r"])
_leaves = st.one_of(_strings, _numbers, st.sampled_from(["true", "false", "null", "nul"]))


def _joined(items: st.SearchStrategy[str], opening: str, closing: str) -> st.SearchStrategy[str]:
    return st.tuples(st.lists(items, max_size=5), _spaces).map(
        lambda drawn: opening + drawn[1] + ("," + drawn[1]).join(drawn[0]) + closing
    )


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(_strings, _spaces, inner).map(lambda drawn: drawn[0] + drawn[1] + ":" + drawn[2])
    return st.one_of(_joined(inner, "[", "]"), _joined(member, "{", "}"))


_texts = st.recursive(_leaves, _containers, max_leaves=25)


def _outcome(raw: bytes, limits: careful.Limits, *, quick: bool) -> object:
    try:
        value = json_body.decode(raw, limits) if quick else careful.decode(raw, limits)
    except Invalid as error:
        return (type(error), error.code, error.message, error.faults)
    return _exactly(value)


def _exactly(value: object) -> object:
    """*value* so that 1, 1.0 and true differ, and 0.0 and -0.0."""
    if isinstance(value, dict):
        return [(key, _exactly(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return ["list", *map(_exactly, value)]
    if isinstance(value, float):
        return ("float", value, math.copysign(1, value))
    return (type(value).__name__, value)


@settings(max_examples=300, deadline=None)
@given(text=_texts, limits=st.sampled_from([TINY, json_body.LIMITS]))
@example(text='{"a":1,"a":":"}', limits=json_body.LIMITS)
@example(text='{"a":"\\u003a","a":"\\u003a"}', limits=json_body.LIMITS)
@example(text='"aaaaaaaaaaaaa"', limits=TINY)
def test_the_quick_way_agrees_with_the_careful_one(text: str, limits: careful.Limits) -> None:
    raw = text.encode()
    assert _outcome(raw, limits, quick=True) == _outcome(raw, limits, quick=False)


@settings(max_examples=200, deadline=None)
@given(text=_texts, noise=st.binary(max_size=3), where=st.integers(0, 200), cut=st.integers(0, 3))
def test_they_agree_on_damaged_bytes_too(text: str, noise: bytes, where: int, cut: int) -> None:
    raw = text.encode()
    damaged = raw[:where] + noise + raw[where + cut :]
    assert _outcome(damaged, json_body.LIMITS, quick=True) == _outcome(damaged, json_body.LIMITS, quick=False)


def test_a_bulk_body_is_read_in_good_time() -> None:
    item = {"email": "someone.with.a.long.name@example.com", "name": "Ana Müller", "locale": "pt-BR"}
    item["data"] = {"note": "x" * 600, "tags": ["a:b", "c"], "when": "2026-01-01T10:00:00Z"}  # type: ignore[assignment]
    raw = json.dumps({"recipients": [{"id": f"user-{i}", **item} for i in range(10_000)]}).encode()
    assert 7_000_000 < len(raw) < 8 * 1024 * 1024
    started = time.process_time()
    assert json_body.decode(raw) == json.loads(raw)
    assert time.process_time() - started < usual(3)  # about 0.1 s on an idle machine, the standard library's included
