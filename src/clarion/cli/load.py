"""Bringing many people into a running system, thousands a call, with a bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from clarion.cli.bar import Bar
from clarion.cli.people import chunks
from clarion.cli.remote import Remote


@dataclass(kw_only=True)
class Loaded:
    """What became of them."""

    created: int = 0
    updated: int = 0
    #: What is wrong with each that was not taken, as the API tells it, with its number in the input from 1.
    invalid: list[dict[str, Any]] = field(default_factory=list)


def load_people(system: Remote, people: Iterable[dict[str, Any]], bar: Bar, *, whole: int | None = None) -> Loaded:
    """Put *people* in. One that is wrong does not keep out the others."""
    loaded, seen = Loaded(), 0
    bar.at(0, whole)
    for chunk in chunks(iter(people)):
        answer = system.call("POST", "recipients", "bulk", body={"recipients": chunk}).content
        loaded.created += answer["created"]
        loaded.updated += answer["updated"]
        for number, result in enumerate(answer["results"], start=seen + 1):
            if result["status"] == "invalid":
                loaded.invalid.append({"number": number, **result})
        seen += len(chunk)
        bar.at(seen, whole)
    return loaded


def add_members(
    system: Remote, topic: str, ids: Iterator[str], bar: Bar, *, whole: int | None = None
) -> dict[str, int]:
    """Put the recipients *ids* into *topic*; how many were added, and how many it has now."""
    added = already = seen = members = 0
    bar.at(0, whole)
    for chunk in chunks(ids):
        answer = system.post("topics", topic, "members", body={"ids": chunk})
        added, already, members = added + answer["added"], already + answer["already"], answer["members"]
        seen += len(chunk)
        bar.at(seen, whole)
    return {"added": added, "already": already, "members": members}
