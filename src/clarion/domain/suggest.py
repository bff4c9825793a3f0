"""Did you mean …? The nearest of the names that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of *known* that *name* was probably meant to be, or None when none is near.

    Case, hyphens and underscores do not count, so ``Expires-After`` finds ``expires_after``.
    """
    plain = {_plain(candidate): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(_plain(name[:100]), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that puts *name* right: the nearest known name, or all of them when none is near."""
    names = sorted(known)
    if near := nearest(name, names):
        return f"did you mean `{near}`?"
    return "expected " + one_of(names)


def one_of(names: Iterable[str]) -> str:
    """*names* as a sentence lists them: ``one of `a`, `b`, `c```."""
    listed = [f"`{name}`" for name in names]
    return listed[0] if len(listed) == 1 else "one of " + ", ".join(listed)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
