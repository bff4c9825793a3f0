"""``clarion suppressions``: addresses that are not written to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clarion.cli.remote import Remote
    from clarion.cli.table import Column

app = typer.Typer(no_args_is_help=True, help="Addresses that are not written to any more.")

_Channel = Annotated[str | None, typer.Option("--channel", help="email or sms; of one address it shows by its looks.")]
_Category = Annotated[str | None, typer.Option("--category", help="Of this category; without it, of every one.")]
_Reason = Annotated[
    str | None,
    typer.Option("--reason", help="hard_bounce, soft_bounces, complaint, unsubscribe or manual."),
]
_Why = Annotated[str, typer.Option("--reason", help="hard_bounce, soft_bounces, complaint, unsubscribe or manual.")]
_Of = Annotated[str | None, typer.Option("--address", help="Only those of this address, in any spelling.")]
_Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS", help="Addresses of mail, or numbers with a +.")]
_Named = Annotated[list[str], typer.Argument(metavar="ADDRESS", help="Addresses, or ids of suppressions (sup_…).")]
_Detail = Annotated[str | None, typer.Option("--detail", help="Why, in your own words.")]
_Expires = Annotated[str | None, typer.Option("--expires-after", metavar="AGE", help="How long it holds, e.g. 30d.")]
_File = Annotated[
    str, typer.Argument(metavar="FILE", help="A .csv file with a head line, or one JSON object a line; - is stdin.")
]
_Format = Annotated[str, typer.Option("--format", help="csv or ndjson.")]
#: Faults shown of a file that has many.
_SHOWN = 20
_ALL = 10_000_000


@app.command("list")
@talks
def list_(
    system: Remote,
    channel: _Channel = None,
    reason: _Reason = None,
    category: _Category = None,
    address: _Of = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List addresses that are not written to, newest first."""
    from clarion.cli.table import write_list

    asked = {"channel": channel, "reason": reason, "category": category, "address": address}
    found = system.pages("suppressions", limit=limit, **asked)
    write_list(found, _columns(), as_json=json, empty="No address is suppressed.")


@app.command()
@talks
def add(
    system: Remote,
    addresses: _Addresses,
    channel: _Channel = None,
    category: _Category = None,
    reason: _Why = "manual",
    detail: _Detail = None,
    expires_after: _Expires = None,
    json: Json = False,
) -> None:
    """Suppress addresses.

    One that is wrong does not keep out the others. Exits with 1 when one was.
    """
    from clarion import clock
    from clarion.domain.duration import parse_duration

    until = (clock.now() + parse_duration(expires_after)).isoformat() if expires_after is not None else None
    said = {"channel": channel, "category": category, "reason": reason, "detail": detail, "expires_at": until}
    items = [{"address": address, **said} for address in addresses]
    _add(system, items, addresses, as_json=json)


@app.command()
@talks
def remove(
    system: Remote,
    named: _Named,
    channel: _Channel = None,
    category: _Category = None,
    reason: _Reason = None,
    json: Json = False,
) -> None:
    """Lift suppressions: those with these ids, and all of these addresses.

    Of an address, channel, category and reason narrow what is lifted. Exits with 3 when nothing suppresses any.
    """
    from clarion.cli.table import write_list
    from clarion.errors import NotFound

    asked = {"channel": channel, "reason": reason, "category": category}
    found: list[dict[str, Any]] = []
    for one in named:
        if one.startswith("sup_"):
            found.append(system.get("suppressions", one))
        else:
            found += system.pages("suppressions", limit=_ALL, address=one, **asked)
    if not found:
        raise NotFound(f"Nothing suppresses {', '.join(named)}.")
    for one_found in found:
        system.call("DELETE", "suppressions", one_found["id"])
    write_list(found, _columns(), as_json=json, empty="")


@app.command("import")
@talks
def import_(system: Remote, file: _File, json: Json = False) -> None:
    """Suppress the addresses in a file, as export writes it or another service.

    Its columns: address, and channel, category, reason, detail, expires_at where known; others are passed over.
    One that is wrong does not keep out the others. Exits with 1 when one was.
    """
    from clarion.cli.suppression_file import read_suppressions

    read = list(read_suppressions(file))
    places = [f"{file}:{line}" for line, _ in read]
    _add(system, [item for _, item in read], places, as_json=json)


@app.command()
@talks
def export(
    system: Remote,
    format: _Format = "csv",
    channel: _Channel = None,
    reason: _Reason = None,
    category: _Category = None,
) -> None:
    """Write all suppressions to standard output, for another system or for import."""
    from clarion.cli.suppression_file import FORMATS

    if format not in FORMATS:
        raise typer.BadParameter("write csv or ndjson", param_hint="--format")
    asked = {"channel": channel, "reason": reason, "category": category}
    FORMATS[format](system.pages("suppressions", limit=_ALL, **asked), sys.stdout)


def _add(system: Any, items: Sequence[dict[str, Any]], places: Sequence[str], *, as_json: bool) -> None:
    """*places* are where the items stand, in words."""
    from clarion.cli.bar import Bar
    from clarion.cli.people import chunks
    from clarion.cli.suppression_file import MANY
    from clarion.cli.table import Column, write_one

    done = {"created": 0, "updated": 0, "invalid": 0}
    wrong: list[str] = []
    seen = 0
    with Bar("suppressions", quiet=as_json or len(items) < MANY) as bar:
        for chunk in chunks(iter(items), MANY):
            answer = system.post("suppressions", body={"suppressions": chunk})
            for name in done:
                done[name] += answer[name]
            for place, result in zip(places[seen:], answer["results"], strict=False):
                for fault in result.get("errors") or ():
                    what = fault["pointer"].split("/", 3)[3:]
                    said = _placed(fault["detail"], places[seen:])
                    wrong.append(f"{place}: {': '.join([*what, said])}")
            seen += len(chunk)
            bar.at(seen, len(items))
    write_one(done, [Column(name, name) for name in done], as_json=as_json)
    for line in wrong[:_SHOWN]:
        print(line, file=sys.stderr)
    if len(wrong) > _SHOWN:
        print(f"and {len(wrong) - _SHOWN:,} more", file=sys.stderr)
    if wrong:
        raise typer.Exit(1)


def _placed(said: str, places: Sequence[str]) -> str:
    """*said* with the place in words of another item that it speaks of by its number."""
    import re

    return re.sub(r"^/suppressions/(\d+)", lambda found: places[int(found[1])], said)


def _columns() -> list[Column]:
    from clarion.cli.table import Column, moment

    return [
        Column("id", "id"),
        Column("address", "address"),
        Column("channel", "channel"),
        Column("category", lambda one: one["category"] or "every"),
        Column("reason", "reason"),
        Column("since", moment("created_at")),
        Column("until", moment("expires_at")),
        Column("detail", "detail"),
    ]
