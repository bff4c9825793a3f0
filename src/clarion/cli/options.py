"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Project = Annotated[
    Path | None, typer.Option("--project", metavar="DIR", help="The project folder; the present one unless said.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", resolve_path=True, help="Where the embedded database and other data are kept."
    ),
]
Tenant = Annotated[
    str | None, typer.Option("--tenant", metavar="NAME", help="Whose; that of the beginning, `default`, unless said.")
]
Host = Annotated[str | None, typer.Option("--host", help="The address the API listens on.")]
Port = Annotated[int | None, typer.Option("--port", help="The port the API listens on; 0 takes a free one.")]
Processes = Annotated[int | None, typer.Option("--processes", help="Worker processes on this machine.")]
Queues = Annotated[str | None, typer.Option("--queues", help="Queues to work on, separated by commas.")]
Sources = Annotated[
    bool | None, typer.Option("--sources", help="Also take in what comes from brokers, as published bindings say.")
]
Bounces = Annotated[
    bool | None, typer.Option("--bounces", help="Also read mails that came back, as `[bounces]` of the settings says.")
]
Insecure = Annotated[
    bool | None,
    typer.Option("--insecure", help="Speak to other machines in the clear where an address does not ask for more."),
]
#: Given by the process that started this one: end when standard input ends.
Child = Annotated[bool, typer.Option("--child", hidden=True)]
#: The same: wait for more settings, a line of JSON on standard input.
Late = Annotated[bool, typer.Option("--late", hidden=True)]

Url = Annotated[
    str | None, typer.Option("--url", help="Where the API is; unless said, that of `clarion up` on this data folder.")
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="What opens it; unless said, the configured one or that of `up`.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs, lists with one object a line.")]
Limit = Annotated[int, typer.Option("--limit", help="Show at most so many.", min=1)]
