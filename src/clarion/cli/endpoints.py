"""``clarion endpoints``: the webhooks of recipients, where programs of theirs are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import DataDir, Json, Project
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote
    from clarion.cli.table import Column

app = typer.Typer(no_args_is_help=True, help="The webhooks of recipients, where programs of theirs are told.")

_Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient.")]
_Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id of the webhook (whk_…).")]
_Where = Annotated[str, typer.Argument(metavar="URL", help="Where to post, by HTTPS.")]
_Description = Annotated[str | None, typer.Option("--description", help="What it is for, in your own words.")]
_Workflow = Annotated[
    list[str] | None, typer.Option("--workflow", help="Only messages of this workflow; may be given several times.")
]
_Reason = Annotated[str, typer.Option("--reason", help="Why nothing more is to be posted.")]
_Overlap = Annotated[
    str | None,
    typer.Option("--overlap", metavar="AGE", help="How long the old secret signs as well, e.g. 24h; 0s: not at all."),
]


@app.command("list")
@talks
def list_(system: Remote, recipient: _Recipient, json: Json = False) -> None:
    """List a recipient's webhooks, the first registered first."""
    from clarion.cli.table import write_list

    found = system.get("recipients", recipient, "webhooks")["items"]
    write_list(found, _columns(), as_json=json, empty="no webhooks")


@app.command()
@talks
def add(
    system: Remote,
    recipient: _Recipient,
    where: _Where,
    description: _Description = None,
    workflow: _Workflow = None,
    json: Json = False,
) -> None:
    """Register a webhook of a recipient's, and be told its secret: once."""
    body = {"url": where, "description": description, "workflows": workflow or None}
    _show(system.post("recipients", recipient, "webhooks", body=body), as_json=json)


@app.command()
@talks
def rotate(
    system: Remote,
    recipient: _Recipient,
    webhook: _Webhook,
    overlap: _Overlap = None,
    json: Json = False,
) -> None:
    """Give a webhook a new secret, told once; for a while the old one signs as well."""
    from clarion.domain.duration import parse_duration

    body = {} if overlap is None else {"overlap_s": int(parse_duration(overlap).total_seconds())}
    _show(system.post("recipients", recipient, "webhooks", webhook, "rotate", body=body), as_json=json)


@app.command()
@talks
def enable(system: Remote, recipient: _Recipient, webhook: _Webhook, json: Json = False) -> None:
    """Post to a webhook again that is disabled.

    Messages that were skipped or failed meanwhile stay so; failed ones can be retried.
    """

    _show(system.post("recipients", recipient, "webhooks", webhook, "enable"), as_json=json)


@app.command()
@talks
def disable(
    system: Remote,
    recipient: _Recipient,
    webhook: _Webhook,
    reason: _Reason = "by hand",
    json: Json = False,
) -> None:
    """Post nothing more to a webhook."""
    _show(system.post("recipients", recipient, "webhooks", webhook, "disable", body={"reason": reason}), as_json=json)


@app.command()
@talks
def test(system: Remote, recipient: _Recipient, webhook: _Webhook, json: Json = False) -> None:
    """Post a test to a webhook now. Exits with 1 when it did not arrive."""
    from clarion.cli.table import Column, write_one

    tried = system.post("recipients", recipient, "webhooks", webhook, "test")
    columns = [Column("arrived", "ok"), Column("reason", "reason"), Column("took, ms", "took_ms")]
    write_one(tried, columns, as_json=json)
    if not tried["ok"]:
        raise typer.Exit(1)


@app.command()
@talks
def delete(system: Remote, recipient: _Recipient, webhook: _Webhook) -> None:
    """Forget a recipient's webhook."""
    system.call("DELETE", "recipients", recipient, "webhooks", webhook)


@app.command()
def reseal(project: Project = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Seal secrets of webhooks, and secret addresses of chats, anew.

    Also those that lie open since before they were sealed; and after the secret was changed, while the one of before is
    among `suppression.old_secrets`. Exits with 1 when some cannot be read any more: rotate these, or register such
    chats again.
    """
    import asyncio

    from clarion.cli.database import connected
    from clarion.cli.table import Column, write_one
    from clarion.config import load_settings
    from clarion.flows.chats import Chats
    from clarion.seals import vault_of, webhooks_of

    settings = load_settings({"project": project, "data_dir": data_dir})

    async def body() -> tuple[int, int]:
        async with connected(settings) as connection:
            sealed = await webhooks_of(settings).reseal(connection), await Chats(vault_of(settings)).reseal(connection)
            return sum(done for done, _ in sealed), sum(lost for _, lost in sealed)

    done, lost = asyncio.run(body())
    columns = [Column("sealed anew", "resealed"), Column("cannot be read", "unreadable")]
    write_one({"resealed": done, "unreadable": lost}, columns, as_json=json)
    if lost:
        raise typer.Exit(1)


def _show(webhook: Any, *, as_json: bool) -> None:
    from clarion.cli.table import write_one

    write_one(webhook, _columns(), as_json=as_json)


def _columns() -> list[Column]:
    from clarion.cli.table import Column, moment

    columns = [*(Column(name, name) for name in ("id", "url", "description", "secret"))]
    columns += [Column("workflows", lambda one: ", ".join(one["workflows"] or ["all"]))]
    columns += [Column("failing since", moment("failing_since")), Column("last error", "last_error")]
    return [*columns, Column("disabled", moment("disabled_at")), Column("why", "disabled_reason")]
