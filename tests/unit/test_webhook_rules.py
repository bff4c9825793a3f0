"""What a failure means for a webhook, what a step may say of one, and how a secret is kept."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_project_steps import steps_of

from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.step import Channel, ChannelStep, from_json, to_json
from clarion.domain.vault import NONCE, Vault
from clarion.domain.webhook import Health, Landed, after

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIVE_DAYS = timedelta(days=5)
SENT, GONE, BAD = Sent("HTTP 200"), Reject("HTTP 410: no more", code="gone"), Reject("HTTP 404")
BUSY = Retry("HTTP 429", after=timedelta(seconds=30), pause_provider=True)
OUTCOMES = st.lists(
    st.sampled_from([SENT, GONE, BAD, BUSY, Retry("HTTP 500"), Uncertain("reset")]), min_size=1, max_size=6
)
SINCE = st.none() | st.integers(0, 10 * 24).map(lambda hours: NOW - timedelta(hours=hours))


@given(since=SINCE, outcomes=OUTCOMES)
def test_a_webhook_is_given_up_when_it_says_so_or_fails_for_long_and_never_else(
    since: datetime | None, outcomes: list[Outcome]
) -> None:
    was = Health(failing_since=since, error="before" if since else None)
    now = after(was, outcomes, NOW, FIVE_DAYS)
    arrived, gone = SENT in outcomes, GONE in outcomes
    assert (now.disabled is not None) == (gone or (not arrived and since is not None and NOW - since >= FIVE_DAYS))
    if not gone:
        assert now.failing_since == (None if arrived else since or NOW)
    assert (now.failing_since is None) == (now.error is None)
    if now.disabled is None:
        assert now.paused_until == (NOW + timedelta(seconds=30) if BUSY in outcomes else None)
    if was == Health() and outcomes == [SENT]:
        assert now == was
    assert Landed(outcomes, since is not None).matters == (since is not None or any(one != SENT for one in outcomes))


def test_a_pause_ends_by_itself_and_is_never_shortened() -> None:
    later, past = NOW + timedelta(hours=1), NOW - timedelta(seconds=1)
    assert after(Health(paused_until=later), [BUSY], NOW, FIVE_DAYS).paused_until == later
    assert after(Health(paused_until=later), [SENT], NOW, FIVE_DAYS).paused_until == later
    assert after(Health(paused_until=past), [SENT], NOW, FIVE_DAYS) == Health()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("steps: [{channel: webhook, template: x}]", "a step on `webhook` has no words, so no `template`"),
        ("steps: [{channel: webhook, type: a b}]", "`type`: expected up to 128 letters, digits and _"),
        ("steps: [{channel: webhook, data: {a: {b: paylod.x}}}]", ":1:42: `data`: `paylod` is not known here"),
        ("steps: [{channel: webhook, data: {a: shipped}}]", "for the text itself write \"'shipped'\""),
        ("steps: [{channel: webhook, data: null}]", "`data` is empty"),
        ("steps: [{channel: email, data: {a: '1'}}]", "a step on `email` has no `data`; only those on `webhook` have"),
        ("steps: [{channel: sms, type: x}]", "a step on `sms` has no `type`"),
        ("steps: [{delay: 1h, type: x}]", "a step with a `delay` has no `type`"),
    ],
)
def test_what_a_step_says_wrongly_of_a_webhook(steps: str, said: str) -> None:
    _, mistakes = steps_of(steps)
    assert any(said in mistake for mistake in mistakes), mistakes


def test_a_step_comes_back_as_it_was_stored() -> None:
    step = ChannelStep(
        key="told",
        channel=Channel.WEBHOOK,
        template="webhook",
        type="order.shipped",
        data={"a": ["payload.x", 1, None]},
    )
    assert from_json(to_json(step)) == step
    mail = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
    assert from_json(to_json(mail)) == mail
    assert "data" not in to_json(mail), "what was published before stays the same"


SECRET, OLD = b"a secret of tests, long enough to be one", b"another one, of before, as long as that"


def test_what_is_sealed_opens_for_its_owner_alone() -> None:
    tenant, nonce = uuid4(), os.urandom(NONCE)
    vault = Vault(SECRET)
    sealed = vault.seal(tenant, "webhook|ann|1", b"whsec_x", nonce=nonce)
    assert b"whsec_x" not in sealed
    assert vault.open(tenant, "webhook|ann|1", sealed) == b"whsec_x"
    assert vault.open(tenant, "webhook|ann|2", sealed) is None
    assert vault.open(uuid4(), "webhook|ann|1", sealed) is None
    assert Vault(OLD).open(tenant, "webhook|ann|1", sealed) is None
    assert Vault(OLD, SECRET).open(tenant, "webhook|ann|1", sealed) == b"whsec_x"
    assert (vault.is_present(sealed), Vault(OLD, SECRET).is_present(sealed)) == (True, False)


@given(at=st.integers(0, 200), to=st.integers(0, 255))
def test_not_one_octet_of_it_can_be_changed(at: int, to: int) -> None:
    tenant, vault = uuid4(), Vault(SECRET)
    sealed = bytearray(vault.seal(tenant, "x", b"whsec_" + b"b" * 40, nonce=bytes(NONCE)))
    at %= len(sealed)
    if sealed[at] != to:
        sealed[at] = to
        assert vault.open(tenant, "x", bytes(sealed)) is None
    assert vault.open(tenant, "x", b"") is None
