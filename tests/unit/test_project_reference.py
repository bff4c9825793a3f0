"""The reference of the project folder names everything that may be written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.project import build

from clarion.domain.binding_actions import FIELDS
from clarion.domain.expression_text import FUNCTIONS, LONGEST_TEXT, MACROS, WORKFLOW
from clarion.domain.own_event import OWN_EVENTS
from clarion.domain.workflow import Channel, OnUncertain, Priority
from clarion.project import binding_on
from clarion.project.binding_file import KEYS as BINDING_KEYS
from clarion.project.load import load_project
from clarion.project.words import LAYOUT_KEYS, TEMPLATE_KEYS
from clarion.project.workflow_file import BACKOFF_KEYS, KEYS
from clarion.project.workflow_steps import STEP_KEYS

PAGE = (Path(__file__).parents[2] / "docs/reference/project-folder.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"\w+", PAGE))


@pytest.mark.parametrize("key", sorted(KEYS | STEP_KEYS | BACKOFF_KEYS | TEMPLATE_KEYS | LAYOUT_KEYS))
def test_names_every_key(key: str) -> None:
    assert f"| `{key}` |" in PAGE


_SOURCES = {*binding_on.RABBITMQ_KEYS, *binding_on.NATS_KEYS, *binding_on.BULLMQ_KEYS}
_ACTIONS = {name for fields, _ in FIELDS.values() for name in fields}


@pytest.mark.parametrize("key", sorted({*BINDING_KEYS, *OWN_EVENTS, *_SOURCES, *_ACTIONS}))
def test_names_every_key_of_a_binding(key: str) -> None:
    assert f"| `{key}` |" in PAGE


def test_its_binding_is_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n# bindings/order-created.yaml\n(.*?)```", PAGE, re.DOTALL)
    example = example.replace("booking-confirmed", "hello")
    project, mistakes = load_project(build(tmp_path, {"bindings/order-created.yaml": example}))
    assert not mistakes
    assert project is not None
    assert [binding.key for binding in project.bindings] == ["order-created"]


def test_names_every_word_of_a_choice() -> None:
    choices = [*(p.label for p in Priority), *(c.value for c in Channel), *(p.value for p in OnUncertain)]
    for choice in choices:
        assert f"`{choice}`" in PAGE


def test_names_everything_a_condition_sees() -> None:
    fields = {field for known in WORKFLOW.roots.values() for field in known or ()}
    assert FUNCTIONS | MACROS | WORKFLOW.roots.keys() | fields <= WORDS
    assert f"{LONGEST_TEXT:,} characters" in PAGE


def test_its_example_is_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n# workflows/booking-confirmed.yaml\n(.*?)```", PAGE, re.DOTALL)
    (template,) = re.findall(r"```\n(---\nsubject.*?)```", PAGE, re.DOTALL)
    toml = "[email]\nfrom = 'stay@aurora.example'\n"
    files = {"clarion.toml": toml, "workflows/hello.yaml": example, "templates/hello/email.html": template}
    project, mistakes = load_project(build(tmp_path, files))
    assert mistakes == []
    assert project is not None
    assert project.workflows[0].workflow.priority is Priority.HIGH
