"""``clarion doctor``: whether everything Clarion stands on is as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import DataDir, Insecure, Json, Project

if TYPE_CHECKING:
    from clarion.cli.checkup.finding import Finding
    from clarion.config import Settings

_ShowSettings = Annotated[
    bool, typer.Option("--settings", help="Show all settings in force, not only those that were set.")
]


_Nameserver = Annotated[
    str | None,
    typer.Option("--nameserver", metavar="ADDRESS", help="Ask this name server, not those that the machine uses."),
]


def doctor(
    project: Project = None,
    data_dir: DataDir = None,
    insecure: Insecure = None,
    settings: _ShowSettings = False,
    nameserver: _Nameserver = None,
    json: Json = False,
) -> None:
    """Look at everything Clarion stands on; say how to mend it.

    Database, workers, mail server, what DNS says of the domains that mail is from (SPF, DKIM, DMARC), providers,
    brokers, clocks, folders, disk, project and settings. Exits with 1 when something fails.
    """
    import asyncio

    from clarion.cli.checkup.finding import Level
    from clarion.config import load_settings, wants_colour
    from clarion.logs import configure

    loaded = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})
    configure(format=loaded.log_format, level="error", process="doctor", colour=wants_colour())
    findings = asyncio.run(_examine(loaded, nameserver, as_json=json))
    if not json:
        _show_settings(loaded, all=settings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, nameserver: str | None, *, as_json: bool) -> list[Finding]:
    """Everything, each told as soon as it is known."""
    from clarion.cli.checkup.brokers import check_brokers
    from clarion.cli.checkup.database import check_database
    from clarion.cli.checkup.machine import check_machine
    from clarion.cli.checkup.mail import check_mail
    from clarion.cli.checkup.names import check_names
    from clarion.cli.checkup.providers import check_providers
    from clarion.cli.checkup.wires import check_wires

    findings = [*check_machine(settings), *check_wires(settings)]
    for finding in findings:
        _tell(finding, as_json=as_json)
    checks = (
        *(check_database(settings), check_mail(settings), check_names(settings, nameserver)),
        *(check_providers(settings), check_brokers(settings)),
    )
    for check in checks:
        async for finding in check:
            _tell(finding, as_json=as_json)
            findings.append(finding)
    return findings


def _tell(finding: Finding, *, as_json: bool) -> None:
    import json
    import sys

    if as_json:
        print(json.dumps(finding.to_json(), ensure_ascii=False), flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.level.value]
    line = Text.assemble((f"{finding.level.value:<5}", colour), (f"{finding.what}: ", "bold"), finding.says)
    console.print(line)
    if finding.how:
        console.print(Text(f"     how: {finding.how}"))


def _show_settings(settings: Settings, *, all: bool) -> None:
    from clarion.cli.table import Column, write_list
    from clarion.config import effective

    items = [{"setting": name, "value": value, "from": origin} for name, value, origin in effective(settings)]
    shown = [item for item in items if all or item["from"] != "default"]
    print()
    write_list(shown, [Column(name, name) for name in ("setting", "value", "from")], as_json=False, empty="")
    if not all:
        print("All other settings have their defaults; --settings shows them.")
