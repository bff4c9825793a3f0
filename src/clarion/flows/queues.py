"""The queues that Clarion itself uses: they exist before anything was put into them."""

from __future__ import annotations

from collections.abc import Sequence

from clarion.domain.workflow import Channel
from clarion.flows import callback, cancel, expand, hearing, publications, rows, schedules, snoozes, timers

NAMES = (
    *(channel.value for channel in Channel),
    *(expand.QUEUE, rows.WAITING, timers.QUEUE, cancel.QUEUE, publications.QUEUE, schedules.QUEUE, callback.QUEUE),
    *(hearing.QUEUE, snoozes.QUEUE),
)


def meant(given: Sequence[str]) -> tuple[str, ...]:
    """The queues that a worker is *given*, each once: `feed` is all that fills feeds, messages in the app as well."""
    fills = (Channel.IN_APP.value, snoozes.QUEUE)
    return tuple(dict.fromkeys(one for name in given for one in (fills if name == snoozes.QUEUE else (name,))))
