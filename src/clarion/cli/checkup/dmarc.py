"""What a DMARC record (RFC 7489) asks receivers to do, and whether a domain counts as another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from clarion.cli.checkup.dns import Dns

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_POLICIES: Final = ("none", "quarantine", "reject")
_DMARC = re.compile(r"v\s*=\s*DMARC1\s*(;|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """The record that counts for a domain."""

    #: Where it stands.
    name: str
    tags: Mapping[str, str]
    #: How many records there are at that name; with more than one none counts.
    records: int
    #: ``none``, ``quarantine`` or ``reject``; None where the record does not say.
    policy: str | None

    @property
    def strict_spf(self) -> bool:
        """Whether SPF must be of the very domain in From."""
        return self.tags.get("aspf", "r").lower() == "s"

    @property
    def strict_dkim(self) -> bool:
        """The same for a signature."""
        return self.tags.get("adkim", "r").lower() == "s"


async def read_dmarc(dns: Dns, domain: str) -> Dmarc | None:
    """The record for mails from *domain*: its own, or that of its organisation; None: neither. Raises `Unavailable`."""
    whole = organisation(domain)
    for name in dict.fromkeys((domain, whole)):
        records = [text for text in await dns.texts(f"_dmarc.{name}") if _DMARC.match(text)]
        if records:
            tags = _tags(records[0])
            own = tags.get("p", "").lower()
            policy = own if name == domain else tags.get("sp", own).lower()
            known = policy if policy in _POLICIES else None
            return Dmarc(name=f"_dmarc.{name}", tags=tags, records=len(records), policy=known)
    return None


def aligned(domain: str, other: str, *, strict: bool) -> bool:
    """Whether what is said of *other* counts for mails from *domain*."""
    return domain == other if strict else organisation(domain) == organisation(other)


def organisation(domain: str) -> str:
    """The domain that an organisation registered, of which *domain* is a part: by the list of public suffixes."""
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # reads a list of some ten thousand

    return PublicSuffixList()


def _tags(record: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found
