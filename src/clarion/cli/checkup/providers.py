"""The accounts at providers that are used: whether anybody answers there, and whether they can tell us anything."""

from __future__ import annotations

from collections.abc import AsyncIterator

from clarion.brokers.base import Disconnected
from clarion.channels.open_provider import callback_url
from clarion.cli.checkup.brokers import reach
from clarion.cli.checkup.finding import Finding, ok, warn
from clarion.config import Settings
from clarion.connections import account_of


async def check_providers(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each channel that an account carries. Whether it lets us in is told by what is sent alone."""
    from clarion.http.url_guard import parse_url

    account = account_of(settings, "sms")
    if account is None:
        return
    if base := account.get("base_url"):
        where = parse_url(base)
        try:
            await reach(where.host, where.port)
        except Disconnected as error:
            yield warn("sms", f"{account}: {where} {error}: messages wait", "mend its base_url, or the way there")
            return
    told = callback_url(settings.public_url, account.kind.name, account.name)
    if account.kind.callbacks is not None and told is None:
        says = f"{account} answers, and cannot tell what became of messages: there is no `public_url`"
        yield warn("sms", says, "set public_url in clarion.toml, or CLARION_PUBLIC_URL")
        return
    yield ok("sms", f"{account} answers" + (f"; what became of messages is told at {told}" if told else ""))
