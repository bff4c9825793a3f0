"""An endpoint of webhooks among the settings: where it is, and the secrets that prove to it who is speaking."""

from __future__ import annotations

from dataclasses import dataclass, field

from clarion.http.url_guard import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One receiver of webhooks."""

    name: str
    destination: Destination
    #: The keys that sign: the new one and, while receivers change over, the old one. Never shown.
    secrets: tuple[bytes, ...] = field(repr=False)

    def __str__(self) -> str:
        return self.name
