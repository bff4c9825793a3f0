"""``clarion migrate``: the database's schema."""

from __future__ import annotations

from clarion.cli.options import DataDir, Project


def migrate(project: Project = None, data_dir: DataDir = None) -> None:
    """Bring the database to the schema of this version.

    Does nothing when it is there, and is safe when many do it at once.
    """
    import asyncio

    from clarion.app import open_database
    from clarion.cli.database import connect, revision
    from clarion.config import load_settings
    from clarion.store.migrate import HEAD
    from clarion.store.migrate import migrate as run

    settings = load_settings({"project": project, "data_dir": data_dir})

    async def body() -> str | None:
        async with open_database(settings) as url:
            async with connect(url) as connection:
                before = await revision(connection)
            await run(url)
            return before

    before = asyncio.run(body())
    print(
        f"The database is at version {HEAD}" + (" already." if before == HEAD else f"; it was at {before or 'none'}.")
    )
