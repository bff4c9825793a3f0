"""How the embedded server is tuned, and who may connect to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

#: The role that Clarion connects as and the database it uses. The role is no superuser, as in production.
ROLE = "clarion"
DATABASE = "clarion"
SUPERUSER = "postgres"

#: For a small machine that also runs Clarion. What is not here is PostgreSQL's default.
TUNING: Mapping[str, str] = {
    # Durable: an answered request survives a power cut. These are the defaults, and must not become anything else.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "100",
    # Checkpoints far apart: after each one the first change of a page writes the whole page to the WAL.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Old WAL files are used again, which is cheaper than making new ones.
    "min_wal_size": "512MB",
    # Queue tables turn over all the time: look after them every few seconds, and do not tiptoe.
    "autovacuum_naptime": "5s",
    "autovacuum_vacuum_cost_delay": "1ms",
    # Statements are short: compiling them costs more than it gives, and disks no longer seek.
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


def options(socket_folder: Path, extra: Mapping[str, str]) -> list[str]:
    """Arguments for ``postgres``. They are given anew at every start, so an old cluster follows a new release."""
    forced = {"listen_addresses": "", "unix_socket_directories": _quoted(socket_folder), "port": "5432"}
    settings = {**TUNING, "unix_socket_permissions": "0700", **extra, **forced}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def access(accounts: Iterable[str]) -> tuple[str, str]:
    """The texts of ``pg_hba.conf`` and ``pg_ident.conf``: the kernel vouches for who is at the socket's other end.

    Only processes of *accounts* may connect. There is no password to leak and no TCP port to reach.
    """
    names = sorted(set(accounts))
    hba = "# Written by Clarion at every start.\nlocal all all peer map=clarion\n"
    lines = [f'clarion "{name}" {role}' for name in names for role in (ROLE, SUPERUSER)]
    return hba, "\n".join(["# Written by Clarion at every start.", *lines, ""])


def _quoted(folder: Path) -> str:
    """One folder as an element of a list setting."""
    text = str(folder).replace('"', '""')
    return f'"{text}"'
