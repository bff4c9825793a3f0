"""``clarion apply``: publish the project folder."""

from __future__ import annotations

from clarion.cli.options import DataDir, Insecure, Json, Project, Tenant


def apply(
    tenant: Tenant = None,
    project: Project = None,
    data_dir: DataDir = None,
    insecure: Insecure = None,
    json: Json = False,
) -> None:
    """Publish the project folder.

    Each workflow that changed gets a new version; what is on its way keeps its own. Bindings and
    schedules become those of the folder: one that is no longer there is removed. All of it is published, or nothing.
    """
    import asyncio
    import sys

    from clarion import logs
    from clarion.cli.database import connected
    from clarion.cli.publish import Published, publish, read_project
    from clarion.cli.table import Column, write_list
    from clarion.cli.tenants import tenant_of
    from clarion.config import load_settings, wants_colour

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})
    found, mistakes = read_project(settings)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)

    async def body() -> Published:
        async with connected(settings) as connection:
            return await publish(connection, await tenant_of(connection, tenant), found)

    logs.configure(
        format=settings.log_format, level="warning", process="apply", colour=wants_colour()
    )  # the table says it all
    published = asyncio.run(body())
    workflows = [
        {"workflow": one.key, "version": one.version, "status": "new" if one.is_new else "unchanged"}
        for one in published.workflows
    ]
    columns = [Column("version", "version", right=True), Column("", "status")]
    write_list(
        workflows,
        [Column("workflow", "workflow"), *columns],
        as_json=json,
        empty="There are no workflows to publish.",
    )
    if published.bindings:
        bindings = [{"binding": one.key, "version": one.version, "status": one.status} for one in published.bindings]
        write_list(bindings, [Column("binding", "binding"), *columns], as_json=json, empty="")
    if published.schedules:
        schedules = [{"schedule": key, "status": status} for key, status in published.schedules.items()]
        write_list(schedules, [Column("schedule", "schedule"), columns[-1]], as_json=json, empty="")
