"""What every worker does besides its jobs: that by which the engine lives.

All else that is to be done every so often is a schedule of the system.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from clarion.flows.finish import Finish
from clarion.flows.hearing import Hearing
from clarion.flows.system_schedules import Keeper, Partitions
from clarion.queue.job import Pool
from clarion.worker.periodic import Periodic
from clarion.worker.rescuer import Rescuer


def duties(pool: Pool, wake: Callable[[str], None], hearing: Hearing, *, lease: timedelta) -> list[Periodic]:
    """The duties of one worker; *lease* is how long one may say nothing."""
    rescuer = Rescuer(pool, wake, lease=lease)
    return [
        Periodic("finish", timedelta(seconds=0.5), Finish(pool, hearing=hearing).run_once),
        Periodic("rescue", min(lease / 6, timedelta(seconds=10)), rescuer.run_once),
        Periodic("partitions", timedelta(minutes=5), Partitions(pool).run_once),
        Periodic("schedules", timedelta(minutes=1), Keeper(pool).run_once),
    ]
