"""Project folders: what a good one gives, and that every mistake is found, placed and answered with a suggestion."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.project import GOOD, build

from clarion.config import load_settings
from clarion.domain.workflow import Backoff, Channel, ChannelStep, OnUncertain, Priority, Workflow
from clarion.project.defaults import WorkflowDefaults
from clarion.project.load import load_project
from clarion.project.mistake import Mistake, Severity
from clarion.project.project import Project
from clarion.project.settings import Settings
from clarion.project.workflow_file import read_workflow
from clarion.templates.source import Bundle

HOTEL = Path(__file__).parents[2] / "examples/hotel"


def good(folder: Path, files: Mapping[str, str | bytes | None] | None = None) -> Project:
    project, mistakes = load_project(build(folder, files or {}))
    assert mistakes == []
    assert project is not None
    return project


def workflow_of(text: str) -> tuple[Workflow | None, list[str]]:
    found, mistakes = read_workflow(text, "workflows/w.yaml", "w", WorkflowDefaults())
    return (found.workflow if found else None), [str(mistake) for mistake in mistakes]


# ------------------------------------------------------------------------------------------------ what a good one gives


def test_a_small_project(tmp_path: Path) -> None:
    (draft,) = good(tmp_path).workflows
    assert draft.workflow == Workflow(
        key="hello",
        steps=(
            ChannelStep(key="email", channel=Channel.EMAIL, template="email"),
            ChannelStep(key="in_app", channel=Channel.IN_APP, template="in_app"),
        ),
    )
    assert draft.file == "workflows/hello.yaml"
    assert sorted(draft.bundle.templates) == ["email", "in_app"]
    html, text = draft.bundle.templates["email"].parts
    assert (html.kind, html.locale, html.first_line, html.text) == (
        "html",
        None,
        5,
        "<p>Hello {{ recipient.name }}</p>\n",
    )
    assert html.matter == {"subject": "Hello", "layout": "base"}
    assert (text.kind, text.matter, text.first_line) == ("txt", {}, 1)
    assert list(draft.bundle.layouts) == ["base"]


def test_bindings_alone_are_a_project() -> None:
    project, mistakes = load_project(Path(__file__).parents[2] / "examples" / "ticket-expiration")
    assert mistakes == []
    assert project is not None and {one.key for one in project.bindings} == {"order-created", "order-completed"}


def test_everything_a_workflow_can_say() -> None:
    workflow, mistakes = workflow_of(
        """
key: w
category: bookings
priority: critical
attempts: 50
backoff: {waits: [5s, 25s, PT125S], factor: 1.5, longest: 10m, jitter: 0}
expires_after: 1h30m
on_uncertain: hold
sender: Hotel Aurora <stay@hotel.example>
steps:
  - {key: first, channel: email, template: short, when: payload.total > 10}
  - channel: email
