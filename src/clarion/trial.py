"""How an account is opened to be tried: as workers open it, for one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clarion.config import Settings
from clarion.connections import mail_domains, signer_of

if TYPE_CHECKING:
    from clarion.channels.account import Account


def opening(settings: Settings) -> Callable[[Account], Any]:
    """What opens an account of *settings*."""
    from clarion.channels.open_provider import opened

    return lambda account: opened(account, settings.public_url, mail_domains(settings), signer_of(settings))
