"""The steps of a workflow file: what they say, and every mistake in them with its place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clarion.domain.step import Channel, ChannelStep, DelayStep, Step
from clarion.project.defaults import WorkflowDefaults
from clarion.project.workflow_file import read_workflow


def steps_of(text: str) -> tuple[tuple[Step, ...], list[str]]:
    found, mistakes = read_workflow(text, "workflows/w.yaml", "w", WorkflowDefaults())
    return (found.workflow.steps if found else ()), [str(mistake) for mistake in mistakes]


def test_channels_and_delays() -> None:
    steps, mistakes = steps_of(
        "steps:\n"
        "  - channel: email\n"
        "  - delay: 1h30m\n"
        "  - key: before-departure\n"
        "    delay: {until: \"timestamp(payload.departs_at) - duration('3h')\"}\n"
        "    when: payload.remind\n"
        "  - {key: reminder, channel: email, template: reminder}\n"
    )
    assert mistakes == []
    assert steps == (
        ChannelStep(key="email", channel=Channel.EMAIL, template="email"),
        DelayStep(key="delay", length=timedelta(minutes=90)),
        DelayStep(
            key="before-departure", until="timestamp(payload.departs_at) - duration('3h')", when="payload.remind"
        ),
        ChannelStep(key="reminder", channel=Channel.EMAIL, template="reminder"),
    )


WAITS = '`delay` is a length of time such as 2h, or {until: "a time in CEL"}'
SENDS_OR_WAITS = f"`channel` is one of `email`, `sms`, `push`, `chat`, `in_app`, `webhook`; {WAITS}"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("steps: email", ":1:8: `steps` must be a list of 1 to 50 steps; begin each with `- channel: …`"),
        ("steps: []", "`steps` must be a list of 1 to 50 steps"),
        ("steps: [email]", ":1:9: a step must be a table of keys and values, not text"),
        ("steps: [{key: a}]", f":1:9: the step has neither `channel` nor `delay`; {SENDS_OR_WAITS}"),
        ("steps: [{delay: [2h]}]", f":1:17: `delay` cannot be a list; {WAITS}"),
        ("steps: [{delay: 2}]", ":1:17: `delay` must be a length of time such as 5s, 10m or 2d, not a whole number;"),
        ("steps: [{delay: 2 hours}]", ":1:17: `delay`: '2 hours' is not a length of time"),
        ("steps: [{delay: 0s}]", ":1:17: `delay` must be from 0.001s to 366d, not 0s"),
        ("steps: [{delay: 367d}]", ":1:17: `delay`: '367d' is too long: at most 366d"),
        ("steps: [{delay: {for: 2h}}]", ":1:18: unknown key `for`; expected `until`"),
        ("steps: [{delay: {}}]", f":1:17: the delay has no `until`; {WAITS}"),
        ("steps: [{delay: {until: payload.}}]", ":1:33: `until`: "),
        ("steps: [{delay: {until: paylod.at}}]", ":1:25: `until`: `paylod` is not known here: did you mean `payload`?"),
        ("steps: [{delay: 2h, channel: email}]", ":1:30: a step with a `delay` has no `channel`; make two steps"),
        ("steps: [{channel: email}, {delay: 2h}]", ":1:27: nothing comes after the delay `delay`; put what shall"),
        ("steps: [{delay: 2h}, {delay: 2h}, {channel: email}]", ":1:22: two steps have the key `delay`: the other is"),
        ("steps: [{channel: emial}]", ":1:19: `emial` is not a channel; did you mean `email`?"),
        ("steps: [{channel: fax}]", "`fax` is not a channel; expected one of `chat`, `email`, `in_app`, `push`, `sms`"),
        ("steps: [{channel: email, wen: x}]", "unknown key `wen`; did you mean `when`?"),
        ("steps: [{channel: email, template: ../../etc/passwd}]", "`../../etc/passwd` is not a name"),
        (
            "steps:\n  - channel: email\n  - channel: email\n",
            ":3:5: two steps have the key `email`: the other is on line 2; give one of them another `key`",
        ),
        ("steps: [{channel: email, when: true}]", '`when` must be text, not true or false; put it in quotes: "true"'),
        ("steps: [{channel: email, when: !payload.x}]", "put the text in quotes"),
        ("steps:\n- channel: email\n  when: payload.n >", ":3:20: `when`: mismatched input the end"),
        ("steps:\n- channel: email\n  when: 'payload.n > && 2'", ":3:22: `when`: extraneous input '&&'"),
        (
            "steps:\n- channel: email\n  when: |\n    payload.n > 2\n    && recpient.x",
            ":5: `when`: `recpient` is not known",
        ),
        ("steps:\n- channel: email\n  when: recipient.plan == 'x'", ":3:19: `when`: a recipient has no `plan`"),
    ],
)
def test_what_steps_say_wrongly(steps: str, said: str) -> None:
    _, mistakes = steps_of(steps)
    assert any(said in mistake for mistake in mistakes), mistakes
