"""docs/reference/settings.md, written from the settings: ``python -m clarion.project.settings_page FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from clarion.project.setting import Setting, every_setting, show
from clarion.project.settings import Settings

_TOP = """\
# Settings

Every setting has a default, so an empty `clarion.toml`, or none, is enough to begin with. What comes first counts:

1. a flag of the command, where the command has one (`clarion up --port 8080`);
2. the environment: the variable in the tables below, or the same with `_FILE` behind it, which names a file to read the
   value from (for secrets that are mounted as files); an empty variable counts as absent;
3. `clarion.toml` in the project folder;
4. the default.

All of it is read once, when a command starts, and checked whole: every problem is reported at once, and a name that
does not exist is answered with the nearest one that does. Lengths of time are written with their unit: `250ms`, `5s`,
`10m`, `3h`, `2d`, `1h30m`, or ISO 8601's `PT5S`. `clarion doctor` shows the settings in force and where each came
from, with secrets masked.

In Kubernetes, a Service called `clarion` puts `CLARION_PORT=tcp://…` into the environment of its pods: set
`enableServiceLinks: false` there, or give the Service another name.

Names that mailers on Bull and BullMQ use work too, where ours are absent: `REDIS_HOST`, `REDIS_PORT` and
`REDIS_PASSWORD` make up `redis_url`, `JOB_CONCURRENCY` is `worker.senders`, `JOB_ATTEMPT_LIMIT` is `defaults.attempts`
(where they say more than there may be, the most counts, and the log says so).

```toml
# clarion.toml
default_locale = "en"

[email]
from = "Hotel Aurora <stay@hotel.example>"

[worker]
claim_size = 200
lease = "60s"

[brokers]
orders = "amqps://clarion@orders.example"
```
"""


#: Stands below the addresses of brokers.
_ENCRYPTION = """
## Encryption to brokers

`amqps://`, `tls://` (NATS) and `rediss://` are encrypted, or there is no connection: nothing goes unencrypted to a
server that does not offer it. Its certificate and its name are always verified; nothing in an address switches that
off. Behind the address stand

| option | what it is |
|---|---|
| `ca_file` | a PEM file of authorities to trust instead of the system's |
| `cert_file`, `key_file` | ours and its key, in PEM, without a passphrase; without `key_file` both are in the one |

as in `amqps://user:password@rabbit.example/vhost?ca_file=/etc/clarion/ca.pem`. Where there are several servers of
NATS, each address has its own. A server of NATS that wants the handshake before it has said anything
(`handshake_first: true`) cannot be used.

What is wrong, an authority that is not known, a name that is not in the certificate, a certificate that has expired,
is said by `clarion doctor`, `clarion sources` and the log (`source.lost`, `sink.paused`). It costs nothing: what
comes stays at the broker, and what is published waits.
"""


def page() -> str:
    """The whole page as Markdown."""
    settings = every_setting()
    groups = dict.fromkeys(setting.group for setting in settings)
    return "\n".join([_TOP, *(_section(group, [s for s in settings if s.group == group]) for group in groups)])


def _section(group: str, settings: list[Setting]) -> str:
    if group:
        says = (Settings.model_fields[group].annotation.__doc__ or "").strip().split("\n")[0]
        head = [f"## `[{group}]`", "", says, ""]
    else:
        head = ["## At the top", ""]
    return (
        "\n".join([*head, "| setting | variable | default | range | what it is |", "|---|---|---|---|---|"])
        + "".join(f"\n| `{s.key}` | `{s.env}` | {_default(s)} | {s.range} | {s.field.description} |" for s in settings)
        + "\n"
        + ("" if group else _ENCRYPTION)
    )


def _default(setting: Setting) -> str:
    shown = show(setting.get(Settings()))
    return f"`{shown}`" if shown else "none"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
