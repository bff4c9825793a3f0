"""Names in the environment that hand-built mailers on Bull and BullMQ use: they work here where ours are absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import quote

from clarion.project.setting_kinds import MOST_ATTEMPTS, MOST_SENDERS

#: What is the same setting under another name.
SETTINGS: Final[Mapping[str, str]] = {"JOB_CONCURRENCY": "worker.senders", "JOB_ATTEMPT_LIMIT": "defaults.attempts"}
#: … and the most that each may be here. What those mailers count are jobs, of which they may say any number; here it is
#: lists of a hundred messages, and tries whose waits grow: more would only be refused.
MOST: Final[Mapping[str, int]] = {"JOB_CONCURRENCY": MOST_SENDERS, "JOB_ATTEMPT_LIMIT": MOST_ATTEMPTS}
#: What together is the address of Redis.
REDIS: Final = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD")
ALIASES: Final = frozenset({*SETTINGS, *REDIS})
#: Kubernetes sets REDIS_PORT to this kind of value beside a Service called `redis`.
_SERVICE_LINK: Final = "tcp://"


def lowered(environ: Mapping[str, str], origins: Collection[str]) -> dict[str, tuple[str, int]]:
    """Those of these names, among *origins*, that say more than there may be: what they say, and what counts."""
    asked = {alias: environ[alias].strip() for alias in MOST if alias in origins and environ.get(alias)}
    return {alias: (text, MOST[alias]) for alias, text in asked.items() if _bounded(alias, environ) != environ[alias]}


def read_aliases(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What these names set, by the dotted name of the setting, each with its origin. Empty ones count as absent."""
    found = {setting: (_bounded(alias, environ), alias) for alias, setting in SETTINGS.items() if environ.get(alias)}
    host, port, password = (environ.get(name, "") for name in REDIS)
    if host:
        where = f"[{host}]" if ":" in host else host
        port = f":{port}" if port and not port.startswith(_SERVICE_LINK) else ""
        user = f":{quote(password, safe='')}@" if password else ""
        given = [name for name in REDIS if environ.get(name)]
        found["redis_url"] = (f"redis://{user}{where}{port}", " + ".join(given))
    return found


def _bounded(alias: str, environ: Mapping[str, str]) -> str:
    """What *alias* says, or the most that it may be where it says more."""
    text = environ[alias].strip()
    return str(MOST[alias]) if text.isascii() and text.isdigit() and int(text[:9]) > MOST[alias] else environ[alias]
