"""``clarion dkim``: the keys that mails are signed with, and what DNS must say of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.notes import note
from clarion.cli.options import Json, Project

if TYPE_CHECKING:
    from clarion.channels.email.dkim_key import DkimKey

app = typer.Typer(no_args_is_help=True, help="Keys that mails are signed with: make one, show their records in DNS.")

_Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain that mails are from.")]
_File = Annotated[
    Path, typer.Argument(metavar="FILE", help="Where the key is written; the file must not be there yet.")
]
_Selector = Annotated[str, typer.Option("--selector", help="Its name in DNS; another for each key of a domain.")]
_Ed25519 = Annotated[bool, typer.Option("--ed25519", help="Ed25519, as a second key: many verify no other than RSA.")]
_Bits = Annotated[int, typer.Option("--bits", help="How long an RSA key is.", min=2048, max=4096)]


@app.command()
def create(
    domain: _Domain,
    file: _File,
    selector: _Selector = "clarion1",
    ed25519: _Ed25519 = False,
    bits: _Bits = 2048,
    json: Json = False,
) -> None:
    """Make a key, and show the record for DNS and the lines for clarion.toml.

    The file is readable by its owner alone. Nothing is signed before the settings name it.
    """
    from clarion.channels.email.dkim_key import DkimKey, check_selector, new_private_key
    from clarion.channels.email.settings import usual_domain

    selector = check_selector(selector)
    domain = usual_domain(domain)
    key, pem = new_private_key(ed25519_=ed25519, bits=bits)
    _write(file, pem)
    made = DkimKey(domain=domain, selector=selector, key=key)
    _show([{"file": str(file), **_record(made)}], as_json=json)
    if not json:
        prefix = "ed25519_" if ed25519 else ""
        note("\nOnce DNS has it, clarion.toml may name the key:\n")
        note(f'[email.dkim."{domain}"]')
        note(f'{prefix}selector = "{selector}"')
        note(f'{prefix}key_file = "{file.absolute()}"')


@app.command()
def records(project: Project = None, json: Json = False) -> None:
    """Show what DNS must say of the keys in the settings."""
    from clarion.config import load_settings

    settings = load_settings({"project": project})
    found = [_record(key) for keys in settings.email.dkim.values() for key in keys]
    if not found and not json:
        note("Nothing is signed: add a table [email.dkim.DOMAIN] to clarion.toml.")
    _show(found, as_json=json)


def _record(key: DkimKey) -> dict[str, Any]:
    return {"key": key.kind, "name": key.name, "type": "TXT", "value": key.record(), "zone": key.zone_line()}


def _show(records: list[dict[str, Any]], *, as_json: bool) -> None:
    from clarion.cli.table import Column, write_one

    columns = [Column(name, name) for name in ("file", "key", "name", "type", "value")]
    for number, record in enumerate(records):
        if number and not as_json:
            print()
        write_one(record, [*columns, Column("in a zone", "zone")], as_json=as_json)


def _write(file: Path, pem: bytes) -> None:
    import os

    from clarion.errors import ConfigError

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"The key cannot be written to {str(file)!r}: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)
