"""What crosses the network in the clear: to the database and to brokers. Mail servers are looked at with mail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from clarion.brokers.encryption import ENCRYPTED
from clarion.channels.email.settings import is_loopback
from clarion.cli.checkup.brokers import configured
from clarion.cli.checkup.finding import Finding, ok, warn
from clarion.config import Settings

_DATABASE = "encryption to the database"
#: asyncpg's own, and libpq's, where nothing is said.
_USUAL = "prefer"


def check_wires(settings: Settings) -> Iterator[Finding]:
    """A finding on each address that is not on this machine; nothing is connected to."""
    if settings.database_url is not None and (finding := _database(settings.database_url.get_secret_value())):
        yield finding
    for name, addresses in configured(settings).items():
        servers = addresses.split(",") if addresses.count("://") > 1 else [addresses]
        for url in map(urlsplit, servers):
            if url.scheme in ENCRYPTED and url.hostname and not is_loopback(url.hostname):
                says = f"what is said to {url.hostname} crosses the network in the clear, the password too"
                yield warn(f"encryption to {name}", says, f"use {ENCRYPTED[url.scheme]}://")


def _database(address: str) -> Finding | None:
    url = urlsplit(address)
    asked = parse_qs(url.query)
    host = asked.get("host", [url.hostname or ""])[-1]
    if not host or host.startswith("/") or is_loopback(host):  # a socket of this machine
        return None
    mode = asked.get("sslmode", [os.environ.get("PGSSLMODE", _USUAL)])[-1].replace("_", "-")
    if mode == "verify-full":
        return ok(_DATABASE, "required, and the server's certificate is verified")
    if mode in ("require", "verify-ca"):
        says = f"sslmode={mode}: it is encrypted, and whoever answers in the place of {host} would be believed"
    else:
        says = f"sslmode={mode}: messages and the password may cross the network to {host} in the clear"
    return warn(
        _DATABASE, says, "put ?sslmode=verify-full behind its address, and sslrootcert=… if its authority is your own"
    )
