"""The pages about statuses, events and tables say what the source says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest
from tests.support.docs import ROOT, SOURCE, blocks, calls, page, rows, section, source_files, texts

from clarion.api.gate import CALLBACKS
from clarion.channels.account import LARGEST_CALLBACK
from clarion.channels.email import resend_callbacks
from clarion.channels.kinds import kinds
from clarion.channels.options import OLDEST
from clarion.domain.callback import SAID, TOLD, Fate
from clarion.domain.duration import parse_duration
from clarion.domain.status import MOVES, OPEN, RETRYABLE, Status, mermaid
from clarion.domain.workflow import Channel
from clarion.flows import retention
from clarion.flows.verify import SAYS
from clarion.store.routing import HELD_BACK

STATUSES = page("reference/statuses.md")
EVENTS = page("reference/events-in-logs.md")
SCHEMA = "\n".join(path.read_text() for path in sorted((SOURCE / "store/migrations/versions").glob("*.sql")))

#: How a message's end is logged when it is no success: by its status.
_BY_STATUS = "message."


def _comments() -> dict[str, str]:
    """What `domain/status.py` says of each status."""
    source = (SOURCE / "domain/status.py").read_text()
    return dict(re.findall(r'^    [A-Z]+ = "(\w+)"  #: (.*)$', source, re.MULTILINE))


def test_every_status_is_told_in_the_words_of_the_source() -> None:
    told = {cells[0]: cells[1] for cells in rows(section(STATUSES, "Of a message"))}
    assert told == _comments()
    assert told.keys() == {status.value for status in Status} == {status.value for status in MOVES}


def test_the_diagram_is_the_table_of_moves() -> None:
    (drawn,) = blocks(page("explanation/lifecycle.md"), "mermaid")
    assert drawn.strip() == mermaid()


def test_the_life_of_a_message_names_what_is_open_and_what_may_be_retried() -> None:
    life = page("explanation/lifecycle.md")
    assert " and ".join(f"`{status}`" for status in sorted(OPEN)) + " are the open ones" in life
    for status in RETRYABLE:
        told = {cells[0]: cells[2] for cells in rows(section(STATUSES, "Of a message"))}
        assert "retry" in told[status]


@pytest.mark.parametrize(
    ("heading", "constraint"),
    [
        ("Of an attempt", "attempt_status"),
        ("Of a trigger", "trigger_status"),
        ("Of a timer", "timer_status"),
        ("Of a run of a schedule", "schedule_run_status"),
    ],
)
def test_other_statuses_are_those_that_the_database_allows(heading: str, constraint: str) -> None:
    (allowed,) = re.findall(rf"CONSTRAINT {constraint} CHECK \(status IN \((.*?)\)\)", SCHEMA, re.DOTALL)
    assert {cells[0] for cells in rows(section(STATUSES, heading))} == set(re.findall(r"'(\w+)'", allowed))


def test_a_timeline_holds_what_is_told() -> None:
    written = set()
    for path in source_files():
        for name, call in calls(path):
            if name == "Verdict":
                written |= {
                    text for keyword in call.keywords if keyword.arg == "event" for text in texts(keyword.value)
                }
            if name == "note" and len(call.args) > 3:
                written |= texts(call.args[3])
            if name == "_entry" and path.name == "messages.py":
                written |= texts(call.args[1]) - {"created", "attempt"}
    written |= {*TOLD.values(), *SAID.values(), HELD_BACK}
    assert {cells[0] for cells in rows(section(STATUSES, "In a timeline"))} == written


def test_what_providers_tell_is_told() -> None:
    told = page("explanation/callbacks.md")
    words = {cells[0]: cells[-1] for cells in rows(section(told, "Words"))}
    assert words == {status.value: f"`{kind}`" for status, kind in TOLD.items()}
    outcomes = {cells[0] for cells in rows(section(told, "What becomes of a report"))}
    assert outcomes == {fate.value for fate in Fate} | {"empty", "forged"}
    assert f"{LARGEST_CALLBACK // 1024} KiB a body" in told
    for kind in kinds().values():
        if kind.callbacks is not None and kind.largest_callback != LARGEST_CALLBACK:
            assert f"`{kind.name}` {kind.largest_callback // 1024} KiB" in told.replace("\n", " ")
    assert f"{CALLBACKS:,} requests a second" in told


def test_what_is_signed_is_believed_as_long_as_it_is_said_and_its_keys_are_kept_for_longer() -> None:
    believed = {cells[0].partition("`")[0]: cells[-1].strip("`") for cells in rows(page("explanation/callbacks.md"))}
    believed = {name: age for name, age in believed.items() if name in kinds()}
    asked = {
        kind.name: option.default
        for kind in kinds().values()
        for option in kind.options
        if option.key == "callback_age"
    }
    assert asked and asked.items() <= believed.items()
    assert parse_duration(believed["resend"]) == resend_callbacks.AGE
    assert max(OLDEST, *map(parse_duration, believed.values())) < retention._SEEN


def _logged() -> dict[str, str]:
    """Every event that the source logs, with its level, or all of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in source_files():
        for level, call in calls(path):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            if not isinstance(owner, ast.Name) or owner.id != "log" or not call.args:
                continue
            level = "error" if level == "exception" else level
            for event in texts(call.args[0]):
                found[event].add(level)
            if any(isinstance(part, ast.JoinedStr) for part in ast.walk(call.args[0])):
                for status in _statuses_of_verdicts():
                    found[f"{_BY_STATUS}{status}"].add(level)
    return {event: ", ".join(sorted(levels, reverse=True)) for event, levels in found.items()}


def _statuses_of_verdicts() -> set[str]:
    """The statuses with which a message may end that are no success."""
    named = set()
    for path in source_files():
        for name, call in calls(path):
            if name == "Verdict":
                named |= {
                    keyword.value.attr
                    for keyword in call.keywords
                    if keyword.arg == "status" and isinstance(keyword.value, ast.Attribute)
                }
    return {Status[name].value for name in named - {"SENT", "DELIVERED", "QUEUED"}}


def test_every_event_is_told_with_its_level_and_no_other() -> None:
    logged = _logged()
    assert len(logged) > 30
    assert {cells[0]: cells[1] for cells in rows(EVENTS)} == logged


def test_every_table_is_told_and_no_other() -> None:
    made = set(re.findall(r"^CREATE TABLE (\w+)", SCHEMA, re.MULTILINE))
    assert {cells[0] for cells in rows(page("reference/database.md"))} == made


def test_every_channel_and_every_rule_has_a_name() -> None:
    channels = {
        cells[0]: cells[1] for cells in re.findall(r"^\| (channel|queue) \| (.*) \|$", _glossary(), re.MULTILINE)
    }
    assert all(f"`{channel.value}`" in channels["channel"] for channel in Channel)
    rules = set(re.findall(r"^-- name: (\w+)", (SOURCE / "store/verify.sql").read_text(), re.MULTILINE))
    assert rules == SAYS.keys()


def test_every_promise_that_the_source_refers_to_is_told() -> None:
    told = set(re.findall(r"^\| (P\d+) \|", page("explanation/promises.md"), re.MULTILINE))
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql"), *(ROOT / "tests").rglob("*.py")]
    meant = {number for file in files for number in re.findall(r"PROMISES (P\d+)", file.read_text())}
    assert "P14" in meant <= told


def _glossary() -> str:
    return page("reference/glossary.md")
