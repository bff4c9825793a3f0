"""What DNS says of the domains that mail is from: whether receivers have a reason to believe it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from clarion.channels.email.dkim import Signer
from clarion.channels.email.settings import SmtpSettings, is_loopback
from clarion.cli.checkup.dmarc import Dmarc, aligned, read_dmarc
from clarion.cli.checkup.dns import Dns, is_for_examples
from clarion.cli.checkup.finding import Finding, fail, ok, warn
from clarion.cli.checkup.signatures import signatures
from clarion.cli.checkup.spf import MOST_LOOKUPS, Spf, read_spf
from clarion.config import Settings
from clarion.connections import accounts_of, mail_domains, smtp_settings
from clarion.domain.workflow import Channel
from clarion.errors import ConfigError, Unavailable

#: What services that mail is handed to want to be included: by the end of the name of their SMTP server.
_INCLUDES: Final[Mapping[str, str]] = {
    "gmail.com": "_spf.google.com",
    "google.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "outlook.com": "spf.protection.outlook.com",
    "amazonaws.com": "amazonses.com",
    "mailgun.org": "mailgun.org",
    "sendgrid.net": "sendgrid.net",
    "postmarkapp.com": "spf.mtasv.net",
    "brevo.com": "spf.brevo.com",
    "zoho.com": "zoho.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How mail leaves, as far as DNS is concerned."""

    #: None where accounts carry it: the return path is theirs then.
    smtp: SmtpSettings | None
    #: Where mails come back to; None: to the domain that they are from.
    bounces: str | None


async def check_names(settings: Settings, nameserver: str | None = None) -> AsyncIterator[Finding]:
    """Findings on each domain that mail is from, and on the one that it comes back to."""
    way = _way(settings)
    if way is None:
        return
    told: set[str] = set()
    domains = sorted({*mail_domains(settings) - {"*"}, *settings.email.dkim})
    asked = [domain for domain in domains if not is_for_examples(domain)]
    try:
        dns = Dns(nameserver)
        for domain in asked:
            async for finding in _of_domain(dns, domain, settings, way):
                if finding.what not in told:  # several domains may have mails come back to the same one
                    told.add(finding.what)
                    yield finding
        if way.bounces is not None and way.smtp is not None and not is_for_examples(way.bounces):
            yield await _mail_servers(dns, way.bounces)
    except (Unavailable, ConfigError) as error:
        how = "look at the machine's name servers, or ask another one with --nameserver"
        yield warn("DNS", error.message, how)


def _way(settings: Settings) -> _Way | None:
    """None where mail does not leave at all."""
    bounce = settings.email.bounce_address
    if accounts_of(settings, Channel.EMAIL.value):
        return _Way(smtp=None, bounces=None)
    if settings.smtp_url is None:
        return None
    try:
        smtp = smtp_settings(settings)
    except ConfigError:
        return None  # told by who looks at the mail server
    return _Way(smtp=smtp, bounces=None if bounce is None else bounce.rpartition("@")[2])


async def _of_domain(dns: Dns, domain: str, settings: Settings, way: _Way) -> AsyncIterator[Finding]:
    envelope = way.bounces or domain
    spf: Spf | None = None
    if way.smtp is not None:
        host = way.smtp.host
        local = is_loopback(host)
        addresses = [] if local else await _addresses(dns, host)
        spf = await read_spf(dns, envelope, addresses)
        yield _spf(envelope, spf, host, addresses)
    dmarc = await read_dmarc(dns, domain)
    strict = dmarc is not None and dmarc.strict_dkim
    keys = Signer(settings.email.dkim).keys_for(domain)
    signed = False
    async for finding, good in signatures(dns, domain, keys, strict=strict, by_account=way.smtp is None):
        signed = signed or good
        yield finding
    yield _dmarc(domain, dmarc)
    if dmarc is not None and dmarc.records == 1 and way.smtp is not None:
        yield from_agrees(domain, envelope, dmarc, spf=spf, signed=signed)


async def _addresses(dns: Dns, host: str) -> list[str]:
    """Those of a mail server; it may be given by one."""
    if host.replace(".", "").isdigit() or ":" in host:
        return [host]
    return await dns.addresses(host)


