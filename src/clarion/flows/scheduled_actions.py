"""What a schedule says to do, worked out for one run: the actions of bindings, which see the run as an event.

``data`` is ``{key, nominal_at, manual}``, ``event.time`` the nominal time, ``now`` the present.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from clarion.domain.action import Action
from clarion.domain.binding import Binding
from clarion.domain.binding_compiled import Compiled, compile_binding
from clarion.domain.binding_value import show_time
from clarion.domain.event import Event
from clarion.domain.expression_text import EVENT
from clarion.domain.own_event import OwnEvent

#: The type of the event.
FIRED = "schedule.fired"
_KEEP = 1_000


def compile_schedule(key: str, do: Sequence[Mapping[str, Any]]) -> Compiled:
    """Make the actions of the schedule *key* ready; raises `Invalid` with every fault, at pointers like ``/do/0``."""
    from clarion.templates.text import Text  # the engine takes 0.2 s to import

    return compile_binding(Binding(key=key, on=OwnEvent(type=FIRED), do=do), lambda text: Text(text, EVENT.roots))


class ScheduledActions:
    """Compiles what schedules say once, and works it out for each run."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, Compiled] = OrderedDict()

    def of(
        self, row: Mapping[str, Any], *, run: str, nominal_at: datetime, manual: bool, now: datetime
    ) -> Sequence[Action]:
        """The actions of one run of the schedule *row*; raises `Invalid` where one cannot be worked out."""
        compiled = self._compiled.get(row["hash"])
        if compiled is None:
            compiled = self._compiled[row["hash"]] = compile_schedule(row["key"], row["actions"])
            if len(self._compiled) > _KEEP:
                self._compiled.popitem(last=False)
        data = {"key": row["key"], "nominal_at": show_time(nominal_at), "manual": manual}
        event = Event(id=run, type=FIRED, source="clarion", subject=row["key"], time=nominal_at, data=data)
        return compiled.actions(event, now)
