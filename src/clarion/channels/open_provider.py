"""The provider of a channel, and what reads what providers tell later: made of the accounts in the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from clarion.channels.account import Account
from clarion.channels.base import CALLBACKS_PATH, Callbacks, Provider, label_of
from clarion.domain.outcome import Outcome, Retry
from clarion.turns import Turns

if TYPE_CHECKING:
    from clarion.channels.email.dkim import Signer

_LATER = timedelta(minutes=1)
#: What else would carry a channel.
_ELSE = {"email": "set CLARION_SMTP_URL, e.g. smtp://user:password@host:587, or "}


class NoProvider(Provider[Any]):
    """Stands where no account is configured: messages wait, and say for what."""

    def __init__(self, channel: str) -> None:
        #: One for each channel: who waits for a provider of mail must not hold up text messages.
        self.name = label_of("none", channel)
        self._channel = channel

    async def send(self, items: Sequence[object]) -> list[Outcome]:
        channel = self._channel
        reason = (
            f"no provider is configured for {channel}: {_ELSE.get(channel, '')}add a table [providers.NAME] to "
            f"clarion.toml, and name it as provider in [{channel}]"
        )
        return [Retry(reason, after=_LATER, pause_provider=True) for _ in items]

    async def close(self) -> None:
        return None


def open_provider(
    channel: str,
    account: Account | None,
    public_url: str | None = None,
    *,
    from_domains: frozenset[str] = frozenset(),
    signer: Signer | None = None,
    return_path: Callable[[UUID], str] | None = None,
    turns: Turns | None = None,
) -> Provider[Any]:
    """What carries the messages of *channel*: *account*, or, without one, what lets them wait.

    *public_url* is where the API is reached from outside; *from_domains* are those that mail may be from; *signer*
    signs it, and *return_path* says where that of a message comes back to, where we choose that; *turns* are what long
    calls share with other long work. Connects to nothing yet.
    """
    if account is None:
        return NoProvider(channel)
    url = callback_url(public_url, account.kind.name, account.name) if account.kind.callbacks else None
    given = replace(
        account, callback_url=url, from_domains=from_domains, signer=signer, return_path=return_path, turns=turns
    )
    return account.kind.open(given)


def opened(
    account: Account, public_url: str | None, from_domains: frozenset[str], signer: Signer | None
) -> Provider[Any]:
    """What carries the messages of the channel of *account*, by it alone."""
    return open_provider(account.kind.channel, account, public_url, from_domains=from_domains, signer=signer)


def open_callbacks(accounts: Sequence[Account]) -> Mapping[tuple[str, str], Callbacks]:
    """What believes or refuses what providers tell: by kind and name of the account, as the path has them."""
    return {
        (account.kind.name, account.name): account.kind.callbacks(account)
        for account in accounts
        if account.kind.callbacks is not None
    }


def callback_url(public_url: str | None, kind: str, name: str) -> str | None:
    """The address that a provider is told, without a query; None where the API is not reached from outside."""
    return None if public_url is None else f"{public_url.rstrip('/')}{CALLBACKS_PATH}/{kind}/{name}"
