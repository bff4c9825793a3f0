"""A body that triggers a workflow of a project for one person, to be pasted into a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from clarion.domain.workflow import Channel
from clarion.errors import Invalid

if TYPE_CHECKING:
    from clarion.project.project import Draft

#: What stands for values of these names; for any other stands the name itself.
_KNOWN = {"name": "Nitish official", "orderId": "12345", "message": "See you soon!"}
#: … but of those that are called as times are.
_TIME = "2027-01-31T09:30:00Z"


def sample_body(draft: Draft) -> str:
    """One recipient with an address for every channel of *draft*, and a payload with all that its words ask for."""
    who: dict[str, Any] = {"id": "nitish", "name": "Nitish official", "email": "nitish@guests.example"}
    if any(step.channel is Channel.SMS for step in draft.workflow.channel_steps):
        who["phone"] = "+31612345678"
    return json.dumps({"recipients": [who], "payload": sample_payload(_read(draft))}, ensure_ascii=False)


def sample_payload(paths: Iterable[str]) -> dict[str, Any]:
    """A payload in which everything has a value that *paths* such as ``payload.order.id`` read of it."""
    payload: dict[str, Any] = {}
    for path in sorted(paths):
        root, *names = path.split(".")
        if root != "payload" or not names:
            continue
        *tables, last = names
        table = payload
        for name in tables:
            inner = table.get(name)
            table[name] = table = inner if isinstance(inner, dict) else {}
        if not isinstance(table.get(last), dict):
            table[last] = _KNOWN.get(last, _TIME if last.endswith(("_at", "At", "date", "Date")) else last)
    return payload


def _read(draft: Draft) -> set[str]:
    from clarion.templates.compiled import variables

    found: set[str] = set()
    for source in (*draft.bundle.templates.values(), *draft.bundle.layouts.values()):
        try:
            found |= variables(source)
        except Invalid:  # `check` says what is wrong with it
            continue
    return found
