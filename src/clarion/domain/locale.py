"""Languages: how their tags are written (BCP 47), and which one to use when the wanted one is not there."""

from __future__ import annotations

import re
from collections.abc import Collection

from clarion.errors import Invalid

#: ``en``, ``pt-BR``, ``zh-Hant-TW``, ``es-419`` and what may follow them (RFC 5646, its oddities aside).
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?(?P<rest>(?:-[a-z0-9]{1,8})*)",
    re.IGNORECASE | re.ASCII,
)
_LONGEST = 35


def normalise(tag: str) -> str:
    """*tag* as BCP 47 writes it: ``pt_br`` and ``PT-br.UTF-8`` become ``pt-BR``.

    Raises `Invalid` (``invalid_locale``) when it is no language tag.
    """
    plain = tag.strip().partition(".")[0].partition("@")[0].replace("_", "-")
    match = _TAG.fullmatch(plain) if len(plain) <= _LONGEST else None
    if match is None:
        raise Invalid(f"{tag[:64]!r} is not a language tag such as en, pt-BR or zh-Hant", code="invalid_locale")
    language, script, region = match["language"].lower(), match["script"], match["region"]
    return (
        language
        + (f"-{script.title()}" if script else "")
        + (f"-{region.upper()}" if region else "")
        + match["rest"].lower()
    )


def fallbacks(locale: str | None, default: str) -> list[str]:
    """The locales to try in order: ``pt-BR`` with default ``en-GB`` gives ``pt-BR, pt, en-GB, en``.

    A *locale* that is None or no language tag at all gives the default's alone: an odd value in a recipient's
    record must not keep a message from them. Raises `Invalid` when *default* is no language tag.
    """
    tried = dict.fromkeys(_shorter(locale) if locale else ())
    tried.update(dict.fromkeys(_parents(normalise(default))))
    return list(tried)


def choose(locale: str | None, available: Collection[str], default: str) -> str | None:
    """The first of `fallbacks` that is among the *available* (normalised) ones; None when there is none."""
    return next((tag for tag in fallbacks(locale, default) if tag in available), None)


def _shorter(locale: str) -> list[str]:
    try:
        return _parents(normalise(locale))
    except Invalid:
        return []


def _parents(tag: str) -> list[str]:
    """*tag* and what is left of it as its last parts go, one by one (RFC 4647 §3.4, lookup)."""
    parts = tag.split("-")
    found = []
    while parts:
        found.append("-".join(parts))
        parts.pop()
        if parts and len(parts[-1]) == 1:  # a lone letter only introduces what followed it
            parts.pop()
    return found
