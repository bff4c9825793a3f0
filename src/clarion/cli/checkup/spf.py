"""What an SPF record (RFC 7208) says: whether an address is covered, and what is wrong with it.

It is read as receivers read it, up to their limit of ten look-ups. Macros are told of, not evaluated: what they stand
for is known when a mail comes.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from clarion.cli.checkup.dns import Dns

#: RFC 7208 §4.6.4: receivers look no further.
MOST_LOOKUPS: Final = 10
_MOST_VOID: Final = 2
#: Beyond that it is not followed, whatever it says: only to tell how far over the limit it is.
_GIVE_UP: Final = 30

_LOOKS_UP: Final = frozenset({"include", "a", "mx", "ptr", "exists"})
_MECHANISMS: Final = _LOOKS_UP | {"all", "ip4", "ip6"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(slots=True, kw_only=True)
class Spf:
    """What was found."""

    #: The record itself; None where there is none.
    record: str | None = None
    #: How many there are; with more than one none counts.
    records: int = 0
    #: What makes receivers ignore the record, each as a sentence.
    broken: list[str] = field(default_factory=list)
    #: What is allowed, and unwise.
    unwise: list[str] = field(default_factory=list)
    lookups: int = 0
    void: int = 0
    #: The domains whose records are part of this one.
    included: set[str] = field(default_factory=set)
    #: Those of the addresses asked about that it lets send.
    covered: set[str] = field(default_factory=set)
    #: Terms whose meaning depends on the mail.
    macros: list[str] = field(default_factory=list)


async def read_spf(dns: Dns, domain: str, addresses: list[str]) -> Spf:
    """What the record of *domain* says, and which of *addresses* it covers. Raises `Unavailable`."""
    records = [text for text in await dns.texts(domain) if _is_spf(text)]
    found = Spf(records=len(records))
    if len(records) > 1:
        found.broken.append(f"{domain} has {len(records)} SPF records, so that none counts")
    if records:
        found.record = records[0]
        found.included.add(domain)
        reading = _Reading(dns, found, {one: ipaddress.ip_address(one) for one in addresses})
        await reading.terms(domain, records[0], whole=True)
    if found.lookups > MOST_LOOKUPS:
        found.broken.append(f"it takes {found.lookups} look-ups, and receivers stop at {MOST_LOOKUPS}")
    if found.void > _MOST_VOID:
        found.broken.append(f"{found.void} of its names have nothing, and receivers stop at {_MOST_VOID}")
    return found


class _Reading:
    """Goes through one record and all that it includes."""

    def __init__(self, dns: Dns, found: Spf, asked: dict[str, Address]) -> None:
        self._dns = dns
        self._found = found
        self._asked = asked

    async def terms(self, domain: str, record: str, *, whole: bool) -> None:
        """The terms of a *record* of *domain*; *whole*: it is the one that was asked for, or in its place."""
        redirect, ended = None, False
        for term in record.split()[1:]:
            name, value = _parts(term)
            if name == "redirect=":
                redirect = value
            elif name.endswith("="):
                continue  # exp=, and what is not known, are ignored
            elif name.lstrip("+-~?") not in _MECHANISMS:
                self._found.broken.append(f"{term!r} in the record of {domain} is no term of SPF")
            elif ended:
                self._found.unwise.append(f"{term!r} stands behind `all` and is never reached")
            else:
                ended = await self._term(domain, term, name, value, whole=whole)
        if redirect and not ended:
            await self._redirect(domain, redirect, whole=whole)
        elif whole and not ended:
            self._found.unwise.append("it does not end in `~all` or `-all`, so it forbids nobody anything")

    async def _term(self, domain: str, term: str, name: str, value: str, *, whole: bool) -> bool:
        """Whether nothing behind *term* counts."""
        allows, kind = not name.startswith(("-", "~", "?")), name.lstrip("+-~?")
        if "%" in value:
            self._found.macros.append(term)
            self._found.lookups += kind in _LOOKS_UP
            return False
        if kind == "all":
            if allows:
                self._found.broken.append("`+all` lets everybody send in your name")
            return True
        if kind in _LOOKS_UP:
            self._found.lookups += 1
            if self._found.lookups > _GIVE_UP:
                return True
        if kind == "ptr":
            self._found.unwise.append("`ptr` is not to be used any more (RFC 7208 §5.5)")
        elif kind == "include":
            await self._include(domain, value)
        elif allows and kind in ("ip4", "ip6"):
            self._cover(term, [value])
        elif allows and kind in ("a", "mx"):
            await self._hosts(domain, term, kind, value)
        return False

    async def _include(self, domain: str, value: str) -> None:
        target = value.lower().rstrip(".")
        if target in self._found.included:
            self._found.broken.append(f"{domain} includes {target}, which is part of it already")
            return
        records = [text for text in await self._dns.texts(target) if _is_spf(text)]
        if not records:
            self._found.void += 1
            self._found.broken.append(f"it includes {target or 'nothing'}, which has no SPF record")
            return
        self._found.included.add(target)
        await self.terms(target, records[0], whole=False)

    async def _redirect(self, domain: str, value: str, *, whole: bool) -> None:
        if "%" in value:
            self._found.macros.append(f"redirect={value}")
            return
        self._found.lookups += 1
        target = value.lower().rstrip(".")
        records = [text for text in await self._dns.texts(target) if _is_spf(text)]
        if not records or target in self._found.included:
            self._found.broken.append(f"{domain} redirects to {target}, which leads nowhere")
            return
        self._found.included.add(target)
        await self.terms(target, records[0], whole=whole)

    async def _hosts(self, domain: str, term: str, kind: str, value: str) -> None:
        """The terms ``a`` and ``mx``, with their ``:domain`` and ``/length``."""
        name, slash, length = value.partition("/")
        name = name or domain
        hosts = (await self._dns.mail_servers(name))[:MOST_LOOKUPS] if kind == "mx" else [name]
        found = [one for host in hosts if host != "." for one in await self._dns.addresses(host)]
        if not found:
            self._found.void += 1
        lengths = f"{slash}{length}".partition("//")  # /24, //64 or /24//64
        four, six = lengths[0].removeprefix("/"), lengths[2]
        self._cover(term, [f"{one}/{(six or '128') if ':' in one else (four or '32')}" for one in found])

    def _cover(self, term: str, networks: list[str]) -> None:
        for text in networks:
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError:
                self._found.broken.append(f"{term!r} names no network")
                continue
            self._found.covered |= {shown for shown, one in self._asked.items() if one in network}


def _is_spf(text: str) -> bool:
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def _parts(term: str) -> tuple[str, str]:
    """The name of *term* in lower case, with its sign or its ``=``, and what stands behind."""
    for at, letter in enumerate(term):
        if letter == ":":
            return term[:at].lower(), term[at + 1 :]
        if letter == "=":
            return term[: at + 1].lower(), term[at + 1 :]
        if letter == "/":
            return term[:at].lower(), term[at:]
    return term.lower(), ""
