"""``clarion vapid``: keys for Web Push."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.options import DataDir, Json, Project

_Of = Annotated[
    str | None, typer.Option("--of", metavar="NAME", help="Show the public key of this account instead of making keys.")
]


def vapid(of: _Of = None, project: Project = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Make a pair of keys for Web Push.

    The private one is a setting of the account and a secret; pages subscribe with the public one. Who changes them
    loses all browsers that have subscribed.
    """
    from clarion.channels.push.vapid import new_key, private_text, public_text
    from clarion.cli.table import Column, write_one

    if of is not None:
        found = {"public_key": _public_key(of, project, data_dir)}
        write_one(found, [Column("public key", "public_key")], as_json=json)
        return
    key = new_key()
    made = {"private_key": private_text(key), "public_key": public_text(key)}
    write_one(made, [Column("private key", "private_key"), Column("public key", "public_key")], as_json=json)


def _public_key(name: str, project: object, data_dir: object) -> str:
    from clarion.channels.push.vapid import load_key, public_text
    from clarion.config import load_settings
    from clarion.domain.suggest import did_you_mean
    from clarion.errors import NotFound

    settings = load_settings({"project": project, "data_dir": data_dir})
    accounts = {account.name: account for account in settings.providers if account.kind.name == "webpush"}
    if name not in accounts:
        hint = did_you_mean(name, accounts) if accounts else "there are none in the settings"
        raise NotFound(f"There is no account for Web Push called {name}: {hint}.")
    return public_text(load_key(accounts[name]["private_key"]))
