"""``clarion preview``: what a workflow would say, and nobody hears it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clarion.cli.remote import Remote

_Key = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The key of the workflow.")]
_To = Annotated[str, typer.Option("--to", metavar="WHO", help="For whom: an id, an address, or a number with +.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value of the payload, e.g. order.id=42. May be given often."),
]
_Payload = Annotated[
    str | None, typer.Option("--payload", metavar="FILE", help="The payload as a JSON file; - is standard input.")
]
_Channel = Annotated[list[str] | None, typer.Option("--channel", help="Narrows the workflow's channels to these.")]
_Html = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write the HTML of the mail here, to be opened by a browser."),
]


@talks
def preview(
    system: Remote,
    workflow: _Key,
    to: _To,
    set_: _Set = None,
    payload: _Payload = None,
    channel: _Channel = None,
    html: _Html = None,
    json: Json = False,
) -> None:
    """Show what a workflow would say to one recipient; nothing leaves.

    Each step with its words, why it would be skipped, and warnings. Exits with 1 when a step has no words.
    """
    from clarion.cli.audience import read_payload, recipient
    from clarion.cli.table import write_one

    body: dict[str, Any] = {"recipient": recipient(to), "payload": read_payload(payload, set_ or [])}
    if channel:
        body["channels"] = channel
    found = system.post("workflows", workflow, "preview", body=body)
    if json:
        write_one(found, [], as_json=True)
    else:
        print("\n\n".join("\n".join(_lines(step)) for step in found["steps"]))
    if html is not None:
        _write_html(found, html)
    if any(step["failed"] for step in found["steps"]):
        raise typer.Exit(1)


def _lines(step: dict[str, Any]) -> Iterator[str]:
    """One step for people: what becomes of it, its words, what to look at."""
    size = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in (step["size"] or {}).items())
    head = step["step"] if step["channel"] in (None, step["step"]) else f"{step['step']} ({step['channel']})"
    yield ": ".join(filter(None, (head, step["outcome"], step["reason"])))
    if step["failed"] and step["failed"] != step["reason"]:
        yield f"  failed   {step['failed']}"
    if step["to"]:
        yield f"  to       {', '.join(step['to'])}"
    for name, value in (step["content"] or {}).items():
        if value not in (None, "", {}, []) and name != "html":
            first, *rest = _shown(value).splitlines() or [""]
            yield f"  {name:<8} {first}"
            yield from (f"  {'':8} {line}" for line in rest)
    if size:
        yield f"  size     {size}"
    yield from (f"  warning  {warning}" for warning in step["warnings"])


def _shown(value: object) -> str:
    """A value of the words; of a list, such as the fields of a chat message, a line for each."""
    if not isinstance(value, list):
        return str(value)
    return "\n".join(": ".join(map(str, one.values())) if isinstance(one, dict) else str(one) for one in value)


def _write_html(found: dict[str, Any], file: str) -> None:
    from pathlib import Path

    from clarion.errors import Invalid

    for step in found["steps"]:
        if (step["content"] or {}).get("html"):
            try:
                Path(file).write_text(step["content"]["html"], encoding="utf-8")
            except OSError as error:
                raise Invalid(f"{file} cannot be written: {error.strerror}.") from None
            return
    raise Invalid(f"{file} was not written: no step came to HTML.")
