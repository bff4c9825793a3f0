"""``clarion api``: one API process."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from clarion.cli.options import Child, DataDir, Host, Insecure, Late, Port, Project

if TYPE_CHECKING:
    import asyncio

    from clarion.config import Settings

_LOOK_EVERY_S = 0.5
#: What takes long to load.
_NEEDS = ("uvloop", "clarion.api.app", "clarion.api.server")


def api(
    project: Project = None,
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    insecure: Insecure = None,
    child: Child = False,
    late: Late = False,
) -> None:
    """Serve the HTTP API.

    With CLARION_API_KEY set, makes sure that there is this key, as soon as the database is migrated.
    """
    import asyncio

    from clarion.app import open_api, open_database
    from clarion.cli.database import connect
    from clarion.cli.first_key import configured_key
    from clarion.cli.late import environment
    from clarion.cli.port import check_free
    from clarion.cli.process import open_many_files, run, spare_collector, tell_parent
    from clarion.config import load_settings
    from clarion.wires import refuse

    settings = load_settings(
        {"project": project, "data_dir": data_dir, "host": host, "port": port, "insecure": insecure},
        environment(*_NEEDS) if late else None,
    )
    refuse(settings)

    async def body(stopping: asyncio.Event) -> None:
        async with open_database(settings) as url:
            async with connect(url) as connection:  # says what is wrong with an address
                has_key = await configured_key(connection, settings)
            async with open_api(settings, url) as server, asyncio.TaskGroup() as tasks:
                later = None if has_key else tasks.create_task(_key_once_migrated(settings, url))
                serving = tasks.create_task(server.run())
                await server.listening.wait()
                spare_collector()
                if child:
                    tell_parent(port=server.port)
                waiting = tasks.create_task(stopping.wait())
                await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if later is not None:
                    later.cancel()
                server.stop()

    check_free(settings.host, settings.port)
    open_many_files()
    run(body, settings, name="api", child=child)


async def _key_once_migrated(settings: Settings, url: str) -> None:
    """Containers start in any order: the first key is made as soon as somebody has migrated the database."""
    import asyncio

    import asyncpg

    from clarion.cli.database import connect
    from clarion.cli.first_key import configured_key
    from clarion.errors import ClarionError

    away = (ClarionError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        with suppress(*away):  # /readyz says so
            async with connect(url) as connection:
                if await configured_key(connection, settings):
                    return
