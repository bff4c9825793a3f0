"""What `clarion up` prints to be pasted: it has all that the words of the workflow ask for."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.project import build

from clarion.cli.sample import sample_body, sample_payload
from clarion.project.load import load_project


def test_a_payload_has_all_that_is_read_of_it() -> None:
    paths = {
        "payload.order",
        "payload.order.id",
        "payload.name",
        "payload.leaves_at",
        "recipient.name",
        "payload.shop.town.name",
        "payload",
    }
    assert sample_payload(paths) == {
        "order": {"id": "id"},
        "name": "Nitish official",
        "leaves_at": "2027-01-31T09:30:00Z",
        "shop": {"town": {"name": "Nitish official"}},
    }


def test_a_body_for_a_workflow(tmp_path: Path) -> None:
    files = {
        "workflows/ready.yaml": "steps: [{channel: sms}, {channel: in_app}]\n",
        "templates/ready/sms.txt": "Order {{ payload.order.id }} is ready.",
        "templates/ready/in_app.txt": "---\ntitle: Ready\n---\n{% for x in payload.lines %}{{ x.name }}{% endfor %}",
    }
    project, mistakes = load_project(build(tmp_path, files))
    assert project is not None, mistakes
    body = json.loads(sample_body(project.workflows[-1]))
    assert body["payload"] == {"order": {"id": "id"}, "lines": "lines"}
    assert body["recipients"][0]["phone"] == "+31612345678"
