"""Names in the environment that hand-built mailers on Bull and BullMQ use: they work here where ours are absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

#: What is the same setting under another name.
SETTINGS: Final[Mapping[str, str]] = {"JOB_CONCURRENCY": "worker.senders", "JOB_ATTEMPT_LIMIT": "defaults.attempts"}
#: What together is the address of Redis.
REDIS: Final = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD")
ALIASES: Final = frozenset({*SETTINGS, *REDIS})
#: Kubernetes sets REDIS_PORT to this kind of value beside a Service called `redis`.
_SERVICE_LINK: Final = "tcp://"


def read_aliases(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What these names set, by the dotted name of the setting, each with its origin. Empty ones count as absent."""
    found = {setting: (environ[alias], alias) for alias, setting in SETTINGS.items() if environ.get(alias)}
    host, port, password = (environ.get(name, "") for name in REDIS)
    if host:
        where = f"[{host}]" if ":" in host else host
        port = f":{port}" if port and not port.startswith(_SERVICE_LINK) else ""
        user = f":{quote(password, safe='')}@" if password else ""
        given = [name for name in REDIS if environ.get(name)]
        found["redis_url"] = (f"redis://{user}{where}{port}", " + ".join(given))
    return found
