"""The table of outcomes: what each reply, or none, means for a mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.channels.email.outcome import Phase, clean, of_failure, of_reply
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Pushback, Reject, Retry, Sent, Uncertain

BEFORE = [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY]


@pytest.mark.parametrize("phase", Phase)
def test_only_after_the_dot_nobody_knows(phase: Phase) -> None:
    outcome = of_failure(phase, "reset")
    if phase is Phase.DOT:
        assert outcome == Uncertain("the final dot: reset")
    else:
        assert isinstance(outcome, Retry)
        assert not outcome.pause_provider


@given(st.sampled_from(Phase), st.integers(0, 999), st.text(max_size=400))
def test_sent_needs_a_2xx_to_the_dot_and_always_has_an_id(phase: Phase, code: int, text: str) -> None:
    outcome = of_reply(phase, code, text)
    assert isinstance(outcome, Sent) == (phase is Phase.DOT and 200 <= code < 300)
    if isinstance(outcome, Sent):
        assert outcome.provider_id
        assert outcome.provider_id.isprintable()
    elif isinstance(outcome, Reject):
        assert 500 <= code < 600
    elif isinstance(outcome, Uncertain):
        assert phase is Phase.DOT
        assert not 200 <= code < 600 or 300 <= code < 400


@pytest.mark.parametrize("phase", [*BEFORE, Phase.DOT])
@pytest.mark.parametrize("code", [450, 451, 452, 421, 454])
def test_a_4xx_is_tried_again(phase: Phase, code: int) -> None:
    outcome = of_reply(phase, code, "4.0.0 later")
    assert isinstance(outcome, Retry)
    everybody = code == 454 or (code == 421 and phase is not Phase.DOT and phase < Phase.RCPT)
    assert outcome.pause_provider == everybody
    assert (outcome.after is not None) == (code in {421, 454})


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT])
@pytest.mark.parametrize(
    ("code", "text", "pushback", "blameless"),
    [
        (421, "no enhanced code", Pushback.AWAY, True),
        (421, "4.7.28 unusual rate", Pushback.AWAY, True),
        (450, "4.7.0 temporarily deferred", Pushback.AWAY, True),
        (451, "4.7.650 this address is rate limited", Pushback.AWAY, True),
        (451, "4.3.2 not accepting messages", Pushback.AWAY, True),
        (450, "4.7.1 greylisted", Pushback.SLOWER, True),
        (451, "try later", Pushback.SLOWER, True),
        (451, "4.4.1 no answer from host", Pushback.SLOWER, True),
        (450, "4.2.1 this mailbox gets too much", None, True),
        (452, "4.2.2 mailbox full", None, True),
        (452, "4.3.1 our disk is full", None, False),
        (451, "4.7.00000001 no such code", Pushback.SLOWER, True),
    ],
)
def test_what_a_4xx_says_of_the_domain(
    phase: Phase, code: int, text: str, pushback: Pushback | None, blameless: bool
) -> None:
    outcome = of_reply(phase, code, text)
    assert isinstance(outcome, Retry)
    assert (outcome.pushback, outcome.blameless, outcome.pause_provider) == (pushback, blameless, False)
    early = of_reply(Phase.MAIL, code, text)
    assert isinstance(early, Retry)
    assert early.pushback is None


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.TLS, Phase.AUTH])
@pytest.mark.parametrize("code", [421, 450, 500, 535, 554])
def test_before_mail_no_reply_burns_a_mail(phase: Phase, code: int) -> None:
    outcome = of_reply(phase, code, "no")
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_missing_login_burns_no_mail(code: int) -> None:
    for phase in (*BEFORE, Phase.DOT):
        outcome = of_reply(phase, code, "5.7.0 log in")
        assert isinstance(outcome, Retry)
        assert outcome.pause_provider


@pytest.mark.parametrize(
    ("phase", "code", "text", "expected"),
    [
        (Phase.RCPT, 550, "5.1.1 no such user", "invalid_recipient"),
        (Phase.RCPT, 550, "no such user", "invalid_recipient"),
        (Phase.RCPT, 551, "moved", "invalid_recipient"),
        (Phase.RCPT, 553, "bad name", "invalid_recipient"),
        (Phase.RCPT, 554, "no", "invalid_recipient"),
        (Phase.RCPT, 554, "5.7.1 relaying denied", "rejected"),
        (Phase.RCPT, 552, "5.2.2 mailbox full", "rejected"),
        (Phase.MAIL, 550, "not you", "sender_refused"),
        (Phase.MAIL, 552, "5.3.4 too big", "too_large"),
        (Phase.MAIL, 552, "too big", "too_large"),
        (Phase.DATA, 554, "no", "rejected"),
        (Phase.DOT, 554, "5.7.1 spam", "rejected"),
        (Phase.DOT, 552, "too big", "too_large"),
        (Phase.DOT, 552, "5.2.2 mailbox full", "rejected"),
        (Phase.DOT, 554, "5.3.4 too big", "too_large"),
        (Phase.DOT, 500, "what?", "rejected"),
        (Phase.BODY, 552, "too big", "too_large"),
    ],
)
def test_a_5xx_says_why(phase: Phase, code: int, text: str, expected: str) -> None:
    outcome = of_reply(phase, code, text)
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.code) == (f"{phase.label}: {code} {text}", expected)


@pytest.mark.parametrize(
    ("phase", "text", "expected"),
    [
        (Phase.RCPT, "5.1.1 no such user", Feedback.HARD_BOUNCE),
        (Phase.DATA, "5.1.1", Feedback.HARD_BOUNCE),
        (Phase.DOT, "5.2.1 disabled", Feedback.HARD_BOUNCE),
        (Phase.RCPT, "5.1.10 null MX", Feedback.HARD_BOUNCE),
        (Phase.RCPT, "5.2.2 full", Feedback.SOFT_BOUNCE),
        (Phase.MAIL, "5.1.1 you are nobody", None),
        (Phase.RCPT, "no such user 5.1.1", None),
        (Phase.RCPT, "5.1.100 what", None),
        (Phase.RCPT, "5.1.1.2 what", None),
        (Phase.RCPT, "5.7.1 go away", None),
        (Phase.RCPT, "5.1.8 bad sender", None),
        (Phase.RCPT, "no such user", None),
    ],
)
def test_of_the_mailbox_only_an_enhanced_code_says_something(
    phase: Phase, text: str, expected: Feedback | None
) -> None:
    outcome = of_reply(phase, 550, text)
    assert isinstance(outcome, Reject)
    assert outcome.feedback is expected


@pytest.mark.parametrize("code", [500, 502, 503])
def test_out_of_step_is_no_verdict_on_the_mail(code: int) -> None:
    assert all(isinstance(of_reply(phase, code, "bad sequence"), Retry) for phase in BEFORE)


@given(st.text(max_size=1000))
def test_a_servers_text_is_one_short_line(text: str) -> None:
    said = clean(text)
    assert len(said) <= 300
    assert said.isprintable()


def test_what_is_readable_is_kept() -> None:
    assert clean("2.0.0 Ok: queued as ABC") == "2.0.0 Ok: queued as ABC"
    assert clean("first\nsecond\x1b[31m ünder") == "first second [31m ünder"
    assert clean("x" * 301) == "x" * 299 + "…"
