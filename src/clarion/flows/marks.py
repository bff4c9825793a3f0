"""Which limits the jobs of messages are marked with: of their workflow, their category and their tenant.

A job that falls under several names them all (`limits.together`), and stands in a lane for those that do. It is marked
when it is written; a limit of its tenant that came later is found out when it is claimed.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from clarion.domain.workflow import Workflow
from clarion.flows.rates import CATEGORY, DESTINATION, DOMAIN, TENANT, category_pace, tenant_pace
from clarion.flows.rows import DELIVER, pace_of
from clarion.queue import limits
from clarion.queue.job import Connection, Job

#: The kinds of limits that a worker looks up for this, and for `flows.destinations`.
KINDS: Final = (TENANT, CATEGORY, DOMAIN, DESTINATION)


class Marks:
    """The limits of tenants and categories, as one process knows them."""

    def __init__(self) -> None:
        self._limited = frozenset[str]()
        self._tenants = frozenset[str]()

    def learn(self, limited: frozenset[str]) -> None:
        """These are the limits of tenants and categories now."""
        self._limited = frozenset(name for name in limited if name.startswith((f"{TENANT}:", f"{CATEGORY}:")))
        self._tenants = frozenset(name for name in limited if name.startswith(f"{TENANT}:"))

    def of(self, tenant_id: UUID, workflow: Workflow) -> str | None:
        """The pace of the messages of *workflow*; None where no limit is their own."""
        if workflow.rate is None and not self._limited:
            return None
        names = [] if workflow.rate is None else [pace_of(tenant_id, workflow.key)]
        if workflow.category is not None and (category := category_pace(workflow.category)) in self._limited:
            names.append(category)
        if (tenant := tenant_pace(tenant_id)) in self._tenants:
            names.append(tenant)
        return limits.together(names)

    def missing(self, job: Job) -> str | None:
        """The pace that *job* should have, when it was written before its tenant had a limit."""
        if not self._tenants or job.kind != DELIVER or (name := tenant_pace(job.tenant_id)) not in self._tenants:
            return None
        names = () if job.pace is None else limits.parts(job.pace)
        return None if name in names else limits.together((*names, name))


async def pace_now(connection: Connection, tenant_id: UUID, workflow: Workflow) -> str | None:
    """The pace of a message of *workflow*, as limits are set this moment: for who makes one job alone."""
    marks = Marks()
    names = [tenant_pace(tenant_id), *([category_pace(workflow.category)] if workflow.category else [])]
    marks.learn(frozenset(await limits.find(connection, names)))
    return marks.of(tenant_id, workflow)
