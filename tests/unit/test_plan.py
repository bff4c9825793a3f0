"""What a run comes to: messages, and until when it waits in between; and what happens where that cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.expression import Scope
from clarion.domain.plan import Plan, Planned, Ready, Wait, plan
from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel, ChannelStep, DelayStep, Step, from_json, to_json

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANA = Recipient(id="ana", email="ana@example.com", data={"plan": "pro"})
MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
TEXT = ChannelStep(key="sms", channel=Channel.SMS, template="sms")
PUSH = ChannelStep(key="push", channel=Channel.PUSH, template="push")
FEED = ChannelStep(key="in_app", channel=Channel.IN_APP, template="in_app")
WAIT = DelayStep(key="delay", length=2 * HOUR)
TO_ANA, IN_FEED = (Channel.EMAIL, "ana@example.com"), (Channel.IN_APP, "ana")


def until(text: str, when: str | None = None) -> DelayStep:
    return DelayStep(key="until", until=text, when=when)


def planned(*steps: Step, payload: Mapping[str, object] | None = None, **given: Any) -> Plan:
    scope = Scope(payload=payload or {}, trigger={"id": "trg_1"})
    return plan([Ready.of(step) for step in steps], ANA, scope, now=NOW, **given)


def test_without_delays_all_steps_are_taken() -> None:
    assert planned(MAIL, FEED) == Plan([Planned(0, *TO_ANA), Planned(1, *IN_FEED)])


def test_a_text_message_goes_to_the_number_and_without_one_nowhere() -> None:
    scope = Scope(payload={}, trigger={})
    steps = [Ready.of(TEXT), Ready.of(MAIL)]
    bob = Recipient(id="bob", phone="+31612345678")
    said = plan(steps, bob, scope, now=NOW).messages
    assert said == [Planned(0, Channel.SMS, "+31612345678"), Planned(1, Channel.EMAIL, None, "no address for email")]
    assert planned(TEXT).messages == [Planned(0, Channel.SMS, None, "no address for sms")]
    on_phone = Ready.of(ChannelStep(key="m", channel=Channel.EMAIL, template="m", when="recipient.phone == null"))
    assert [one.skip for one in plan([on_phone], bob, scope, now=NOW).messages] == [
        "condition is not met: recipient.phone == null"
    ]


def test_a_push_message_goes_to_each_device_and_without_one_nowhere() -> None:
    scope = Scope(payload={}, trigger={})
    bob = Recipient(id="bob", devices=("phone", "tablet"))
    when = ChannelStep(key="m", channel=Channel.PUSH, template="m", when="recipient.id == 'ana'")
    steps = [Ready.of(one) for one in (PUSH, FEED, when)]
    assert plan(steps, bob, scope, now=NOW).messages == [
        Planned(0, Channel.PUSH, "phone"),
        Planned(0, Channel.PUSH, "tablet"),
        Planned(1, Channel.IN_APP, "bob"),
        Planned(2, Channel.PUSH, None, "condition is not met: recipient.id == 'ana'"),  # once, however many devices
    ]
    assert planned(PUSH).messages == [Planned(0, Channel.PUSH, None, "no device for push")]


def test_what_stands_behind_a_delay_comes_later() -> None:
    assert planned(MAIL, WAIT, FEED) == Plan([Planned(0, *TO_ANA)], Wait(1, NOW + 2 * HOUR))
    assert planned(MAIL, WAIT, FEED, start=2) == Plan([Planned(2, *IN_FEED)])


def test_each_delay_begins_when_the_run_comes_to_it() -> None:
    assert planned(WAIT, MAIL, WAIT, FEED) == Plan([], Wait(0, NOW + 2 * HOUR))
    assert planned(WAIT, MAIL, WAIT, FEED, start=1) == Plan([Planned(1, *TO_ANA)], Wait(2, NOW + 2 * HOUR))


@pytest.mark.parametrize(
    "text",
    [
        "timestamp(payload.departs_at) - duration('3h')",
        "timestamp('2026-11-25T15:00:00+02:00')",
        "'2026-11-25T13:00:00Z'",
        "'2026-11-25T18:30:00+05:30'",
        "payload.text",
    ],
)
def test_until_is_a_timestamp_or_text(text: str) -> None:
    payload = {"departs_at": "2026-11-25T16:00:00Z", "text": "2026-11-25t13:00:00.000z"}
    assert planned(until(text), MAIL, payload=payload) == Plan([], Wait(0, NOW + HOUR))


@pytest.mark.parametrize("at", ["2026-11-25T12:00:00Z", "2026-11-25T11:59:59.999999Z", "1970-01-01T00:00:00Z"])
def test_a_time_that_is_past_or_now_is_no_wait(at: str) -> None:
    assert planned(until(f"timestamp('{at}')"), MAIL) == Plan([Planned(1, *TO_ANA)])
    assert planned(until(f"'{at}'"), MAIL) == Plan([Planned(1, *TO_ANA)])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("payload.departs_at", "delay cannot be told: there is no 'departs_at' in the data"),
        ("timestamp(payload.word)", "delay cannot be told: Function 'timestamp' error"),
        ("payload.word", "delay cannot be told: 'soon' is not a time: it must be an RFC 3339 time"),
        ("'2026-11-25T13:00:00'", "'2026-11-25T13:00:00' is not a time: it needs an offset"),
        ("'2026-02-30T13:00:00Z'", "'2026-02-30T13:00:00Z' is not a time: it is none: there is no such time"),
        ("'2026-11-25'", "'2026-11-25' is not a time"),
        ("duration('2h')", "'2:00:00' is not a time"),
        ("1764072000", "'1764072000' is not a time"),
        ("null", "'None' is not a time"),
        ("payload", "is not a time"),
        ("timestamp('2027-11-26T12:00:01Z')", "2027-11-26T12:00:01Z is more than 366 days ahead"),
        ("timestamp('9999-12-31T23:59:59Z')", "9999-12-31T23:59:59Z is more than 366 days ahead"),
    ],
)
def test_where_the_time_cannot_be_told_the_rest_is_skipped_and_says_why(text: str, why: str) -> None:
    came = planned(FEED, until(text), MAIL, WAIT, FEED, payload={"word": "soon"})
    assert came.wait is None
    assert [(one.step, one.skip is None) for one in came.messages] == [(0, True), (2, False), (4, False)]
    assert {why in (one.skip or why) for one in came.messages} == {True}


def test_the_longest_delay() -> None:
    assert planned(until("timestamp('2027-11-26T12:00:00Z')"), MAIL).wait == Wait(0, NOW + timedelta(days=366))


def test_a_condition_decides_whether_there_is_a_wait() -> None:
    past = Plan([Planned(1, *TO_ANA)])
    assert planned(DelayStep(key="d", length=HOUR, when="recipient.data.plan == 'free'"), MAIL) == past
    assert planned(DelayStep(key="d", length=HOUR, when="recipient.data.plan == 'pro'"), MAIL).wait == Wait(
        0, NOW + HOUR
    )
    assert planned(until("payload.nothing", when="false"), MAIL) == past


@pytest.mark.parametrize("when", ["payload.nothing", "'yes'", "1"])
def test_a_condition_that_cannot_be_decided_ends_the_run(when: str) -> None:
    came = planned(DelayStep(key="d", length=HOUR, when=when), MAIL)
    assert came.wait is None
    (skipped,) = came.messages
    assert (skipped.skip or "").startswith("condition of its delay cannot be decided: ")


def test_nobody_waits_past_a_deadline_that_was_named() -> None:
    assert planned(WAIT, MAIL, deadline=NOW + 3 * HOUR).wait == Wait(0, NOW + 2 * HOUR)
    for deadline in (NOW + 2 * HOUR, NOW + HOUR):
        came = planned(WAIT, MAIL, deadline=deadline)
        assert came.wait is None
        (skipped,) = came.messages
        assert "delay would end at 2026-11-25T14:00:00Z, past its expires_at" in (skipped.skip or "")


def test_nobody_waits_for_nothing() -> None:
    assert planned(MAIL, WAIT, FEED, channels=["email"]) == Plan([Planned(0, *TO_ANA)])
    assert planned(until("payload.nothing"), FEED, channels=["email"]) == Plan([])
    assert planned(MAIL, WAIT, FEED, channels=["in_app"]) == Plan([], Wait(1, NOW + 2 * HOUR))


def test_conditions_behind_a_delay_are_not_looked_at_before() -> None:
    late = ChannelStep(key="late", channel=Channel.EMAIL, template="email", when="payload.nothing")
    assert planned(WAIT, late) == Plan([], Wait(0, NOW + 2 * HOUR))
    assert planned(WAIT, late, start=1).messages[0].skip == (
        "condition cannot be decided: there is no 'nothing' in the data"
    )


STEPS: st.SearchStrategy[Step] = st.one_of(
    st.just(MAIL),
    st.just(FEED),
    st.builds(DelayStep, key=st.just("d"), length=st.timedeltas(timedelta(milliseconds=1), timedelta(days=366))),
    st.builds(until, st.sampled_from(["payload.x", "'2026-11-25T13:00:00Z'", "timestamp('2020-01-01T00:00:00Z')"])),
)


@given(st.lists(STEPS, min_size=1, max_size=8), st.none() | st.just(["email"]))
def test_every_step_on_a_channel_makes_exactly_one_message(steps: list[Step], channels: list[str] | None) -> None:
    """Followed to its end, a run loses none and repeats none, whatever its delays come to."""
    made, start, now = [], 0, NOW
    ready, scope = [Ready.of(step) for step in steps], Scope(payload={}, trigger={})
    while True:
        came = plan(ready, ANA, scope, now=now, channels=channels, start=start)
        made += [one.step for one in came.messages]
        if came.wait is None:
            break
        assert came.wait.until > now
        assert isinstance(steps[came.wait.step], DelayStep)
        start, now = came.wait.step + 1, came.wait.until
    wanted = {Channel.EMAIL} if channels else set(Channel)
    assert made == [n for n, step in enumerate(steps) if isinstance(step, ChannelStep) and step.channel in wanted]


@given(STEPS)
def test_a_step_survives_being_stored(step: Step) -> None:
    assert from_json(to_json(step)) == step


def test_steps_stored_before_there_were_delays_are_read() -> None:
    assert from_json({"key": "email", "channel": "email", "template": "email", "when": None}) == MAIL
    assert to_json(MAIL) == {"key": "email", "channel": "email", "template": "email", "when": None}
