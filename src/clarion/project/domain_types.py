"""What the settings say of domains that mail goes to, and of origins of pages, as in `setting_types`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from clarion.domain.address import domain_of, parse_email
from clarion.domain.rate import Rate
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid
from clarion.project.setting_types import entry, names, rate, table

MOST: Final = 1_000

_KEYS: Final = ("rate", "at_once")
_EXAMPLE = '[email.domains."gmail.com"] rate = "20/s"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What is said of one domain."""

    rate: Rate | None = None
    #: Mails that are on their way there at the same time, from one worker process.
    at_once: int | None = None

    def __str__(self) -> str:
        at_once = None if self.at_once is None else f"{self.at_once} at once"
        return " and ".join(str(one) for one in (self.rate, at_once) if one is not None)


def limits(value: object) -> dict[str, Limit]:
    """Tables of domains with a ``rate``, ``at_once`` or both, or text such as ``gmail.com=20/s, corp.example=1/s``."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError('it is not JSON; expected for example {"gmail.com": {"at_once": 5}}') from None
    found: dict[str, Limit] = {}
    for name, given in table(value, _EXAMPLE).items():
        domain = entry(name, _domain, name)
        if domain in found:
            raise ValueError(f"{name[:64]}: it is there twice")
        found[domain] = entry(name, _limit, given)
    return found


def origins(value: object) -> tuple[str, ...]:
    """Origins of pages, as browsers say them (RFC 6454 §6.2)."""
    found = names(value)
    for one in found:
        if not re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", one):
            raise ValueError(
                f"expected origins such as https://app.example, in lower case, without a path, not {one!r}"
            )
    return found


def _domain(text: object) -> str:
    try:
        return domain_of(parse_email(f"x@{text}"))
    except Invalid:
        raise ValueError("it is not a domain that mail can go to") from None


def _limit(value: object) -> Limit:
    if isinstance(value, Limit):
        return value
    if not isinstance(value, Mapping):
        return Limit(rate=rate(value))
    for key in value:
        if key not in _KEYS:
            raise ValueError(f"unknown setting `{str(key)[:64]}`; {did_you_mean(str(key), _KEYS)}")
    if not value:
        raise ValueError("`rate` is missing: how fast mails go there; or `at_once`: how many at the same time")
    at_once = value.get("at_once")
    if at_once is not None and (not isinstance(at_once, int) or isinstance(at_once, bool) or not 0 < at_once <= MOST):
        raise ValueError(f"at_once: expected a whole number from 1 to {MOST}")
    return Limit(rate=rate(value["rate"]) if "rate" in value else None, at_once=at_once)
