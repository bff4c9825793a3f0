"""``clarion migrate``: the database's schema."""

from __future__ import annotations

from clarion.cli.options import DataDir, Insecure, Json, Project


def migrate(project: Project = None, data_dir: DataDir = None, insecure: Insecure = None, json: Json = False) -> None:
    """Bring the database to the schema of this version.

    Does nothing when it is there, and is safe when many do it at once. With CLARION_API_KEY set, makes sure that there
    is this key.
    """
    import asyncio
    import json as writer

    from clarion.app import open_database
    from clarion.cli.database import connect, revision
    from clarion.cli.first_key import configured_key
    from clarion.config import load_settings, wants_colour
    from clarion.logs import configure
    from clarion.store.migrate import HEAD
    from clarion.store.migrate import migrate as run
    from clarion.wires import refuse

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})
    refuse(settings)

    async def body() -> str | None:
        async with open_database(settings) as url:
            async with connect(url) as connection:
                before = await revision(connection)
            await run(url)
            async with connect(url) as connection:
                await configured_key(connection, settings)
            return before

    configure(format=settings.log_format, level="warning", process="migrate", colour=wants_colour())
    before = asyncio.run(body())
    told = f"The database is at version {HEAD}" + (
        " already." if before == HEAD else f"; it was at {before or 'none'}."
    )
    print(writer.dumps({"version": HEAD, "before": before}) if json else told)
