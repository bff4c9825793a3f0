"""What DNS says, asked with patience that has an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdatatype import RdataType

from clarion.errors import ConfigError, Unavailable

#: How long one server may take, and one question in all.
_TIMEOUT_S: Final = 2.0
_LIFETIME_S: Final = 5.0
#: Names that are for examples and tests: nobody answers for them (RFC 2606, RFC 6761, RFC 6762).
_RESERVED: Final = (
    *("example", "test", "invalid", "localhost", "local", "internal"),
    *("example.com", "example.net", "example.org"),
)


class Dns:
    """Asks the system's name servers, or another one. Each question is asked once."""

    def __init__(self, nameserver: str | None = None) -> None:
        """*nameserver* is an address, with a port behind a colon where it is not 53. Raises `ConfigError`."""
        try:
            if nameserver is None:
                self._resolver = dns.asyncresolver.Resolver()
            else:
                host, _, port = nameserver.rpartition(":")
                plain = not host or (":" in host and not nameserver.startswith("["))
                self._resolver = dns.asyncresolver.Resolver(configure=False)
                self._resolver.nameservers = [nameserver if plain else host.strip("[]")]
                self._resolver.port = 53 if plain else int(port)
        except (dns.exception.DNSException, ValueError) as error:
            raise ConfigError(f"There is no name server to ask: {error}. Name one with --nameserver.") from error
        self._resolver.timeout, self._resolver.lifetime = _TIMEOUT_S, _LIFETIME_S
        self._texts: dict[str, list[str]] = {}

    async def texts(self, name: str) -> list[str]:
        """The TXT records of *name*, each as one text; none where there is no such name. Raises `Unavailable`."""
        if name not in self._texts:
            answers = await self._ask(name, RdataType.TXT)
            self._texts[name] = [b"".join(one.strings).decode("utf-8", "replace") for one in answers]
        return self._texts[name]

    async def mail_servers(self, name: str) -> list[str]:
        """The hosts of the MX records of *name*, the preferred first; ``.`` is the null MX (RFC 7505)."""
        answers = sorted(await self._ask(name, RdataType.MX), key=lambda one: one.preference)
        return [one.exchange.to_text().rstrip(".") or "." for one in answers]

    async def addresses(self, name: str) -> list[str]:
        """The addresses of *name*, of both kinds."""
        return [one.address for kind in (RdataType.A, RdataType.AAAA) for one in await self._ask(name, kind)]

    async def _ask(self, name: str, kind: RdataType) -> Sequence[Any]:
        try:
            return list(await self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, dns.name.LabelTooLong, OSError) as error:
            raise Unavailable(f"DNS does not say what it knows of {name}: {error or type(error).__name__}") from error


def is_for_examples(domain: str) -> bool:
    """Whether nobody is to be asked for *domain*."""
    return any(domain == name or domain.endswith(f".{name}") for name in _RESERVED)
