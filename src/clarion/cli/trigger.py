"""``clarion trigger``: say what happened, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

_Key = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The key of the workflow.")]
_To = Annotated[
    list[str],
    typer.Option(
        "--to",
        metavar="WHO",
        help="Who hears of it: an id, an address, a number with +, or topic:KEY. May be given many times.",
    ),
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value of the payload, e.g. order.id=42. May be given often."),
]
_Payload = Annotated[
    str | None, typer.Option("--payload", metavar="FILE", help="The payload as a JSON file; - is standard input.")
]
_Attach = Annotated[
    list[str] | None,
    typer.Option(
        "--attach", metavar="FILE", help="A file that goes with its mails, or the URL of one. May be given often."
    ),
]
_Inline = Annotated[
    list[str] | None,
    typer.Option(
        "--inline", metavar="NAME=FILE", help="A picture that the mails' HTML shows as cid:NAME. May be given often."
    ),
]
_Channel = Annotated[list[str] | None, typer.Option("--channel", help="Narrows the workflow's channels to these.")]
_Priority = Annotated[str | None, typer.Option("--priority", help="critical, high, normal or low.")]
_SendAt = Annotated[
    str | None, typer.Option("--send-at", metavar="TIME", help="Not before then, e.g. 2027-01-31T09:30:00Z.")
]
_ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", metavar="TIME", help="What is not sent by then is not sent at all.")
]
_TransactionId = Annotated[str | None, typer.Option("--transaction-id", help="Your own id, to find it again by.")]
_IdempotencyKey = Annotated[
    str | None, typer.Option("--idempotency-key", help="The same key again gives the same answer and sends nothing.")
]
_Sandbox = Annotated[bool, typer.Option("--sandbox", help="All of it happens, and nothing leaves.")]
_Watch = Annotated[bool, typer.Option("--watch", help="Follow it until everyone has heard.")]


@talks
def trigger(
    system: Remote,
    workflow: _Key,
    to: _To,
    set_: _Set = None,
    payload: _Payload = None,
    attach: _Attach = None,
    inline: _Inline = None,
    channel: _Channel = None,
    priority: _Priority = None,
    send_at: _SendAt = None,
    expires_at: _ExpiresAt = None,
    transaction_id: _TransactionId = None,
    idempotency_key: _IdempotencyKey = None,
    sandbox: _Sandbox = False,
    watch: _Watch = False,
    json: Json = False,
) -> None:
    """Trigger a workflow: everybody named hears of it."""
    import uuid

    from clarion.cli.attached import attached
    from clarion.cli.audience import read_payload, recipient
    from clarion.cli.table import Column, write_one

    body: dict[str, object] = {
        "recipients": [recipient(one) for one in to],
        "payload": read_payload(payload, set_ or []),
        "channels": channel or None,
        "priority": priority,
        "send_at": send_at,
        "expires_at": expires_at,
        "transaction_id": transaction_id,
        "sandbox": sandbox or None,
    }
    if attach or inline:
        body["attachments"] = attached(system, attach or [], inline or [])
    accepted = system.post(
        *("workflows", workflow, "trigger"),
        body={name: value for name, value in body.items() if value is not None},
        # One of our own, so that it may be sent again when the connection breaks before the answer.
        headers={"Idempotency-Key": idempotency_key or uuid.uuid4().hex},
    )
    if not watch:
        columns = [Column("id", "id"), Column("status", "status"), Column("named twice", "duplicates")]
        write_one(accepted, columns, as_json=json)
        return
    from clarion.cli.watch import watch as follow

    follow(system, accepted["id"], as_json=json)
