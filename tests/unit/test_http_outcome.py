"""What an endpoint's answer means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clarion.domain.outcome import Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, LOCKED_OUT, LONGEST_WAIT, of_refusal, of_status, parse_retry_after

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert of_status(status, None) == Sent(f"HTTP {status}")


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert of_status(status, None, "busy") == Retry(f"HTTP {status}: busy")


@pytest.mark.parametrize("status", [429, 503])
def test_everybody_waits_when_an_endpoint_says_how_long(status: int) -> None:
    wait = timedelta(seconds=7)
    assert of_status(status, wait) == Retry(f"HTTP {status}", after=wait, pause_provider=True)
    assert of_status(425, wait) == Retry("HTTP 425", after=wait)


@pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
def test_who_breaks_may_have_taken_it(status: int) -> None:
    assert of_status(status, timedelta(seconds=7), "oops") == Uncertain(f"HTTP {status}: oops", answered=True)


@pytest.mark.parametrize(
    ("status", "code"),
    [(s, "redirect") for s in (300, 301, 302, 303, 304, 307, 308)]
    + [(s, "rejected") for s in (400, 401, 403, 404, 405, 409, 413, 422, 451, 600)]
    + [(410, "gone")],
)
def test_the_rest_is_refused(status: int, code: str) -> None:
    outcome = of_status(status, timedelta(seconds=1))
    assert isinstance(outcome, Reject)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        (None, None),
        ("", None),
        ("7", timedelta(seconds=7)),
        (" 120 ", timedelta(minutes=2)),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("1000000000", LONGEST_WAIT),
        ("9" * 400, LONGEST_WAIT),
        ("٣", None),
        ("Wed, 25 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Wed, 25 Nov 2026 12:00:30", timedelta(seconds=30)),
        ("Wed, 25 Nov 2026 11:59:30 GMT", None),
        ("Wed, 25 Nov 2099 12:00:30 GMT", LONGEST_WAIT),
        ("Wed, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(text: str | None, wait: timedelta | None) -> None:
    assert parse_retry_after(text, NOW) == wait


@pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
def test_a_provider_that_fails_may_have_taken_what_it_would_not_know_again(status: int) -> None:
    assert of_refusal(status, None, "no", idempotent=False) == Uncertain("no")
    assert of_refusal(status, None, "no", idempotent=True) == Retry("no")


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405])
def test_what_an_operator_must_change_burns_no_message(status: int) -> None:
    outcome = of_refusal(status, None, "no", idempotent=False)
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider) == (LOCKED_OUT, True)


def test_too_many_requests_make_everybody_wait_for_a_provider() -> None:
    wait = timedelta(seconds=7)
    assert of_refusal(429, None, "no", idempotent=False) == Retry("no", after=BUSY, pause_provider=True)
    assert of_refusal(429, wait, "no", idempotent=False) == Retry("no", after=wait, pause_provider=True)
    assert of_refusal(503, None, "no", idempotent=False) == Retry("no")
    assert of_refusal(503, wait, "no", idempotent=False) == Retry("no", after=wait, pause_provider=True)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "rejected"), (422, "rejected"), (413, "too_large"), (410, "rejected")]
)
def test_a_provider_may_refuse_for_good(status: int, code: str) -> None:
    assert of_refusal(status, None, "no", idempotent=True) == Reject("no", code=code)
