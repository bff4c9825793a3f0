"""What a provider's report means for a message: decided from what is known, and in no other way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.callbacks import ends_as

from clarion.domain.callback import PATIENCE, TOLD, Fate, Finding, Handed, Known, after_report
from clarion.domain.status import MOVES, OPEN, Status

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OURS = Handed(latest=True, proven=True)
#: What a provider can move, and to what.
MOVED = {
    Status.SENT: {Status.DELIVERED, Status.BOUNCED, Status.FAILED},
    Status.DELIVERED: {Status.BOUNCED},
    Status.UNKNOWN: set(TOLD),  # that it was taken, and then the rest
}


def decide(told: Status, known: Known | None, *, why: str | None = None, waited: timedelta = timedelta(0)) -> Finding:
    return after_report(told, why, known, came_at=NOW - waited, now=NOW)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("told", Status)
def test_only_these_moves_are_caused_from_outside(status: Status, told: Status) -> None:
    finding = decide(told, Known(status=status, handed=OURS))
    if told in MOVED.get(status, ()):
        assert (finding.fate, finding.status) == (Fate.APPLIED, told)
        assert told in MOVES[status] or (status is Status.UNKNOWN and told in MOVES[Status.SENT])
    else:
        assert finding.status is None
        assert finding.fate is (Fate.EARLY if status in OPEN and told in TOLD else Fate.IGNORED)
        assert finding.reason


@pytest.mark.parametrize("told", TOLD)
def test_what_was_not_sent_there_is_an_orphan(told: Status) -> None:
    assert decide(told, None).fate is Fate.ORPHAN
    for status in Status:
        assert decide(told, Known(status=status, handed=None)).fate is Fate.ORPHAN


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("status", Status)
def test_an_attempt_before_the_latest_moves_nothing(told: Status, status: Status) -> None:
    for proven in (True, False):
        finding = decide(told, Known(status=status, handed=Handed(latest=False, proven=proven)))
        assert (finding.fate, finding.status) == (Fate.IGNORED, None)


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("status", Status)
def test_without_a_proof_only_what_nobody_knew_is_resolved(told: Status, status: Status) -> None:
    finding = decide(told, Known(status=status, handed=Handed(latest=True, proven=False)))
    if status is Status.UNKNOWN:
        assert (finding.fate, finding.status) == (Fate.APPLIED, told)
    else:
        assert finding.fate is (Fate.EARLY if status in OPEN else Fate.IGNORED)


def test_bad_news_has_a_reason() -> None:
    known = Known(status=Status.SENT, handed=OURS)
    assert decide(Status.FAILED, known, why="30005: nobody has this number").reason == "30005: nobody has this number"
    assert decide(Status.FAILED, known).reason
    assert decide(Status.BOUNCED, known).reason
    assert decide(Status.DELIVERED, known).reason is None


@given(
    waited=st.timedeltas(-timedelta(hours=2), 2 * PATIENCE),
    handed=st.sampled_from([OURS, Handed(latest=True, proven=False)]),
)
def test_what_is_early_is_looked_at_again_soon_and_not_for_ever(waited: timedelta, handed: Handed) -> None:
    finding = decide(Status.DELIVERED, Known(status=Status.SENDING, handed=handed), waited=waited)
    if waited > PATIENCE:
        assert (finding.fate, finding.after) == (Fate.ORPHAN, None)
        return
    assert finding.fate is Fate.EARLY
    assert finding.after is not None
    assert timedelta(seconds=1) <= finding.after <= timedelta(minutes=5)


def test_looks_are_few() -> None:
    """A message that hangs for a day is looked at some three hundred times, not every second."""
    waited, looks = timedelta(0), 0
    while waited <= PATIENCE:
        after = decide(Status.DELIVERED, Known(status=Status.SENDING, handed=OURS), waited=waited).after
        assert after is not None
        waited, looks = waited + after, looks + 1
    assert looks < 350


@given(st.lists(st.sampled_from(sorted(TOLD)), max_size=12))
def test_any_order_ends_where_the_table_of_moves_says(told: list[Status]) -> None:
    status = Status.SENT
    for one in told:
        status = decide(one, Known(status=status, handed=OURS)).status or status
    assert status is ends_as(told)
