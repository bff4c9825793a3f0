"""Bindings that may go round for ever: a workflow that is triggered by its own messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from clarion.domain.own_event import ADDRESS_SUPPRESSED, JOB_FAILED, TIMER_FIRED, WEBHOOK_DISABLED, OwnEvent
from clarion.project.mistake import Mistake, Severity

#: Of no workflow's messages; or of some, but of an address or a webhook it is told once: nothing goes there any more.
_ENDS = (TIMER_FIRED, JOB_FAILED, ADDRESS_SUPPRESSED, WEBHOOK_DISABLED)


@dataclass(frozen=True, slots=True)
class Link:
    """That a binding triggers workflows when something becomes of one, or of any."""

    file: str
    #: The workflow it hears of; None: any.
    hears: str | None
    triggers: Collection[str]


def link_of(file: str, on: object, triggers: Collection[str]) -> Link | None:
    """The link that a binding is; None when it hears of no workflow."""
    if not isinstance(on, OwnEvent) or on.type in _ENDS or not triggers:
        return None
    return Link(file, on.workflow, triggers)


def circles(links: Iterable[Link]) -> Iterator[Mistake]:
    """A warning for each binding that is part of a circle: a condition may end it, so it is not forbidden."""
    links = list(links)
    leads: dict[str, set[str]] = {}
    known = {name for link in links for name in (*link.triggers, *([link.hears] if link.hears else []))}
    for link in links:
        for heard in [link.hears] if link.hears else known:
            leads.setdefault(heard, set()).update(link.triggers)
    for link in links:
        for workflow in sorted(link.triggers):
            if link.hears in _reached(workflow, leads) or link.hears is None:
                yield Mistake(
                    file=link.file,
                    message=f"it may go round for ever: `{workflow}`, which it triggers, leads to what it hears",
                    hint="narrow `on` to another workflow, or end it by `when`",
                    severity=Severity.WARNING,
                )
                break


def _reached(start: str, leads: Mapping[str, Collection[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        for name in leads.get(waiting.pop(), ()):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached
