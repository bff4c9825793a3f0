"""What crosses the network in the clear: to the database, to mail servers and to brokers."""

from __future__ import annotations

from collections.abc import Iterator

from clarion.cli.checkup.finding import Finding, fail, ok, warn
from clarion.config import Settings
from clarion.wires import DATABASE, WAY_OUT, database_wire, in_the_clear


def check_wires(settings: Settings) -> Iterator[Finding]:
    """A finding on each address that is not on this machine; nothing is connected to.

    What keeps processes from starting fails, in the words that they say; where `insecure` allows it, it is a warning.
    """
    clear = in_the_clear(settings)
    if settings.database_url is not None and not any(one.setting == DATABASE for one in clear):
        yield from _verified(settings.database_url.get_secret_value())
    for one in clear:
        if settings.insecure:
            yield warn(_what(one.setting), f"{one.says}; insecure allows it", one.how)
        else:
            yield fail(_what(one.setting), f"{one.says}, so Clarion does not start", f"{one.how}; or, {WAY_OUT}")


def _verified(address: str) -> Iterator[Finding]:
    wire = database_wire(address)
    if wire is None:
        return
    if wire.mode == "verify-full":
        yield ok(_what(DATABASE), "required, and the server's certificate is verified")
    else:
        hosts = ", ".join(wire.hosts)
        says = f"sslmode={wire.mode}: it is encrypted, and whoever answers in the place of {hosts} would be believed"
        how = "put ?sslmode=verify-full behind its address, and sslrootcert=… if its authority is your own"
        yield warn(_what(DATABASE), says, how)


def _what(setting: str) -> str:
    return f"encryption of {setting}"
