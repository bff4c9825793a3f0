"""Frequency caps as people write them, in files and in settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.project import build

from clarion.config import load_settings
from clarion.domain.cap import Cap, parse_caps
from clarion.domain.step import Channel
from clarion.domain.workflow import Workflow
from clarion.errors import ConfigError, Invalid
from clarion.project.defaults import WorkflowDefaults
from clarion.project.load import load_project
from clarion.project.mistake import Mistake
from clarion.project.workflow_file import read_workflow

DAY = timedelta(days=1)


def read(text: str, *, head: str = "") -> tuple[Workflow | None, list[Mistake]]:
    defaults = WorkflowDefaults(attempts=8, expires_after=DAY)
    found, mistakes = read_workflow(
        f"{head}steps:\n  - channel: email\ncap: {text}\n", "workflows/w.yaml", "w", defaults
    )
    return found.workflow if found else None, mistakes


@pytest.mark.parametrize(
    ("text", "caps"),
    [
        ("3 in 1d", (Cap(messages=3, per=DAY),)),
        ("1 in 1h on sms", (Cap(messages=1, per=DAY / 24, channel=Channel.SMS),)),
        ("3 in 1d and 1 in 1h on sms", (Cap(messages=3, per=DAY), Cap(messages=1, per=DAY / 24, channel=Channel.SMS))),
        ("10 in 1w", (Cap(messages=10, per=7 * DAY),)),
    ],
)
def test_what_people_write(text: str, caps: tuple[Cap, ...]) -> None:
    assert parse_caps(text) == caps
    assert parse_caps(" and ".join(map(str, caps))) == caps
    workflow, mistakes = read(text)
    assert mistakes == []
    assert workflow is not None
    assert workflow.caps == caps
    assert Workflow.from_json(workflow.to_json()) == workflow


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("3", "'3' is not a cap: write for example 3 in 1d"),
        ("3 per day", "is not a cap"),
        ("3/d", "is not a cap"),
        ("0 in 1d", "from 1 to 1000 messages, not 0"),
        ("1001 in 1d", "from 1 to 1000 messages, not 1001"),
        ("3 in 1s", "a cap is for 1m to 366d, not 1s"),
        ("3 in 367d", "at most 366d"),
        ("3 in day", "is not a length of time"),
        ("3 in 1d on mail", "there is no channel 'mail': did you mean `email`?"),
        ("3 in 1d and 2 in 1d", "two caps in 1d"),
        ("3 in 1d and 3 in 24h", "two caps in 1d"),
        (" and ".join(f"3 in {hours}h" for hours in range(1, 7)), "there are 6 caps; at most 5"),
        ("x" * 10_000, "is not a cap"),
    ],
)
def test_what_is_no_cap_is_told(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as told:
        parse_caps(text)
    assert told.value.code == "invalid_cap"
    assert len(told.value.message) < 160


def test_tables_and_lists_of_them() -> None:
    workflow, mistakes = read("{messages: 3, per: 1d}")
    assert (mistakes, workflow and workflow.caps) == ([], (Cap(messages=3, per=DAY),))
    workflow, mistakes = read("\n  - {messages: 3, per: 1d}\n  - {messages: 1, per: 1h, channel: sms}\n  - 9 in 7d")
    assert mistakes == []
    assert workflow is not None
    assert [str(cap) for cap in workflow.caps] == ["3 in 1d", "1 in 1h on sms", "9 in 7d"]


@pytest.mark.parametrize(
    ("text", "line", "says", "hint"),
    [
        ("3", 3, "`cap` must be text, not a whole number", 'put it in quotes: "3"'),
        ("3 a day", 3, "`cap`: '3 a day' is not a cap", None),
        ("{messages: 3}", 3, "a cap needs `per`", "for example cap: {messages: 3, per: 1d}"),
        ("{messages: 0, per: 1d}", 3, "`messages` must be a whole number from 1 to 1000", None),
        ("{messages: 3, per: 5}", 3, "`per` must be a length of time", "did you mean 5s?"),
        ("{messages: 3, per: 1s}", 3, "`per` must be from 1m to 366d", None),
        ("{mesages: 3, per: 1d}", 3, "unknown key `mesages`", "did you mean `messages`?"),
        ("{messages: 3, per: 1d, channel: smss}", 3, "there is no channel 'smss'", None),
        ("\n  - 3 in 1d\n  - 3 in 1x", 5, "is not a length of time", None),
        ("\n  - 3 in 1d\n  - 4 in 1d", 4, "two caps in 1d", None),
        ("[]", 3, "`cap` is empty", None),
        ("[[1]]", 3, "a cap must be a table", None),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(text: str, line: int, says: str, hint: str | None) -> None:
    _, mistakes = read(text)
    found = next((one for one in mistakes if says in one.message), None)
    assert found is not None, mistakes
    assert (found.file, found.line) == ("workflows/w.yaml", line)
    if hint is not None:
        assert found.hint == hint


def test_a_cap_that_does_nothing_is_told() -> None:
    workflow, (mistake,) = read("3 in 1d", head="priority: critical\n")
    assert workflow is not None
    assert "`cap` does nothing" in mistake.message


def test_settings_of_categories_and_tenants(tmp_path: Path) -> None:
    toml = '[caps]\nnews = "3 in 1d and 1 in 1h on sms"\n[category_rates]\nnews = "5/s reserve 10%"\n'
    toml += '[tenant_rates]\nacme = "9/s"\n'
    settings = load_settings({"project": build(tmp_path, {"clarion.toml": toml})}, {})
    assert [str(cap) for cap in settings.caps["news"]] == ["3 in 1d", "1 in 1h on sms"]
    assert str(settings.category_rates["news"]) == "5/s reserve 10%"
    assert str(settings.tenant_rates["acme"]) == "9/s"
    given = {"CLARION_CAPS": "news=3 in 1d, ads=1 in 7d", "CLARION_TENANT_RATES": "acme=5/s burst 2"}
    settings = load_settings({"project": tmp_path}, given)
    assert [str(settings.caps[name][0]) for name in ("news", "ads")] == ["3 in 1d", "1 in 7d"]


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('[caps]\nnews = "3 in 1d"\nads = "3 a day"\n', "clarion.toml:3: `caps`: ads: '3 a day' is not a cap"),
        ("[caps]\nnews = 3\n", 'in quotes, for example "3 in 1d"'),
        ('[caps]\nNews = "3 in 1d"\n', "`News` is not a name; use a-z, 0-9, - and _, for example `news`"),
        ('[category_rates]\nnews = "5"\n', "did you mean 5/s?"),
        ('[tenant_rates]\nacme = "5/x"\n', "clarion.toml:2: `tenant_rates`: acme: '5/x' is not a rate"),
        ('[tenant_rate]\nacme = "5/s"\n', "tenant_rate"),
    ],
)
def test_what_is_wrong_in_settings_is_told_with_its_line(tmp_path: Path, toml: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"project": build(tmp_path, {"clarion.toml": toml})}, {})
    assert says in caught.value.message


def test_a_category_that_no_workflow_has_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    files = {
        "clarion.toml": '[caps]\nnews = "3 in 1d"\nnewz = "3 in 1d"\n[category_rates]\noffers = "5/s"\n',
        "workflows/w.yaml": "category: news\nsteps: [{channel: sms}]\n",
        "templates/w/sms.txt": "Hello",
    }
    project, mistakes = load_project(build(tmp_path, files))
    assert project is not None, "it may be another project's"
    in_settings = [one for one in mistakes if one.file == "clarion.toml"]
    assert [(one.file, one.line, one.message, one.hint) for one in in_settings] == [
        ("clarion.toml", 3, "`caps`: no workflow here has the category `newz`", "did you mean `news`?"),
        ("clarion.toml", 5, "`category_rates`: no workflow here has the category `offers`", "expected `news`"),
    ]
