"""What a workflow gets that does not say otherwise, and what the whole project has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from clarion.domain.address import parse_sender
from clarion.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDefaults:
    """The part of the settings that the project folder is read with."""

    attempts: int = 8
    expires_after: timedelta = timedelta(days=3)
    default_locale: str = "en"
    #: Domains that a `sender` may have; empty means any, to be checked where mails are sent.
    from_domains: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> WorkflowDefaults:
        """The defaults among checked settings by dotted name, as `read_settings_file` gives them."""
        names = {
            "defaults.attempts": "attempts",
            "defaults.expires_after": "expires_after",
            "default_locale": "default_locale",
        }
        given = {field: values[name] for name, field in names.items() if name in values}
        domains = values.get("email.from_domains") or ()
        if not domains and isinstance(sender := values.get("email.from"), str):
            domains = (parse_sender(sender)[1].rpartition("@")[2],)
        assert isinstance(domains, tuple)
        return cls(**given, from_domains=frozenset(domains))  # type: ignore[arg-type]

    def check_sender(self, text: str) -> str:
        """*text*, a sender whose address has an allowed domain.

        Raises `Invalid`.
        """
        domain = parse_sender(text)[1].rpartition("@")[2]
        if self.from_domains and domain not in self.from_domains:
            allowed = ", ".join(sorted(self.from_domains))
            raise Invalid(f"the domain {domain} is not among those of email.from_domains ({allowed})")
        return text
