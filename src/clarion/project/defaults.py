"""What a workflow gets that does not say otherwise, and what the whole project has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from clarion.domain.address import parse_sender
from clarion.errors import Invalid

if TYPE_CHECKING:
    from clarion.project.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDefaults:
    """The part of the settings that the project folder is read with."""

    attempts: int = 8
    expires_after: timedelta = timedelta(days=3)
    default_locale: str = "en"
    #: The sender of mails whose workflow names none.
    sender: str | None = None
    #: Domains that a `sender` may have, ``*`` for any; empty means that of the default sender.
    from_domains: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def from_settings(cls, settings: Settings) -> WorkflowDefaults:
        """The defaults among the settings in force, the environment's included."""
        return cls(
            attempts=settings.defaults.attempts,
            expires_after=settings.defaults.expires_after,
            default_locale=settings.default_locale,
            sender=settings.email.sender,
            from_domains=frozenset(settings.email.from_domains),
        )

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> WorkflowDefaults:
        """The defaults among checked settings by dotted name, as `read_settings_file` gives them."""
        names = {
            "defaults.attempts": "attempts",
            "defaults.expires_after": "expires_after",
            "default_locale": "default_locale",
            "email.from": "sender",
        }
        given = {field: values[name] for name, field in names.items() if name in values}
        domains = values.get("email.from_domains", ())
        assert isinstance(domains, tuple)
        return cls(**given, from_domains=frozenset(domains))  # type: ignore[arg-type]

    def check_sender(self, text: str) -> str:
        """*text*, a sender whose address has an allowed domain.

        Raises `Invalid`.
        """
        domain = parse_sender(text)[1].rpartition("@")[2]
        allowed = self.from_domains
        if not allowed and self.sender:
            allowed = frozenset({parse_sender(self.sender)[1].rpartition("@")[2]})
        if allowed and domain not in allowed and "*" not in allowed:
            listed = ", ".join(sorted(allowed))
            raise Invalid(f"the domain {domain} is not among those of email.from_domains ({listed})")
        return text
