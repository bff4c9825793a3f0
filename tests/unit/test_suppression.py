"""Which suppressions stop which messages: the table of the documentation, row by row, and what is around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.docs import page, rows, section

from clarion.api.gate import VISITS
from clarion.domain.feedback import Feedback
from clarion.domain.step import Channel, ChannelStep
from clarion.domain.suppression import (
    EVERY,
    OF_FEEDBACK,
    STOPS_CRITICAL,
    Reason,
    SoftRule,
    Suppression,
    channel_of,
    is_critical,
    is_offered,
    mailbox_of,
    stopping,
)
from clarion.domain.workflow import Priority, Workflow

PAGE = page("explanation/suppression.md")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_workflow(category: str | None = None, priority: Priority = Priority.NORMAL) -> Workflow:
    steps = (ChannelStep(key="email", channel=Channel.EMAIL, template="email"),)
    return Workflow(key="w", steps=steps, category=category, priority=priority)


def stops(reason: Reason, *, of: str = EVERY, category: str | None = "news", critical: bool = False) -> bool:
    return stopping([Suppression(reason, of, NOON)], category=category, critical=critical) is not None


def test_the_table_of_the_page_is_the_rule() -> None:
    told = {cells[0]: cells[1:] for cells in rows(section(PAGE, "What stops what"))}
    assert told.keys() == {reason.value for reason in Reason}
    for reason in Reason:
        assert told[reason][-2:] == [
            "stopped" if stops(reason) else "sent",
            "stopped" if stops(reason, critical=True) else "sent",
        ]
    assert {Reason.HARD_BOUNCE, Reason.COMPLAINT, Reason.MANUAL} == STOPS_CRITICAL


@pytest.mark.parametrize("reason", Reason)
def test_one_of_a_category_stops_that_category_alone(reason: Reason) -> None:
    assert stops(reason, of="news", category="news")
    assert not stops(reason, of="news", category="offers")
    assert not stops(reason, of="news", category=None)
    assert stops(reason, of=EVERY, category=None)


def test_the_strongest_is_told_whatever_the_order() -> None:
    found = [
        Suppression(Reason.UNSUBSCRIBE, "news", NOON),
        Suppression(Reason.HARD_BOUNCE, EVERY, NOON + timedelta(days=1)),
        Suppression(Reason.COMPLAINT, EVERY, NOON),
    ]
    for order in (found, found[::-1]):
        told = stopping(order, category="news", critical=False)
        assert str(told) == "hard_bounce since 2026-03-02T12:00:00Z"
    assert str(found[0]) == "unsubscribe of category news since 2026-03-01T12:00:00Z"
    assert stopping([], category="news", critical=False) is None


def test_what_is_critical_and_what_is_offered() -> None:
    newsletter, receipt = a_workflow("news"), a_workflow()
    reset, named = a_workflow("account", Priority.CRITICAL), a_workflow("security")
    assert [is_critical(one, {"security"}) for one in (newsletter, receipt, reset, named)] == [False, False, True, True]
    assert [is_offered(one, {"security"}) for one in (newsletter, receipt, reset, named)] == [True, False, False, False]


def test_what_follows_from_feedback() -> None:
    told = {cells[0]: cells[1] for cells in rows(section(PAGE, "What it comes of"))}
    assert told.keys() == {feedback.value for feedback in Feedback}
    for feedback, reason in OF_FEEDBACK.items():
        assert f"`{reason}`" in told[feedback]
    rule = SoftRule()
    assert f"{rule.count} of them" in told["soft_bounce"]
    assert f"for {rule.lasts.days} days" in told["soft_bounce"]


def test_the_page_says_the_bounds_that_hold() -> None:
    flat = " ".join(PAGE.split())
    assert "every suppression holds at once" in flat
    assert f"{VISITS} requests a second" in flat


def test_spellings_of_one_address_are_one() -> None:
    assert mailbox_of("email", "Ann@example.com") == mailbox_of("email", "ann@example.com")
    assert mailbox_of("sms", "+31612345678") == "+31612345678"
    assert (channel_of("a@b.example"), channel_of("+31612345678")) == ("email", "sms")
