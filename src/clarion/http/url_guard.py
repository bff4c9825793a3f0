"""Where requests that others have named may go: into the internet, and nowhere else.

A URL is parsed once, here; its host is resolved here; *every* address must pass; and the connection is made to an
address that passed, so that a name which answers otherwise a moment later changes nothing. What an operator has listed
(an intranet, or loopback in tests) may be reached over plain HTTP and on any port; everything else by HTTPS on the
ports of `PORTS`.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import idna

from clarion.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: Gives the addresses of a name; raises OSError when it has none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

PORTS = frozenset({443, 80, 8443, 8080})
LONGEST_URL = 2_000

_CODE = "url_not_allowed"
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?",
    re.IGNORECASE | re.DOTALL,
)
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
#: The last label of what others read as an IPv4 address: ``127.1``, ``0x7f000001``, ``2130706433``, ``0177.0.0.1``.
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")

#: Never reached unless an operator lists it, whatever Python's own tables say of it.
BLOCKED: tuple[Network, ...] = tuple(
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.168.0.0/16", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23"),
        *("2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL, taken apart."""

    scheme: str
    #: In lower case, as DNS has it (punycode), without the final dot; an address without brackets.
    host: str
    port: int
    path: str
    query: str
    #: Set where the host is an address and no name.
    address: Address | None

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """For people: the host in punycode, so that a look-alike shows."""
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")


_DEFAULT_PORTS = {"https": 443, "http": 80}


def parse_url(text: str) -> Destination:
    """*text* as a destination. Raises `Invalid` (``url_not_allowed``) that says what is wrong, never the whole URL."""
    if len(text) > LONGEST_URL:
        raise _refused(f"it is longer than {LONGEST_URL:,} characters")
    if not text.isprintable() or " " in text or "\\" in text:
        raise _refused("it has spaces, backslashes or characters that cannot be seen")
    url = _URL.fullmatch(text)
    if url is None:
        raise _refused("it does not look like https://host/path")
    scheme = url["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise _refused(f"the scheme {scheme[:20]} is not https")
    if "@" in url["authority"]:
        raise _refused("it has a user or a password")
    if url["fragment"]:
        raise _refused("it has a fragment")
    path, query = url["path"] or "/", url["query"] or ""
    if not (path + query).isascii():
        raise _refused("its path has characters that must be percent-encoded")
    authority = _AUTHORITY.fullmatch(url["authority"])
    if authority is None:
        raise _refused("its host is not a name or an address")
    port = int(authority["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65_536:
        raise _refused(f"there is no port {port}")
    address = _address_of(authority["six"]) if authority["six"] else _literal(authority["name"])
    host = str(address) if address is not None else _name(authority["name"])
    return Destination(scheme=scheme, host=host, port=port, path=path, query=query, address=address)


class UrlGuard:
    """Says where a request may go."""

    def __init__(self, allowed: Sequence[Network] = (), *, resolve: Resolve | None = None) -> None:
        """*allowed* is what an operator lists although it is not the internet."""
        self._allowed = tuple(allowed)
        self._resolve = resolve or _resolve

    def check(self, destination: Destination, *, by_others: bool = False) -> None:
        """Refuse what need not be looked up to be refused. Raises `Invalid`.

        A name may be of what an operator lists, unless that is this machine alone and others gave it (*by_others*):
        theirs for this machine is ``localhost``.
        """
        if destination.address is not None:
            self._check([destination.address], destination)
        elif destination.host == "localhost" or destination.host.endswith(".localhost"):
            self._check([ip_address("127.0.0.1")], destination)
        elif not self._allowed or (by_others and all(network.is_loopback for network in self._allowed)):
            _check_public(destination)

    def is_own(self, destination: Destination) -> bool:
        """Whether a request can come to nothing but what an operator lists: another may leave for the internet."""
        if destination.address is not None:
            return any(destination.address in network for network in self._allowed)
        if destination.host == "localhost" or destination.host.endswith(".localhost"):
            return any(ip_address("127.0.0.1") in network for network in self._allowed)
        return destination.scheme == "http"

    async def addresses(self, destination: Destination) -> list[str]:
        """Where to connect: all addresses of the host, every one of them checked.

        Raises `Invalid` when one is refused, OSError when there are none.
        """
        if destination.address is not None:
            found = [destination.address]
        else:
            found = [_address_of(text) for text in await self._resolve(destination.host, destination.port)]
        if not found:
            raise OSError(f"{destination.host} has no address")
        self._check(found, destination)
        return [str(address) for address in found]

    def _check(self, addresses: Sequence[Address], destination: Destination) -> None:
        listed = [any(address in network for network in self._allowed) for address in addresses]
        for address, is_listed in zip(addresses, listed, strict=True):
            if not is_listed and not is_public(address):
                which = str(address) if destination.address else f"{destination.host} leads to {address}, which"
                raise _refused(f"{which} is not in the internet")
        if not all(listed):
            _check_public(destination)


def is_public(address: Address) -> bool:
    """Whether *address* is one of the internet's, for everybody."""
    return address.is_global and not any(address in network for network in BLOCKED)


def _check_public(destination: Destination) -> None:
    if destination.scheme != "https":
        raise _refused("it is not https")
    if destination.port not in PORTS:
        ports = ", ".join(str(port) for port in sorted(PORTS))
        raise _refused(f"its port is {destination.port}, not one of {ports}")


def _literal(name: str) -> IPv4Address | None:
    """The address that *name* is; refuses what only some programs take for one."""
    try:
        return IPv4Address(name)
    except ValueError:
        if _NUMERIC.fullmatch(name.rstrip(".").rpartition(".")[2].lower()):
            raise _refused("its host is an address that is not written as four decimal numbers") from None
        return None


def _address_of(text: str) -> Address:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        raise _refused("its host is not an address") from None


def _name(text: str) -> str:
    try:
        name = idna.encode(text.removesuffix("."), uts46=True).decode("ascii").lower() if text != "." else ""
    except (idna.IDNAError, UnicodeError):
        name = text.removesuffix(".").lower()
    if name == "localhost" and text.endswith("."):
        raise _refused("its host is localhost in other characters")
    # What IDNA makes of a name may be an address again: full-width digits, for example.
    if _literal(name) is not None:
        raise _refused("its host is an address in other characters")
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise _refused("its host is not the name of one")
    return name


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _refused(why: str) -> Invalid:
    return Invalid(f"the URL is not allowed: {why}", code=_CODE)
