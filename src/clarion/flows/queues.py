"""The queues that Clarion itself uses: they exist before anything was put into them."""

from __future__ import annotations

from clarion.domain.workflow import Channel
from clarion.flows import callback, cancel, expand, hearing, publications, rows, schedules, snoozes, timers

NAMES = (
    *(channel.value for channel in Channel),
    *(expand.QUEUE, rows.WAITING, timers.QUEUE, cancel.QUEUE, publications.QUEUE, schedules.QUEUE, callback.QUEUE),
    *(hearing.QUEUE, snoozes.QUEUE),
)
