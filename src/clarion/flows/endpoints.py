"""Webhooks that hang, or get less done than comes: parked and slowed as domains are that ask for patience.

What a process sees of each is in `flows.lines`. What it tells others of it is that one hangs, that it has answered
after all, or how much it gets done. A message for one that is parked or slowed waits at the gate, in a lane of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Final

from clarion import clock
from clarion.domain.destination import Heard, Limits
from clarion.flows.destinations import Destinations, Held
from clarion.flows.lines import HANGS_S, Lines
from clarion.flows.rates import WEBHOOK, webhook_pace
from clarion.queue import limits
from clarion.queue.job import Job
from clarion.store.webhooks import Which

#: One that answers again is trusted sooner than a domain: it has told nobody to stay away.
RULES: Final = Limits(slowed=5.0, least=5.0, step=timedelta(seconds=2), fastest=200.0)


class Endpoints(Destinations):
    """The webhooks of one process that are parked or slowed."""

    def __init__(self) -> None:
        super().__init__(RULES, kinds=[WEBHOOK], queue="webhook")

    def waits(self, which: Which, job: Job) -> Held | None:
        """What *job* must be marked with before it is posted to *which*; None: it may be."""
        name = webhook_pace(which)
        has = () if job.pace is None else limits.parts(job.pace)
        if name not in self._limited or name in has:
            return None
        pace = limits.together((*has, name))
        assert pace is not None
        one = self._known.get(name)
        said = f": {one.reason}" if one is not None and one.reason else ""
        return Held(pace, f"the webhook is given time{said}")

    def hang(self, places: Iterable[Which]) -> Mapping[str, Heard]:
        """What is to be told of those that hang."""
        why = f"it has not answered for {HANGS_S:g} s"
        return {webhook_pace(which): Heard(away=1, reason=why) for which in places}

    def full(self, lines: Lines, places: Iterable[Which]) -> Mapping[str, Heard]:
        """What is to be told of those that get less done than comes; of those that have never answered, nothing."""
        found = {}
        for which in places:
            pace = lines.pace(which)
            if pace is not None and not lines.hangs(which):
                heard = Heard(put_off=1, fits=pace, reason=f"it takes {pace:.3g} a second")
                if (due := self._due(webhook_pace(which), heard, clock.monotonic())) is not None:
                    found[webhook_pace(which)] = due
        return found

    def answered(self, places: Mapping[Which, int], late: Collection[Which]) -> Mapping[str, Heard]:
        """What is to be told of those that have answered so often; of those that are *late* it was told that they
        hang."""
        if not self._limited and not late:
            return {}
        found = {}
        for which, times in places.items():
            name = webhook_pace(which)
            if which in late:
                found[name] = Heard(late=times, taken=times)
            elif name in self._limited:
                due = self._due(name, Heard(taken=times), clock.monotonic())
                if due is not None:
                    found[name] = due
        return found
