"""How to reach one SMTP server, and how to behave towards it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from clarion.domain.address import parse_email
from clarion.errors import ConfigError, Invalid

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?")
_LITERAL = re.compile(r"\[[0-9A-Za-z:.]{2,64}\]")


class Tls(StrEnum):
    """When the conversation is encrypted."""

    IMPLICIT = "implicit"  #: from the first octet (RFC 8314), as on port 465
    REQUIRED = "required"  #: by STARTTLS (RFC 3207); a server without it is not used
    IF_OFFERED = "if-offered"  #: by STARTTLS where the server offers it, else not
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each phase may take.

    RFC 5321 §4.5.3.2 asks for five minutes up to the reply to DATA. Giving up earlier there is safe, as nothing was
    accepted yet, and lets a batch fail over sooner; from the message on, its figures are kept.
    """

    connect: timedelta = timedelta(seconds=15)  #: name look-up, TCP, and the TLS handshake
    greeting: timedelta = timedelta(minutes=1)
    command: timedelta = timedelta(minutes=2)  #: each reply up to the one to DATA
    data: timedelta = timedelta(minutes=3)  #: each 64 kB of a message
    #: The reply to the final dot. Giving up early does not undo a delivery: it makes duplicates (RFC 1047).
    reply: timedelta = timedelta(minutes=10)
    idle: timedelta = timedelta(seconds=30)  #: after which an unused connection is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """One SMTP server and one account on it.

    Raises `ConfigError` where values contradict each other, or could reach the wire and mean something else there.
    """

    host: str
    port: int = 587
    tls: Tls = Tls.REQUIRED
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    #: A PEM file of authorities to trust instead of the system's.
    ca_file: str | None = None
    timeouts: Timeouts = Timeouts()
    #: Connections at once, at most.
    connections: int = 10
    #: A connection is closed after so many messages.
    messages_per_connection: int = 1000
    #: How we introduce ourselves: a host name, or an address in brackets; None means the address of our own end.
    ehlo_name: str | None = None
    #: Right of the @ in a Message-ID; None means the sender's domain.
    message_id_domain: str | None = None
    #: The domains that may stand in From; ``*`` allows any. None at all allows none.
    from_domains: frozenset[str] = frozenset()
    #: Octets; a larger message is refused before anything is sent. The server's own SIZE counts as well.
    max_size: int = 30 * 1024 * 1024
    #: Whether to use PIPELINING (RFC 2920) where the server offers it.
    pipelining: bool = True
    #: Whether text that is not ASCII goes as it is to servers that offer 8BITMIME (RFC 6152): a quarter less to carry.
    #: Off where a server behind yours cannot take it and breaks signatures (DKIM) by converting.
    eight_bit: bool = True

    def __post_init__(self) -> None:
        if not is_host(self.host):
            raise ConfigError(f"{self.host[:64]!r} is not a host name or an IP address")
        for what, name in (("ehlo", self.ehlo_name), ("message_id_domain", self.message_id_domain)):
            if name is not None and not (is_host(name) or (what == "ehlo" and _LITERAL.fullmatch(name))):
                raise ConfigError(f"{what} {name[:64]!r} is not a host name")
        if not 0 < self.port < 65536:
            raise ConfigError(f"port {self.port} is not between 1 and 65535")
        for what, count in (
            ("connections", self.connections),
            ("messages_per_connection", self.messages_per_connection),
        ):
            if count < 1:
                raise ConfigError(f"{what} must be at least 1")
        self._check_login()
        object.__setattr__(self, "from_domains", frozenset(usual_domain(name) for name in self.from_domains))

    def _check_login(self) -> None:
        if (self.user is None) != (self.password is None):
            raise ConfigError("give both a user and a password for the SMTP server, or neither")
        if any(ord(c) < 32 or ord(c) == 127 for c in (self.user or "") + (self.password or "")):
            raise ConfigError("the SMTP user or password contains a control character")
        if self.user is not None and self.tls is Tls.NEVER and not is_loopback(self.host):
            raise ConfigError(
                f"a password would go to {self.host} unencrypted: use smtps:// or starttls=required, or leave it out"
            )

    def describe(self) -> Mapping[str, object]:
        """What a log may hold: never the password."""
        return MappingProxyType({"host": self.host, "port": self.port, "tls": self.tls.value, "user": self.user})


def usual_domain(name: str) -> str:
    """*name* as it stands in an address that `parse_email` gave: lower case, ASCII; ``*`` stays.

    Raises `ConfigError`.
    """
    if name == "*":
        return name
    try:
        return parse_email(f"x@{name}").removeprefix("x@")
    except Invalid as error:
        raise ConfigError(f"{name[:64]!r} is not a domain that mail can come from: {error.message}") from None


def is_host(text: str) -> bool:
    """Whether *text* is a host name or an IP address, and nothing that could end a line or a word."""
    if _HOST.fullmatch(text):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_loopback(host: str) -> bool:
    """Whether *host* is this machine, so that nothing crosses a wire."""
    if host.lower() in {"localhost", "localhost."}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
