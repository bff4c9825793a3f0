"""The chats of recipients: where each of them is reached at a provider, and how that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from clarion.domain.device import shorten

#: Of one recipient; when there is one more, the one that was not seen for longest goes.
MOST_CHATS = 20

#: Longer than the address of any webhook, and short enough to be found by an index.
LONGEST_ADDRESS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One chat as it is stored."""

    #: The application's own name for it.
    id: str
    #: The kind of account that reaches it, such as ``telegram``.
    provider: str
    #: The account that reaches it, where it must be that one.
    account: str | None
    #: As the provider has it; empty for the account's own room. Of one that is sealed, what may be shown.
    address: str
    sealed: bool
    created_at: datetime
    #: When the application last said that it is there.
    seen_at: datetime
    #: Since when nothing is sent to it, and why.
    disabled_at: datetime | None = None
    disabled_reason: str | None = None

    @property
    def shown(self) -> str | None:
        """Its address, as people and programs are shown it."""
        if not self.address:
            return None
        return self.address if self.sealed else shorten(self.address)


class Kept(NamedTuple):
    """An address as it is kept."""

    #: The whole of it; where it is sealed, what may be shown.
    address: str
    sealed: bytes | None = None
    #: By which the same address is known again, where it is sealed.
    digest: bytes | None = None


def is_secret(address: str) -> bool:
    """Whether who has *address* may write there: it is a webhook's."""
    return address.startswith("https:")
