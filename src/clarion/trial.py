"""How an account is opened to be tried: as workers open it, for one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clarion.config import Settings
from clarion.connections import mail_domains, signer_of, smtp_settings

if TYPE_CHECKING:
    from clarion.channels.account import Account


def opening(settings: Settings) -> Callable[[Account], Any]:
    """What opens an account of *settings*."""
    from clarion.channels.open_provider import opened

    def open_account(account: Account) -> Any:
        if account.known_as is not None:
            from clarion.channels.email.smtp import SmtpProvider

            return SmtpProvider(smtp_settings(settings), name=account.label, signer=signer_of(settings))
        return opened(account, settings.public_url, mail_domains(settings), signer_of(settings))

    return open_account
