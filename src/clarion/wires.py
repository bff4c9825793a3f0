"""What would cross a network in the clear: the addresses among the settings that are not of this machine.

One place decides it: from here a process is not started, a command tells no key, and `clarion doctor` tells of it.
Nothing is connected to. What is not ``localhost``, a loopback address or a name that leads to nothing but these is
another machine; a name is only looked up where it would be refused otherwise.

Not here is what cannot be in the clear at all: an IMAP server on another machine is spoken to by STARTTLS or not at
all, providers by HTTPS, and no password goes to a mail server unencrypted, whatever is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from clarion.config import Settings
from clarion.errors import ConfigError

DATABASE: Final = "database_url"
#: What asyncpg and libpq do where nothing is said.
_USUAL: Final = "prefer"
#: With these there is encryption, or no connection.
_SURE: Final = frozenset({"require", "verify-ca", "verify-full"})

WAY_OUT: Final = (
    "where the network between is trusted, a private one of containers for example, set insecure = true in "
    "clarion.toml (CLARION_INSECURE=true, or --insecure)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """One address that is, or may be, spoken to in the clear."""

    #: Its setting, by its dotted name.
    setting: str
    #: What would happen, and to which machine; never a password.
    says: str
    #: How to encrypt it.
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseWire:
    """How a database on other machines is spoken to."""

    hosts: tuple[str, ...]
    #: As in ``sslmode=``, with dashes.
    mode: str


def in_the_clear(settings: Settings, environ: Mapping[str, str] | None = None) -> list[Clear]:
    """Every address among *settings* that would be spoken to in the clear, in their order; none: all is well.

    *environ* is where PostgreSQL's own variables are looked for: the process's environment unless said.
    """
    return [*_database(settings, environ), *_mail(settings), *_brokers(settings)]


def refuse(settings: Settings, *, only: str | None = None) -> None:
    """Raise `ConfigError` that names every such address, unless `insecure` allows them; *only*: that setting alone."""
    found = [] if settings.insecure else in_the_clear(settings)
    lines = [f"  {one.setting}: {one.says}; {one.how}" for one in found if only in (None, one.setting)]
    if lines:
        head = "Not started, for this would cross the network in the clear:"
        raise ConfigError("\n".join([head, *lines, f"Encrypt it as said there; or, {WAY_OUT}."]))


def database_wire(address: str, environ: Mapping[str, str] | None = None) -> DatabaseWire | None:
    """How the database at *address* is spoken to, as asyncpg reads it; None where it is on this machine, as written."""
    environ = os.environ if environ is None else environ
    url = urlsplit(address)
    asked = {name: values[-1] for name, values in parse_qs(url.query).items()}
    listed = url.netloc.partition("@")[2] if "@" in url.netloc else url.netloc
    written = listed or asked.get("host") or ""
    if not written and "service" in asked:  # a file says where that is
        written = f"service {asked['service']}"
    hosts = [unquote(_host(one)) for one in (written or environ.get("PGHOST", "")).split(",")]
    far = tuple(host for host in hosts if host and not host.startswith("/") and not _says_here(host))
    mode = asked.get("sslmode") or environ.get("PGSSLMODE") or _USUAL
    return DatabaseWire(hosts=far, mode=mode.replace("_", "-")) if far else None


def broker_in_the_clear(server: str) -> bool:
    """Whether the one server of a broker at *server* would be spoken to in the clear, over a network."""
    from clarion.brokers.encryption import is_encrypted  # brings `ssl` with it

    return not is_encrypted(server) and not is_here(urlsplit(server).hostname or "localhost")


def servers_of(address: str) -> Sequence[str]:
    """The servers of one broker, each by itself: NATS may have several, with commas."""
    return address.split(",") if address.count("://") > 1 else [address]


def _database(settings: Settings, environ: Mapping[str, str] | None) -> Iterator[Clear]:
    if settings.database_url is None:
        return
    wire = database_wire(settings.database_url.get_secret_value(), environ)
    if wire is None or wire.mode in _SURE:
        return
    if far := [host for host in wire.hosts if not is_here(host)]:
        says = f"sslmode={wire.mode}: messages and the password may cross the network to {_all(far)} in the clear"
        how = "put ?sslmode=verify-full behind its address, and sslrootcert=… if its authority is your own"
        yield Clear(setting=DATABASE, says=says, how=how)


def _mail(settings: Settings) -> Iterator[Clear]:
    accounts = [account for account in settings.providers if account.kind.name == "smtp"]
    if settings.smtp_url is None and not accounts:
        return
    from clarion.channels.email.settings import Tls
    from clarion.channels.email.smtp_account import smtp_of
    from clarion.channels.email.url import parse_smtp_url

    servers = {f"providers.{account.name}.url": smtp_of(account) for account in accounts}
    if settings.smtp_url is not None:
        servers = {"smtp_url": parse_smtp_url(settings.smtp_url.get_secret_value())} | servers
    for setting, server in servers.items():
        if server.tls in (Tls.IF_OFFERED, Tls.NEVER) and not is_here(server.host):
            may = "may cross" if server.tls is Tls.IF_OFFERED else "cross"
            says = f"starttls={server.tls.value}: mails {may} the network to {server.host} in the clear"
            yield Clear(setting=setting, says=says, how="write starttls=required, or smtps://")


def _brokers(settings: Settings) -> Iterator[Clear]:
    single = {"amqp_url": settings.amqp_url, "nats_url": settings.nats_url, "redis_url": settings.redis_url}
    named = {f"brokers.{name}": address for name, address in settings.brokers.items()}
    for setting, address in (single | named).items():
        servers = [] if address is None else servers_of(address.get_secret_value())
        clear = [urlsplit(server) for server in servers if broker_in_the_clear(server)]
        if clear:
            from clarion.brokers.encryption import ENCRYPTED

            hosts = _all([url.hostname or "" for url in clear])
            says = f"what is said to {hosts} crosses the network in the clear, the password too"
            use = " and ".join(dict.fromkeys(f"{ENCRYPTED[url.scheme]}://" for url in clear))
            yield Clear(setting=setting, says=says, how=f"use {use}")


def is_here(host: str) -> bool:
    """Whether *host* is this machine: as written, or since its name leads to loopback addresses alone."""
    return _says_here(host) or _leads_here(host)


def _says_here(host: str) -> bool:
    from clarion.channels.email.settings import is_loopback

    return is_loopback(host)


def _leads_here(name: str) -> bool:
    found = _addresses(name)
    return bool(found) and all(_says_here(address) for address in found)


def _addresses(name: str) -> Sequence[str]:
    """What *name* leads to; nothing where nobody knows it."""
    import socket

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return [str(address[0]) for *_, address in found]


def _host(text: str) -> str:
    """The host of ``host``, ``host:port`` or ``[address]:port``; a folder with a socket as it is."""
    if text.startswith("/"):
        return text
    return text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]


def _all(hosts: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(hosts))
