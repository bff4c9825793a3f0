"""DKIM's oracle: `dkimpy` verifies what arrived, with the records of our keys for DNS."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import dkim

from clarion.channels.email.dkim import Signer
from clarion.channels.email.dkim_key import DkimKey, new_private_key


@cache
def a_key(domain: str = "example.com", *, ed25519: bool = False) -> DkimKey:
    """A key of *domain*; the same one whenever it is asked for."""
    key, _ = new_private_key(ed25519_=ed25519)
    return DkimKey(domain=domain, selector="new1" if ed25519 else "clarion1", key=key)


def both(domain: str = "example.com") -> tuple[DkimKey, DkimKey]:
    """A key of each kind."""
    return a_key(domain), a_key(domain, ed25519=True)


def a_signer(domain: str = "example.com") -> Signer:
    """What signs mails from *domain* with both."""
    return Signer({domain: both(domain)})


def verified(data: bytes, keys: Iterable[DkimKey]) -> list[bool]:
    """For each signature of *data*, first to last: whether it is right."""
    records = {f"{key.name}.".encode(): key.record().encode() for key in keys}
    found = []
    for index in range(data.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")):
        checker = dkim.DKIM(data)
        try:
            found.append(checker.verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name)))
        except dkim.DKIMException:
            found.append(False)
    return found
