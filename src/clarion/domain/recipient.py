"""Who hears of it: a person as workflows, templates and decisions see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One person. `id` is the application's own name for them."""

    id: str
    name: str | None = None
    #: BCP 47, e.g. ``pt-BR``; None means the project's default locale.
    locale: str | None = None
    #: IANA name, e.g. ``Europe/Lisbon``; None means UTC.
    timezone: str | None = None
    email: str | None = None
    #: The application's own fields, as JSON.
    data: Mapping[str, object] = field(default_factory=dict)

    def variables(self) -> dict[str, object]:
        """What templates see as ``recipient`` and expressions too: plain dicts, strings and numbers only."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "locale": self.locale,
            "timezone": self.timezone,
            "data": self.data,
        }
