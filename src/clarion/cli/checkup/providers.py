"""The accounts at providers that are used: whether anybody answers there, and whether they can tell us anything."""

from __future__ import annotations

from collections.abc import AsyncIterator

from clarion.brokers.base import Disconnected
from clarion.channels.account import Account
from clarion.channels.email.smtp_account import SMTP, smtp_of
from clarion.channels.open_provider import callback_url
from clarion.cli.checkup.brokers import reach
from clarion.cli.checkup.finding import Finding, ok, warn
from clarion.cli.checkup.mail import check_server
from clarion.config import Settings
from clarion.connections import accounts_of
from clarion.domain.workflow import Channel

_CHANNELS = (Channel.EMAIL.value, Channel.SMS.value, Channel.PUSH.value, Channel.CHAT.value)


async def check_providers(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each account that carries messages. Whether it lets us in is told by what is sent alone,
    but for SMTP servers."""
    for channel in _CHANNELS:
        for account in accounts_of(settings, channel):
            if account.kind is SMTP:
                async for finding in check_server(smtp_of(account), f"`url` of [providers.{account.name}]"):
                    yield finding
                continue
            yield await _check(channel, account, settings.public_url)


async def _check(channel: str, account: Account, public_url: str | None) -> Finding:
    from clarion.http.url_guard import parse_url

    if address := account.kind.address(account):
        where = parse_url(address)
        try:
            await reach(where.host, where.port)
        except Disconnected as error:
            how = "mend its base_url, or the way there"
            return warn(channel, f"{account}: {where} {error}: messages wait", how)
    if account.kind.callbacks is None:
        return ok(channel, f"{account} answers")
    told = callback_url(public_url, account.kind.name, account.name)
    if told is None:
        says = f"{account} answers, and cannot tell what became of messages: there is no `public_url`"
        return warn(channel, says, "set public_url in clarion.toml, or CLARION_PUBLIC_URL")
    return ok(channel, f"{account} answers; what became of messages is told at {told}")
