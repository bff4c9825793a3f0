"""Files that a step names: read whole, what is wrong with them told in its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.project import build

from clarion.domain.attachment import Reference
from clarion.domain.step import ChannelStep
from clarion.domain.workflow import Workflow
from clarion.project.load import load_project

FILE = "workflows/hello.yaml"


def steps(files: str, channel: str = "email") -> dict[str, str | bytes | None]:
    return {FILE: f"steps:\n  - channel: in_app\n  - channel: {channel}\n    key: other\n    attachments: {files}\n"}


def test_what_is_read_is_what_is_stored(tmp_path: Path) -> None:
    first = '{url: "https://x.example/{{ payload.id }}.pdf", name: "{{ payload.id }}.pdf"}'
    files = f'[{first}, {{url: "https://x.example/a.png", inline: logo}}]'
    project, mistakes = load_project(build(tmp_path, steps(files)))
    assert project is not None, mistakes
    workflow = project.workflows[0].workflow
    step = workflow.steps[1]
    assert isinstance(step, ChannelStep)
    assert step.attachments == (
        Reference(url="https://x.example/{{ payload.id }}.pdf", name="{{ payload.id }}.pdf"),
        Reference(url="https://x.example/a.png", inline="logo"),
    )
    assert Workflow.from_json(workflow.to_json()) == workflow


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("[]", "`attachments` must be a list of 1 to 20 files"),
        ("[{name: a.pdf}]", "the file has no `url`"),
        ('[{url: "ftp://x.example/a"}]', "`url`: the URL is not allowed: the scheme ftp is not https"),
        ('[{url: "https://x.example/{{ recipient.id }}"}]', "`url`: "),
        ('[{url: "https://x.example/a", name: setup.exe}]', "`name`: files that end in .exe are not sent"),
        ('[{url: "https://x.example/a", inline: "a b"}]', "`inline`: "),
        ('[{uri: "https://x.example/a"}]', "unknown key `uri`; did you mean `url`?"),
    ],
)
def test_mistakes(tmp_path: Path, files: str, said: str) -> None:
    project, mistakes = load_project(build(tmp_path, steps(files)))
    assert project is None
    assert any(str(one).startswith(f"{FILE}:5:") and said in str(one) for one in mistakes), list(map(str, mistakes))


def test_only_mails_have_files(tmp_path: Path) -> None:
    project, mistakes = load_project(build(tmp_path, steps('[{url: "https://x.example/a"}]', "sms")))
    assert project is None
    assert any("a step on `sms` has no `attachments`" in str(one) for one in mistakes)
