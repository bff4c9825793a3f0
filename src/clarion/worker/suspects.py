"""Jobs of which one may be what killed its workers: taken on one at a time, so that none is condemned for another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clarion.queue.job import Job
from clarion.queue.rescue import POISON


def single_out(jobs: Sequence[Job], held: Iterable[Job]) -> tuple[list[Job], list[Job]]:
    """Those of *jobs* to take on now, beside what is *held*, and those to give back.

    Workers died holding a suspect as often as may be without its being put away. If many were held at once, one killed
    for all of them: so a worker holds one suspect at a time, and at its next death only that one is condemned.
    """
    suspects = [job for job in jobs if job.rescues == POISON - 1]
    if not suspects:
        return list(jobs), []
    clear = [job for job in jobs if job.rescues != POISON - 1]
    if any(job.rescues == POISON - 1 for job in held):
        return clear, suspects
    return [suspects[0], *clear], suspects[1:]