"""
    )
    assert mistakes == []
    assert workflow == Workflow(
        key="w",
        category="bookings",
        priority=Priority.CRITICAL,
        attempts=50,
        backoff=Backoff(
            waits=(timedelta(seconds=5), timedelta(seconds=25), timedelta(seconds=125)),
            factor=1.5,
            longest=timedelta(minutes=10),
            jitter=0.0,
        ),
        expires_after=timedelta(minutes=90),
        on_uncertain=OnUncertain.HOLD,
        sender="Hotel Aurora <stay@hotel.example>",
        steps=(
            ChannelStep(key="first", channel=Channel.EMAIL, template="short", when="payload.total > 10"),
            ChannelStep(key="email", channel=Channel.EMAIL, template="email"),
        ),
    )
    assert Workflow.from_json(json.loads(json.dumps(workflow.to_json()))) == workflow


@pytest.mark.parametrize(
    ("text", "backoff"),
    [
        ("5s", Backoff(waits=(timedelta(seconds=5),))),
        ("[1s, 2s]", Backoff(waits=(timedelta(seconds=1), timedelta(seconds=2)))),
        ("{factor: 2}", Backoff(factor=2.0)),
        ("2h", Backoff(waits=(timedelta(hours=2),), longest=timedelta(hours=2))),
        ("0s", Backoff(waits=(timedelta(0),))),
    ],
)
def test_short_forms_of_backoff(text: str, backoff: Backoff) -> None:
    workflow, mistakes = workflow_of(f"backoff: {text}\nsteps: [{{channel: email}}]")
    assert mistakes == []
    assert workflow is not None
    assert workflow.backoff == backoff


def test_defaults_come_from_the_settings(tmp_path: Path) -> None:
    toml = "default_locale = 'pt'\n[email]\nfrom = 'a@hotel.example'\n[defaults]\nattempts = 7\nexpires_after = '1h'\n"
    project = good(tmp_path, {"clarion.toml": toml})
    assert project.default_locale == "pt"
    assert project.workflows[0].workflow.attempts == 7
    assert project.workflows[0].workflow.expires_after == timedelta(hours=1)
    given_ones, _ = load_project(tmp_path, WorkflowDefaults(attempts=2))
    assert given_ones is not None
    configured = load_settings({"project": tmp_path}, {"CLARION_DEFAULTS_ATTEMPTS": "9"})
    by_settings, mistakes = load_project(tmp_path, WorkflowDefaults.from_settings(configured))
    assert mistakes == []
    assert by_settings is not None
    assert by_settings.default_locale == "pt"
    assert by_settings.workflows[0].workflow.attempts == 9
    assert given_ones.workflows[0].workflow.attempts == 2


def test_the_defaults_are_the_same_wherever_they_are_written() -> None:
    workflow, usual, configured = Workflow(key="w", steps=()), WorkflowDefaults(), Settings()
    assert usual.attempts == workflow.attempts == configured.defaults.attempts
    assert usual.expires_after == workflow.expires_after == configured.defaults.expires_after
    assert usual.default_locale == configured.default_locale


@pytest.mark.parametrize(
    ("sender", "toml", "said"),
    [
        ("a@other.example", "from = 'b@hotel.example'", "the domain other.example is not among those of"),
        ("a@other.example", "from_domains = ['hotel.example']", "email.from_domains (hotel.example)"),
        ("a@hotel.example", "from = 'b@hotel.example'", None),
        ("a@other.example", "from_domains = ['*']", None),
        (None, "from_domains = ['hotel.example']", "warning: its mails have no sender; set `email.from`"),
    ],
)
def test_senders_have_an_allowed_domain(tmp_path: Path, sender: str | None, toml: str, said: str | None) -> None:
    line = f"sender: {sender}\n" if sender else ""
    files = {"workflows/hello.yaml": line + GOOD["workflows/hello.yaml"], "clarion.toml": f"[email]\n{toml}\n"}
    _, mistakes = load_project(build(tmp_path, files))
    if said is None:
        assert mistakes == []
    else:
        (mistake,) = mistakes
        assert said in str(mistake)


def test_a_byte_order_mark_and_other_line_ends_do_no_harm(tmp_path: Path) -> None:
    files: dict[str, str | bytes | None] = {
        name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in GOOD.items()
    }
    plain = good(tmp_path / "plain").workflows[0]
    assert good(tmp_path / "windows", files).workflows[0].content_hash == plain.content_hash


def test_an_empty_folder_is_a_project_without_workflows(tmp_path: Path) -> None:
    project, (warning,) = load_project(tmp_path)
    assert project is not None
    assert project.workflows == ()
    assert warning.severity is Severity.WARNING


def test_the_hash_is_stable_and_changes_with_content(tmp_path: Path) -> None:
    first = good(tmp_path / "a").workflows[0]
    assert good(tmp_path / "b").workflows[0].content_hash == first.content_hash
    assert len(first.content_hash) == 64
    changed = [
        {"workflows/hello.yaml": GOOD["workflows/hello.yaml"] + "attempts: 4\n"},
        {"templates/hello/email.txt": "Good day {{ recipient.name }}\n"},
        {"templates/hello/email.de.html": "---\nsubject: Hallo\n---\n<p>Hallo</p>"},
        {"layouts/base.html": "<main>{{ content }}</main>"},
    ]
    hashes = {good(tmp_path / str(i), {**files}).workflows[0].content_hash for i, files in enumerate(changed)}
    assert len(hashes | {first.content_hash}) == 5
    comment = {"workflows/hello.yaml": "# only a comment\n" + GOOD["workflows/hello.yaml"]}
    assert good(tmp_path / "c", {**comment}).workflows[0].content_hash == first.content_hash


def test_what_is_stored_reads_back(tmp_path: Path) -> None:
    draft = good(tmp_path).workflows[0]
    definition, bundle, hash = draft.to_json()
    assert Workflow.from_json(json.loads(json.dumps(definition))) == draft.workflow
    assert Bundle.from_json(json.loads(json.dumps(bundle))).to_json() == bundle
    assert hash == draft.content_hash


def test_another_workflows_layout_is_not_part_of_the_version(tmp_path: Path) -> None:
    more: dict[str, str | bytes | None] = {
        "layouts/outer.html": "<html>{{ content }}</html>",
        "layouts/base.html": "---\nlayout: outer\n---\n<body>{% render 'footer' %}{{ content }}</body>\n",
        "layouts/footer.html": "<hr>",
        "layouts/other.html": "<i>{{ content }}</i>",
    }
    project, mistakes = load_project(build(tmp_path, more))
    assert [str(m) for m in mistakes] == ["layouts/other.html: warning: no template uses this layout"]
    assert project is not None
    assert sorted(project.workflows[0].bundle.layouts) == ["base", "footer", "outer"]


def test_the_hotel_example_has_no_mistake() -> None:
    project, mistakes = load_project(HOTEL)
    assert mistakes == []
    assert project is not None
    draft, besides = project.workflows
    assert {step.channel for one in project.workflows for step in one.workflow.channel_steps} == set(Channel)
    assert besides.workflow.key == "room-ready"
    assert draft.workflow.key == "booking-confirmed"
    assert [step.channel for step in draft.workflow.channel_steps] == [Channel.EMAIL, Channel.IN_APP]
    for template in draft.bundle.templates.values():
        assert {part.locale for part in template.parts} == {None, "de", "fr", "ja", "pt"}


# ----------------------------------------------------------------------------------------------------- mistakes in YAML


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "workflows/w.yaml: the file is empty; a workflow needs at least `steps`"),
        ("# nothing\n", "workflows/w.yaml: the file is empty"),
        ("hello", "workflows/w.yaml:1:1: a workflow must be a table of keys and values, not text"),
        ("- a", "must be a table of keys and values, not a list"),
        ("priority: high", "workflows/w.yaml:1:1: there are no `steps`"),
        ("steps: [", "workflows/w.yaml:1:9: it is not YAML"),
        (
            "a: b: c",
            "workflows/w.yaml:1:5: it is not YAML: mapping values are not allowed here; put the text in quotes",
        ),
        ("steps:\n\t- channel: email", "workflows/w.yaml:2:1: it is not YAML"),
        ("--- {}\n--- {}", "expected a single document"),
        ("a: \x07", "workflows/w.yaml:1: it holds the character U+0007"),
        ("? [a, b]\n: c\nsteps: [{channel: email}]", "unknown key `a list`"),
    ],
)
def test_yaml_that_is_no_workflow(text: str, said: str) -> None:
    workflow, (mistake,) = workflow_of(text)
    assert workflow is None or "unknown key" in mistake
    assert said in mistake


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("priorty: high", ":1:1: unknown key `priorty`; did you mean `priority`?"),
        ("Expires-After: 2d", ":1:1: unknown key `Expires-After`; did you mean `expires_after`?"),
        ("zzz: 1", ":1:1: unknown key `zzz`; expected one of `attempts`, `backoff`"),
        ("<<: {a: b}", ":1:1: unknown key `<<`"),
        ("key: other", ":1:6: the key `other` is not the file's name; write `w`, or rename the file"),
        ("key: 12", ':1:6: `key` must be text, not a whole number; put it in quotes: "12"'),
        ("category: no", ':1:11: `category` must be text, not true or false; put it in quotes: "no"'),
        ("category: Big News", "`category`: `Big News` is not a name; use a-z, 0-9, - and _, for example `big-news`"),
        ("category:", ":1:10: `category` must be text, not nothing; say what it is, or leave the line out"),
        ("category: ''", "`category` is empty"),
        ("category: !!python/object/apply:os.system [id]", "must be text, not something tagged"),
        ("priority: urgent", "`urgent` is not a priority; expected one of `critical`, `high`, `low`, `normal`"),
        ("priority: hihg", "`hihg` is not a priority; did you mean `high`?"),
        ("priority: 1", "`priority` must be text, not a whole number"),
        ("priority: -1", "`priority` must be text, not a whole number"),
        ("attempts: 0", ":1:11: `attempts` must be a whole number from 1 to 50, not 0"),
        ("attempts: 51", "not 51"),
        ("attempts: true", "`attempts` must be a whole number from 1 to 50, not true or false"),
        ('attempts: "3"', "`attempts` must be a whole number from 1 to 50, not text"),
        ("attempts: 3.0", "not 3.0"),
        ("attempts: 0x10", "not 0x10"),
        ("attempts: 1_0", "not 1_0"),
        ("attempts: 1:30", "not 1:30"),
        ("attempts: " + "9" * 5_000, "must be a whole number"),
        ("attempts: .nan", "not .nan"),
        (
            "expires_after: 60",
            "`expires_after` must be a length of time such as 5s, 10m or 2d, not a whole number; did you mean 60s?",
        ),
        ("expires_after: x", "'x' is not a length of time"),
        ("expires_after: -5s", "cannot be negative"),
        ("expires_after: 400d", "at most 366d"),
        ("expires_after: 0s", "`expires_after` must be from 1s to 366d, not 0s"),
        ("expires_after: 2026-01-01", "not a date"),
        ("on_uncertain: maybe", "`maybe` is not a on uncertain"),
        ("sender: nobody", "`sender`:"),
        ('sender: "a@b.example\\r\\nBcc: x@y.example"', "`sender`:"),
        ("sender: a@b.example, c@d.example", "`sender`:"),
        ("backoff: fast", ":1:10: `backoff`: 'fast' is not a length of time"),
        (
            "backoff: [5s, 25]",
            ":1:15: `backoff` must be a length of time such as 5s, 10m or 2d, not a whole number; did you mean 25s?",
        ),
        ("backoff: []", "`waits` must be a list of 1 to 50"),
        ("backoff: {wait: 5s}", "unknown key `wait`; did you mean `waits`?"),
        ("backoff: {factor: 0.5}", "`factor` must be a number from 1 to 100, not 0.5"),
        ("backoff: {jitter: 2}", "`jitter` must be a number from 0 to 1, not 2"),
        ("backoff: {waits: [1h], longest: 1m}", "a wait is longer than `longest`"),
        ("attempts: 2\nattempts: 3", ":2:1: `attempts` is there twice: first on line 1; keep one of the two"),
    ],
)
def test_what_a_workflow_says_wrongly(line: str, said: str) -> None:
    workflow, mistakes = workflow_of(line + "\nsteps: [{channel: email}]\n")
    assert workflow is not None  # good enough to go on checking
    assert len(mistakes) == 1, mistakes
    assert said in mistakes[0]
    assert mistakes[0].startswith("workflows/w.yaml:")
    assert len(mistakes[0]) < 400


def test_all_mistakes_at_once() -> None:
    _, mistakes = workflow_of(
        "prio: 1\nattempts: 0\nbackoff: x\nsteps:\n- channel: emial\n- {channel: email, when: '1 +'}\n"
    )
    assert [mistake.split(": ")[0] for mistake in mistakes] == [
        "workflows/w.yaml:1:1",
        "workflows/w.yaml:2:11",
        "workflows/w.yaml:5:12",
        "workflows/w.yaml:6:30",
        "workflows/w.yaml:3:10",
    ]


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(), "it has more than 100 aliases"),
        ("a: " + "[" * 30_000, "it has more than 16 levels"),
        ("a: " + "{b: " * 15_000, "it has more than 16 levels"),
        ("a: [" + "x," * 30_000 + "]", "it has more than 5,000 values"),
        ("a: " + "x" * 100_000, "it is longer than 64 KiB"),
        ("a: &a [*a]\nsteps: [{channel: email}]", "unknown key `a`"),
    ],
)
def test_yaml_made_to_hurt(text: str, said: str) -> None:
    began = time.monotonic()
    _, mistakes = workflow_of(text)
    assert any(said in mistake for mistake in mistakes), mistakes[:3]
    assert time.monotonic() - began < 5


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_whatever_the_text_it_is_a_workflow_or_there_are_mistakes(text: str) -> None:
    workflow, mistakes = workflow_of(text)
    assert workflow is not None or mistakes
    assert all(mistake.startswith("workflows/w.yaml") for mistake in mistakes)


def test_mistakes_as_json() -> None:
    mistake = Mistake(file="a.yaml", line=1, column=2, message="m", hint="h")
    assert json.loads(json.dumps(mistake.to_json())) == {
        "file": "a.yaml", "line": 1, "column": 2, "severity": "error", "message": "m", "hint": "h"
    }  # fmt: skip
