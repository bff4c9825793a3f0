"""Publishing the project folder, for the commands that do it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from clarion.config import Settings
from clarion.errors import ConfigError
from clarion.flows.apply import Applied, AppliedBinding, apply, apply_bindings
from clarion.flows.schedules import replace
from clarion.project.defaults import WorkflowDefaults
from clarion.project.load import load_project
from clarion.project.mistake import Mistake
from clarion.project.project import Project
from clarion.store.database import Connection


def read_project(settings: Settings) -> tuple[Project, list[Mistake]]:
    """The project folder of *settings* and what may not be as meant in it.

    Raises `ConfigError` that names every mistake, one a line, when one of them stands in the way.
    """
    project, mistakes = load_project(settings.project, WorkflowDefaults.from_settings(settings))
    if project is None:
        said = "\n".join(f"  {mistake}" for mistake in mistakes)
        raise ConfigError(f"The project folder {settings.project} has mistakes; nothing was published.\n{said}")
    return project, mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did."""

    workflows: list[Applied]
    bindings: list[AppliedBinding]
    #: By key: ``new``, ``changed``, ``unchanged`` or ``removed``.
    schedules: dict[str, str]


async def publish(connection: Connection, tenant_id: UUID, project: Project) -> Published:
    """Publish all of *project* for one tenant, or nothing."""
    async with connection.transaction():
        workflows = await apply(connection, tenant_id, project.workflows)
        put, gone = await replace(connection, tenant_id, project.schedules)
        bindings = await apply_bindings(connection, tenant_id, project.bindings)
    schedules = {one.key: "new" if one.created else "changed" if one.changed else "unchanged" for one in put}
    schedules |= dict.fromkeys(gone, "removed")
    return Published(workflows=workflows, bindings=bindings, schedules=dict(sorted(schedules.items())))
