"""What the settings say of domains that mail goes to, and of origins of pages, as in `setting_types`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clarion.domain.address import domain_of, parse_email
from clarion.domain.rate import Rate
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid
from clarion.project.setting_types import entry, names, rate, table

_EXAMPLE = '[email.domains."gmail.com"] rate = "20/s"'


def rates(value: object) -> dict[str, Rate]:
    """Tables of domains with a ``rate`` each, or text such as ``gmail.com=20/s, corp.example=1/s``."""
    found: dict[str, Rate] = {}
    for name, given in table(value, _EXAMPLE).items():
        domain = entry(name, _domain, name)
        if domain in found:
            raise ValueError(f"{name[:64]}: it is there twice")
        found[domain] = entry(name, _rate, given)
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


def _rate(value: object) -> Rate:
    if not isinstance(value, Mapping):
        return rate(value)
    for key in value:
        if key != "rate":
            raise ValueError(f"unknown setting `{str(key)[:64]}`; {did_you_mean(str(key), ['rate'])}")
    if "rate" not in value:
        raise ValueError("`rate` is missing: how fast mails go there")
    return rate(value["rate"])
