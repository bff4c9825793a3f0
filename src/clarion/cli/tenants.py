"""``clarion tenants``: whose everything is. These work on the database itself: they need no key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import DataDir, Insecure, Json, Project

if TYPE_CHECKING:
    from uuid import UUID

    from clarion.store.database import Connection

app = typer.Typer(no_args_is_help=True, help="Tenants: whose workflows, recipients and messages are apart.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called: a-z, 0-9, - and _.")]


@app.command()
def create(
    name: _Name, project: Project = None, data_dir: DataDir = None, insecure: Insecure = None, json: Json = False
) -> None:
    """Make a tenant. One that is there stays as it is.

    Publish for it with `clarion apply --tenant NAME`; `clarion keys create --tenant NAME` makes a key for it.
    """
    import asyncio

    from clarion.cli.database import connected
    from clarion.cli.table import Column, write_one
    from clarion.config import load_settings
    from clarion.flows.bootstrap import ensure_tenant
    from clarion.project.name import checked_name

    try:
        checked_name(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})

    async def body() -> None:
        async with connected(settings) as connection:
            await ensure_tenant(connection, name)

    asyncio.run(body())
    write_one({"name": name}, [Column("name", "name")], as_json=json)


@app.command("list")
def list_(project: Project = None, data_dir: DataDir = None, insecure: Insecure = None, json: Json = False) -> None:
    """List the tenants, the eldest first."""
    import asyncio

    from clarion.cli.database import connected
    from clarion.cli.table import Column, moment, write_list
    from clarion.config import load_settings
    from clarion.store import tenants

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})

    async def body() -> list[tenants.Tenant]:
        async with connected(settings) as connection:
            return await tenants.list_all(connection)

    items = [
        {"name": one.name, "created_at": one.created_at.isoformat().replace("+00:00", "Z")}
        for one in asyncio.run(body())
    ]
    columns = [Column("name", "name"), Column("created", moment("created_at"))]
    write_list(items, columns, as_json=json, empty="There are none yet.")


async def tenant_of(connection: Connection, name: str | None) -> UUID:
    """The id of the tenant called *name*, or of the one that there is from the beginning. Raises `NotFound`."""
    from clarion.domain.suggest import did_you_mean
    from clarion.errors import NotFound
    from clarion.flows.bootstrap import ensure_tenant
    from clarion.store import tenants

    default = await ensure_tenant(connection)
    if name is None:
        return default
    found = await tenants.find(connection, name)
    if found is None:
        hint = did_you_mean(name, [one.name for one in await tenants.list_all(connection)])
        raise NotFound(f"There is no tenant {name}; {hint} `clarion tenants create {name}` makes one.")
    return found.id
