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
    return told_where(channel, account, public_url)


def told_where(channel: str, account: Account, public_url: str | None) -> Finding:
    """Where *account*, which answers, tells what became of messages."""
    told = callback_url(public_url, account.kind.name, account.name)
    how = "set public_url in clarion.toml, or CLARION_PUBLIC_URL"
    if account.kind.callbacks is None:
        return ok(channel, f"{account} answers")
    if told is None:
        return warn(
            channel, f"{account} answers, and cannot tell what became of messages: there is no `public_url`", how
        )
    if _is_here(told) and not _is_here(account.kind.address(account)):
        says = f"{account} answers, and cannot tell what became of messages: {told} is this machine to nobody but us"
        return warn(channel, says, f"{how}, to an address that is reached from the internet")
    return ok(channel, f"{account} answers; what became of messages is told at {told}")


def _is_here(url: str | None) -> bool:
    from clarion.channels.options import is_here
    from clarion.http.url_guard import parse_url

    return url is not None and is_here(parse_url(url))