def _spf(domain: str, spf: Spf, host: str, addresses: list[str]) -> Finding:
    what = f"SPF of {domain}"
    wanted = next((name for end, name in _INCLUDES.items() if host == end or host.endswith(f".{end}")), None)
    term = f"include:{wanted}" if wanted else " ".join(map(_term, addresses)) or "ip4:<the address it sends from>"
    if spf.record is None:
        says = "there is no record, so nobody can tell a server of yours from another"
        return fail(what, says, f'add to DNS: {domain}. TXT "v=spf1 {term} ~all"')
    if spf.broken:
        how = f"mend the record: {spf.record}"
        if spf.records > 1:
            how = f"make one record of them; the first is {spf.record}"
        elif spf.lookups > MOST_LOOKUPS:
            how = f"take out what is not needed, or name networks (ip4:, ip6:) instead: {spf.record}"
        return fail(what, "; ".join(spf.broken), how)
    missing = sorted(set(addresses) - spf.covered)
    left_out = wanted not in spf.included if wanted else bool(missing)
    if left_out and spf.macros:
        says = f"whether it covers {host} depends on {' '.join(spf.macros)}, which only a mail shows"
        return warn(what, says, "send yourself a mail and look at its Authentication-Results")
    if left_out:
        says = f"it does not cover {host}" + ("" if wanted else f" ({', '.join(missing)})")
        how = f"add `{term}` to it, before `all`: {spf.record}"
        if wanted:
            return fail(what, says, how)
        return warn(what, f"{says}; where that sends from other addresses, those count", how)
    if spf.unwise:
        return warn(what, "; ".join(spf.unwise), f"mend the record: {spf.record}")
    says = f"it covers {host}"
    if not (wanted or addresses):
        says = f"{host} is this machine: which address others see cannot be seen from here"
    return ok(what, f"{says}; {spf.lookups} of {MOST_LOOKUPS} look-ups")


def _term(address: str) -> str:
    return f"ip6:{address}" if ":" in address else f"ip4:{address}"


def _dmarc(domain: str, dmarc: Dmarc | None) -> Finding:
    what = f"DMARC of {domain}"
    if dmarc is None:
        says = "there is no record: some receivers take no mail in bulk without one"
        record = f'_dmarc.{domain}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
        return warn(what, says, f"add to DNS: {record}")
    if dmarc.records > 1:
        return fail(what, f"{dmarc.name} has {dmarc.records} records, so that none counts", "leave one of them")
    if dmarc.policy is None:
        return fail(what, f"{dmarc.name} says no policy that there is", "write p=none, p=quarantine or p=reject")
    if dmarc.policy == "none":
        return ok(what, f"p=none at {dmarc.name}: receivers report, and do nothing")
    return ok(what, f"p={dmarc.policy} at {dmarc.name}")


def from_agrees(domain: str, envelope: str, dmarc: Dmarc, *, spf: Spf | None, signed: bool) -> Finding:
    """Whether a mail from *domain* passes DMARC: by SPF for *envelope*, or by a signature that counts for it."""
    what = f"From {domain}"
    by_spf = spf is not None and spf.record is not None and not spf.broken
    reasons = list(_reasons(domain, envelope, dmarc, by_spf=by_spf, signed=signed))
    if not reasons:
        return ok(what, "it agrees with SPF and with the signature: either is enough for DMARC")
    if len(reasons) == 1:
        return ok(what, f"one of two reasons to believe it is there; {reasons[0]}")
    says = f"nothing agrees with it that DMARC asks for: {'; '.join(reasons)}"
    how = f"sign with a key of {domain} (`clarion dkim create {domain} FILE`), or let mails come back to a part of it"
    level = warn if dmarc.policy in (None, "none") else fail
    return level(what, says, how)


def _reasons(domain: str, envelope: str, dmarc: Dmarc, *, by_spf: bool, signed: bool) -> Iterator[str]:
    """Why SPF and the signature do not count, one each."""
    if not by_spf:
        yield f"SPF of {envelope} is not in order"
    elif not aligned(domain, envelope, strict=dmarc.strict_spf):
        kind = "must be the very same (aspf=s)" if dmarc.strict_spf else "is of another organisation"
        yield f"SPF is of {envelope}, which {kind}"
    if not signed:
        yield "no key that DNS knows and that counts for it signs it"


async def _mail_servers(dns: Dns, domain: str) -> Finding:
    what = f"MX of {domain}"
    servers = await dns.mail_servers(domain)
    if servers == ["."]:
        return fail(
            what, "it says that it takes no mail: nothing can come back", f"name a server: {domain}. MX 10 HOST"
        )
    for server in servers:
        if await dns.addresses(server):
            return ok(what, f"mails come back to {server}")
    if servers:
        return fail(what, f"{', '.join(servers)} has no address: nothing can come back", "mend the record")
    if await dns.addresses(domain):
        return warn(what, "there is none, so mails come back to its own address", f"add to DNS: {domain}. MX 10 HOST")
    return fail(what, "neither MX nor address: nothing can come back", f"add to DNS: {domain}. MX 10 HOST")
