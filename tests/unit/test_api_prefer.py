"""The Prefer header: what is heeded, and that everything else is passed over (RFC 7240)."""

from __future__ import annotations

import time

import pytest
from starlette.datastructures import Headers
from tests.support.machine import usual

from clarion.api.prefer import wait_of


def wait(*lines: str) -> int | None:
    return wait_of(Headers(raw=[(b"prefer", line.encode("latin-1")) for line in lines]))


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ("WAIT=5", 5),
        ("wait = 5", 5),
        ('wait="5"', 5),
        ("  wait=5  ", 5),
        ("wait=30", 30),
        ("wait=31", 30),
        ("wait=999999999", 30),
        ("respond-async, wait=5", 5),
        ("respond-async,wait=5", 5),
        ("wait=5, wait=9", 5),
        ("wait=5; foo=bar", 5),
        ('wait=5; foo="a, wait=9"', 5),
        ('foo="a, wait=9", wait=4', 4),
        (r'foo="a\", wait=9", wait=4', 4),
        ("return=minimal; x, , ,wait=4", 4),
        ("foo bar, wait=4", 4),
    ],
)
def test_a_wait_is_read(line: str, seconds: int) -> None:
    assert wait(line) == seconds


@pytest.mark.parametrize(
    "line",
    [
        "",
        ",",
        "wait",
        "wait=",
        'wait=""',
        "wait=-1",
        "wait=1.5",
        "wait=ten",
        "wait=1 0",
        "wait=5s",
        "wait=٣".encode().decode("latin-1"),
        "wait=" + "9" * 5_000,
        "=5",
        "await=5",
        'foo="a, wait=9',
        "wait:5",
        "wait==5",
        "wait=x, wait=5",
    ],
)
def test_what_is_malformed_is_passed_over(line: str) -> None:
    assert wait(line) is None


def test_several_headers_are_one_list() -> None:
    assert wait() is None
    assert wait("respond-async", "wait=3", "wait=9") == 3


@pytest.mark.parametrize("odd", ['"', '\\"', "; ", " ;", "a=b;", "wait ", "wait=\t", '""', "=", "a,"])
def test_no_header_takes_long_to_read(odd: str) -> None:
    began = time.process_time()
    wait((odd * 16_384)[:16_000] + "!")
    assert time.process_time() - began < usual(0.5)
