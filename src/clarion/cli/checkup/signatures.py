"""Whether DNS has the keys that mails are signed with."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from clarion.channels.email.dkim_key import DkimKey
from clarion.cli.checkup.dns import Dns
from clarion.cli.checkup.finding import Finding, fail, ok, warn

_PUBLIC = re.compile(r"(?:^|;)\s*p\s*=([^;]*)")


async def signatures(
    dns: Dns, domain: str, keys: Sequence[DkimKey], *, strict: bool, by_account: bool
) -> AsyncIterator[tuple[Finding, bool]]:
    """A finding on each of the *keys* that sign mails from *domain*, and whether receivers take them for its own.

    They may be of a domain above it, which counts unless its record of DMARC is *strict*. Raises `Unavailable`.
    """
    if not keys:
        if by_account:
            says = "no key in the settings: the provider signs, by the records that it asked for"
            yield ok(f"DKIM of {domain}", says), False
        else:
            says = "Clarion signs no mails of it; whoever carries them may"
            how = f"make a key with `clarion dkim create {domain} FILE`, unless your mail server signs"
            yield warn(f"DKIM of {domain}", says, how), False
    for key in keys:
        finding, good = await _of_key(dns, key)
        if key.domain != domain:
            finding = replace(finding, what=f"DKIM of {domain}, by {key.selector} of {key.domain}")
            if good and strict:
                says = f"its DMARC record wants a signature of the very same domain (adkim=s), not of {key.domain}"
                how = f"make a key of its own with `clarion dkim create {domain} FILE`"
                finding, good = warn(finding.what, says, how), False
        yield finding, good


async def _of_key(dns: Dns, key: DkimKey) -> tuple[Finding, bool]:
    what = f"DKIM of {key.domain}, {key.selector}"
    add = f"add to DNS: {key.zone_line()}"
    texts = await dns.texts(key.name)
    told = [text for text in texts if _PUBLIC.search(text)]
    if not told:
        return fail(what, f"{key.name} has no record: signatures are worth nothing", add), False
    if len(told) > 1:
        return fail(what, f"{key.name} has {len(told)} records: which counts is up to receivers", "leave one"), False
    public = _public(told[0])
    if not public:
        return fail(what, "the record says that the key is revoked", add), False
    if public != _public(key.record()):
        says = "the record is of another key than the settings have: signatures fail"
        return fail(what, says, f"name the key that belongs to it, or {add}"), False
    if re.search(r"(?:^|;)\s*t\s*=[^;]*\by\b", told[0]):
        return warn(what, "t=y: receivers treat it as a trial", "take `t=y` out of the record"), True
    return ok(what, f"{key.kind}, as DNS has it"), True


def _public(record: str) -> str:
    found = _PUBLIC.search(record)
    return "".join(found[1].split()) if found else ""
