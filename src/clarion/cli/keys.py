"""``clarion keys``: who may ask the API for what. These work on the database itself: they need no key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import DataDir, Insecure, Json, Project, Tenant

if TYPE_CHECKING:
    from datetime import datetime

app = typer.Typer(no_args_is_help=True, help="API keys: make, list and revoke them.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")]
_Scope = Annotated[
    list[str] | None,
    typer.Option("--scope", help="What it may do, e.g. triggers:write. May be given often; * is all of it."),
]
_Expires = Annotated[str | None, typer.Option("--expires-after", metavar="AGE", help="How long it opens, e.g. 90d.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The key's id, the eight characters after clk_live_.")]


@app.command()
def create(
    name: _Name,
    scope: _Scope = None,
    expires_after: _Expires = None,
    tenant: Tenant = None,
    project: Project = None,
    data_dir: DataDir = None,
    insecure: Insecure = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown this once: only what proves it is kept.

    Without --scope it may do everything, as with *. Of another tenant than `default`, both mean all but what reaches
    over all tenants (system:write): that has to be named.
    """
    import asyncio

    from clarion import clock
    from clarion.app import pepper
    from clarion.cli.database import connected
    from clarion.cli.tenants import tenant_of
    from clarion.config import load_settings
    from clarion.domain import key as keys
    from clarion.domain.duration import parse_duration
    from clarion.domain.scope import OWN, Scope
    from clarion.flows.bootstrap import DEFAULT_TENANT, new_key
    from clarion.store import keys as store

    scopes = _checked(scope or [Scope.ALL.value])
    if Scope.ALL in scopes and tenant not in (None, DEFAULT_TENANT):
        scopes = sorted({*OWN, *scopes} - {Scope.ALL})
    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})
    expires_at = clock.now() + parse_duration(expires_after) if expires_after is not None else None
    key = new_key()
    id, digest = keys.id_of(key), keys.digest(pepper(settings), key)
    assert id is not None

    async def body() -> None:
        async with connected(settings) as connection:
            tenant_id = await tenant_of(connection, tenant)
            await store.add(
                connection, tenant_id, id=id, digest=digest, name=name, scopes=scopes, expires_at=expires_at
            )

    asyncio.run(body())
    _write_new(id, key, name, scopes, expires_at, as_json=json)


@app.command("list")
def list_(
    tenant: Tenant = None,
    project: Project = None,
    data_dir: DataDir = None,
    insecure: Insecure = None,
    json: Json = False,
) -> None:
    """List the keys, revoked ones too. None of them is shown whole."""
    import asyncio

    from clarion import clock
    from clarion.cli.database import connected
    from clarion.cli.table import Column, moment, write_list
    from clarion.cli.tenants import tenant_of
    from clarion.config import load_settings
    from clarion.store import keys as store

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})

    async def body() -> list[Any]:
        async with connected(settings) as connection:
            return await store.list_all(connection, await tenant_of(connection, tenant))

    now = clock.now()
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    items = [
        {
            "id": key.id,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "active": key.is_active(now),
            **{name: _shown(getattr(key, name)) for name in times},
        }
        for key in asyncio.run(body())
    ]
    columns = [
        Column("id", "id"),
        Column("name", "name"),
        Column("active", "active"),
        Column("scopes", lambda one: ", ".join(one["scopes"])),
        *(Column(name.removesuffix("_at").replace("_", " "), moment(name)) for name in times),
    ]
    write_list(items, columns, as_json=json, empty="There are no keys yet.")


@app.command()
def revoke(
    id: _Id, tenant: Tenant = None, project: Project = None, data_dir: DataDir = None, insecure: Insecure = None
) -> None:
    """Close a key for good. It opens nothing more a few seconds later."""
    import asyncio

    from clarion.cli.database import connected
    from clarion.cli.tenants import tenant_of
    from clarion.config import load_settings
    from clarion.errors import NotFound
    from clarion.store import keys as store

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})

    async def body() -> None:
        async with connected(settings) as connection:
            tenant_id = await tenant_of(connection, tenant)
            if not await store.revoke(connection, tenant_id, id):
                raise NotFound(f"There is no open key {id}: `clarion keys list` shows all.")

    asyncio.run(body())


def _checked(scopes: list[str]) -> list[str]:
    from clarion.domain.scope import Scope
    from clarion.domain.suggest import did_you_mean

    known = [scope.value for scope in Scope]
    for scope in scopes:
        if scope not in known:
            raise typer.BadParameter(f"there is no scope {scope!r}; {did_you_mean(scope, known)}", param_hint="--scope")
    return sorted(set(scopes))


def _write_new(id: str, key: str, name: str, scopes: list[str], expires_at: datetime | None, *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_one

    made = {"id": id, "key": key, "name": name, "scopes": scopes, "expires_at": _shown(expires_at)}
    columns = [
        Column("key", "key"),
        Column("name", "name"),
        Column("scopes", lambda one: ", ".join(one["scopes"])),
        Column("expires", moment("expires_at")),
    ]
    write_one(made, columns, as_json=as_json)


def _shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
