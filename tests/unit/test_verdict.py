"""What becomes of a message, decided by plain functions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.backoff import wait
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.status import MOVES, OPEN, RETRYABLE, Status, may_move, sources
from clarion.domain.verdict import MOST_RESCUES, Policy, Verdict, after_attempt, before_sending
from clarion.domain.workflow import Backoff, Channel, ChannelStep, OnUncertain, Priority, Workflow

PLAIN = Backoff(waits=(timedelta(seconds=5), timedelta(seconds=25), timedelta(seconds=125)), jitter=0)
DAY = timedelta(days=1)


def decide(
    outcome: Outcome, *, tried: int = 1, on: OnUncertain = OnUncertain.RETRY, remains: timedelta = DAY
) -> Verdict:
    policy = Policy(attempts=3, backoff=PLAIN, on_uncertain=on)
    return after_attempt(outcome, policy, tried=tried, remains=remains, chance=0.5)


def test_sent_is_sent_with_the_providers_id() -> None:
    verdict = decide(Sent("250 queued as 7"))
    assert (verdict.status, verdict.provider_id, verdict.attempt) == (Status.SENT, "250 queued as 7", "accepted")
    assert verdict.after is None


def test_a_rejection_is_final_and_kept_for_people() -> None:
    verdict = decide(Reject("no such user", code="invalid_recipient"))
    assert (verdict.status, verdict.reason) == (Status.FAILED, "invalid_recipient: no such user")
    assert verdict.bury


@pytest.mark.parametrize(("tried", "seconds"), [(1, 5), (2, 25)])
def test_a_temporary_failure_waits_as_the_workflow_says(tried: int, seconds: int) -> None:
    verdict = decide(Retry("busy"), tried=tried)
    assert (verdict.status, verdict.after, verdict.spent) == (Status.QUEUED, timedelta(seconds=seconds), True)


def test_three_attempts_are_three() -> None:
    assert decide(Retry("busy"), tried=3).status is Status.FAILED


def test_retry_after_is_honoured_when_it_is_longer() -> None:
    assert decide(Retry("slow down", after=timedelta(minutes=7))).after == timedelta(minutes=7)


def test_what_would_come_too_late_expires_now() -> None:
    assert decide(Retry("busy"), remains=timedelta(seconds=3)).status is Status.EXPIRED


def test_a_pause_that_the_provider_asked_for_spends_nothing_however_often() -> None:
    verdict = decide(Retry("421", after=timedelta(seconds=30), pause_provider=True), tried=99)
    assert (verdict.status, verdict.spent) == (Status.QUEUED, False)
    assert verdict.after is not None
    assert verdict.after >= timedelta(seconds=30)


def test_a_room_that_is_busy_costs_no_attempt_however_often() -> None:
    policy = Policy(attempts=3, backoff=PLAIN, on_uncertain=OnUncertain.RETRY)
    for waits, spent, status in ((True, False, Status.QUEUED), (False, True, Status.FAILED)):
        busy = Retry("busy", after=timedelta(seconds=30), blameless=True, unspent=waits)
        verdict = after_attempt(busy, policy, tried=99, remains=timedelta(hours=1), chance=0.5)
        assert (verdict.status, verdict.spent) == (status, spent)
    late = after_attempt(
        Retry("busy", after=timedelta(hours=2), unspent=True), policy, tried=1, remains=timedelta(hours=1), chance=0.5
    )
    assert late.status is Status.EXPIRED


def test_uncertain_is_sent_again_with_its_label_or_held() -> None:
    again = decide(Uncertain("hung up after the dot"))
    assert (again.status, again.possible_duplicate) == (Status.QUEUED, True)
    for policy in (OnUncertain.HOLD, OnUncertain.VERIFY):
        held = decide(Uncertain("hung up after the dot"), on=policy)
        assert (held.status, held.possible_duplicate, held.after) == (Status.UNKNOWN, False, None)


def test_uncertain_at_the_last_attempt_is_unknown_and_not_failed() -> None:
    assert decide(Uncertain("?"), tried=3).status is Status.UNKNOWN


def test_a_server_that_says_it_broke_is_given_up_as_failed_unless_nothing_may_come_twice() -> None:
    broke = Uncertain("HTTP 500", answered=True)
    again, failed = decide(broke), decide(broke, tried=3)
    assert (again.status, again.possible_duplicate, again.attempt) == (Status.QUEUED, True, "uncertain")
    assert (failed.status, failed.reason, failed.attempt) == (
        Status.FAILED,
        "gave up after 3 attempts: HTTP 500",
        "uncertain",
    )
    assert decide(broke, remains=timedelta(seconds=1)).status is Status.EXPIRED
    for policy in (OnUncertain.HOLD, OnUncertain.VERIFY):
        assert decide(broke, on=policy).status is Status.UNKNOWN


def test_before_sending() -> None:
    assert before_sending(cancelled=False, remains=DAY, rescues=MOST_RESCUES - 1) is None
    cancelled = before_sending(cancelled=True, remains=DAY, rescues=0)
    late = before_sending(cancelled=False, remains=timedelta(0), rescues=0)
    poison = before_sending(cancelled=False, remains=DAY, rescues=MOST_RESCUES)
    assert cancelled is not None
    assert late is not None
    assert poison is not None
    assert (cancelled.status, late.status, poison.status) == (Status.CANCELLED, Status.EXPIRED, Status.FAILED)
    assert poison.bury


OUTCOMES = st.one_of(
    st.builds(Sent, st.just("id")),
    st.builds(Retry, st.just("r"), st.none() | st.timedeltas(timedelta(0), DAY), st.booleans()),
    st.builds(Reject, st.just("r")),
    st.builds(Uncertain, st.just("u"), st.just(False), st.booleans()),
)


@given(
    outcome=OUTCOMES,
    tried=st.integers(1, 20),
    on=st.sampled_from(OnUncertain),
    remains=st.timedeltas(timedelta(0), DAY),
    chance=st.floats(0, 1),
)
def test_every_verdict_is_a_legal_move_and_leaves_work_exactly_when_it_is_open(
    outcome: Outcome, tried: int, on: OnUncertain, remains: timedelta, chance: float
) -> None:
    policy = Policy(attempts=3, backoff=Backoff(), on_uncertain=on)
    verdict = after_attempt(outcome, policy, tried=tried, remains=remains, chance=chance)
    assert may_move(Status.SENDING, verdict.status)
    assert (verdict.after is not None) == (verdict.status in OPEN)
    assert verdict.status is Status.SENT or verdict.reason
    if verdict.after is not None:
        assert verdict.after < remains


@given(tried=st.integers(1, 60), chance=st.floats(0, 1), factor=st.floats(1, 10), jitter=st.floats(0, 1))
def test_no_wait_leaves_its_bounds(tried: int, chance: float, factor: float, jitter: float) -> None:
    backoff = Backoff(waits=(timedelta(seconds=5),), factor=factor, longest=timedelta(hours=1), jitter=jitter)
    assert timedelta(0) <= wait(backoff, tried, chance) <= timedelta(hours=1) * (1 + jitter) + timedelta(seconds=1)


def test_the_list_of_waits_is_followed_and_then_grows() -> None:
    seconds = [wait(PLAIN, tried, 0.5).total_seconds() for tried in range(1, 7)]
    assert seconds == [5, 25, 125, 625, 3125, 3600]


def test_moves_name_every_status_and_ends_stay_ended() -> None:
    assert set(MOVES) == set(Status)
    for status in (Status.BOUNCED, Status.SKIPPED, Status.CANCELLED):
        assert not MOVES[status]
    assert {status for status in Status if may_move(status, Status.QUEUED)} == RETRYABLE | {Status.SENDING}
    assert sources(Status.DELIVERED) == ["queued", "sent"]


def test_a_workflow_survives_being_stored() -> None:
    workflow = Workflow(
        key="w",
        steps=(ChannelStep(key="a", channel=Channel.EMAIL, template="email", when="payload.x"),),
        category="c",
        priority=Priority.CRITICAL,
        attempts=4,
        backoff=PLAIN,
        expires_after=timedelta(hours=2),
        on_uncertain=OnUncertain.HOLD,
        sender="A <a@b.example>",
    )
    assert Workflow.from_json(workflow.to_json()) == workflow
    bare = Workflow(key="w", steps=(ChannelStep(key="a", channel=Channel.IN_APP, template="in_app"),))
    assert Workflow.from_json(bare.to_json()) == bare
