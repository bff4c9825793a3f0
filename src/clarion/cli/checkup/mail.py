"""Mail: a server that takes it, and a sender that may send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from clarion.channels.email.opening import NotOpened, open_connection, tls_context
from clarion.channels.email.settings import SmtpSettings, Tls, is_loopback
from clarion.cli.checkup.finding import Finding, fail, ok, warn
from clarion.config import Settings
from clarion.connections import accounts_of, smtp_settings
from clarion.domain.address import parse_sender
from clarion.domain.outcome import Sent
from clarion.domain.workflow import Channel
from clarion.errors import ConfigError

#: A person waits for the answer.
_PATIENCE = timedelta(seconds=10)


async def check_mail(settings: Settings) -> AsyncIterator[Finding]:
    """Findings on the SMTP server, if that carries mail, up to the log-in; and on who mail is from."""
    by_accounts = bool(accounts_of(settings, Channel.EMAIL.value))  # then `check_providers` looks at them
    if not by_accounts and settings.smtp_url is None:
        says = "no SMTP server is configured: `clarion up` catches mails instead of sending them"
        how = "set CLARION_SMTP_URL, e.g. smtp://user:password@host:587, or name an account as `email.provider`"
        yield warn("mail server", says, how)
    elif not by_accounts:
        try:
            async for finding in check_server(smtp_settings(settings), "CLARION_SMTP_URL"):
                yield finding
        except ConfigError as error:
            yield fail("mail server", error.message, "mend CLARION_SMTP_URL")
    yield _sender(settings)


async def check_server(smtp: SmtpSettings, setting: str) -> AsyncIterator[Finding]:
    """Findings on one server, up to the log-in; *setting* is where its address stands."""
    yield await _reached(smtp, setting)
    if smtp.tls in (Tls.IMPLICIT, Tls.REQUIRED):
        yield ok("encryption", "from the start" if smtp.tls is Tls.IMPLICIT else "STARTTLS, required")
    elif is_loopback(smtp.host):
        yield ok("encryption", "none; the server is on this machine")
    # Else `check_wires` tells.


async def _reached(smtp: SmtpSettings, setting: str) -> Finding:
    what, where = "mail server", f"{smtp.host}:{smtp.port}"
    quick = replace(smtp.timeouts, connect=_PATIENCE, greeting=_PATIENCE, command=_PATIENCE)
    try:
        connection = await open_connection(replace(smtp, timeouts=quick), tls_context(smtp))
    except NotOpened as error:
        why = "" if isinstance(error.outcome, Sent) else error.outcome.reason
        return fail(what, f"{where} does not let us in: {why}", f"mend {setting}, or look at the server's log")
    offer = connection.offer
    connection.quit()
    named = {
        "STARTTLS": offer.starttls,
        "PIPELINING": offer.pipelining,
        "8BITMIME": offer.eight_bit,
        "SMTPUTF8": offer.smtputf8,
    }
    offers = ", ".join(name for name, there in named.items() if there) or "no extension that matters"
    login = "; logged in" if smtp.user is not None else ""
    if not offer.pipelining:
        return warn(what, f"{where} offers {offers}{login}: without PIPELINING it is slow", "turn it on at the server")
    return ok(what, f"{where} offers {offers}{login}")


def _sender(settings: Settings) -> Finding:
    sender, domains = settings.email.sender, settings.email.from_domains
    if sender is None:
        says = "there is none by default: a workflow that names none either cannot send mail"
        return warn("sender", says, "set `email.from` in clarion.toml or CLARION_EMAIL_FROM")
    domain = parse_sender(sender)[1].rpartition("@")[2]
    if domains and domain not in domains and "*" not in domains:  # settings refuse this already; it must not get by
        return fail(
            "sender", f"{domain} is not among the domains that mail may be from", "add it to email.from_domains"
        )
    allowed = ", ".join(sorted(domains)) or domain
    return ok("sender", f"{sender}; allowed domains: {'any' if '*' in domains else allowed}")
