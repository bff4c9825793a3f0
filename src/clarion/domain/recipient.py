"""Who hears of it: a person as workflows, templates and decisions see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clarion.domain.address import check_header_text
from clarion.errors import Invalid

LONGEST_NAME = 200
#: The application's own fields of one thing.
MOST_OWN_FIELDS = 100


def check_name(text: str) -> str:
    """*text*, when it can stand in a mail's header as a name; raises `Invalid` (``invalid_name``) otherwise."""
    try:
        return check_header_text(text)
    except Invalid as error:
        raise Invalid(error.message, code="invalid_name") from None


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
    #: In E.164 form, as `phone.parse_phone` gives it.
    phone: str | None = None
    #: The ids of the devices that take push messages; known only where a workflow pushes.
    devices: tuple[str, ...] = ()
    #: The ids of the chats that take messages; known only where a workflow writes to chats.
    chats: tuple[str, ...] = ()
    #: The ids of the webhooks that want what the workflow says; known only where it has a step for them.
    webhooks: tuple[str, ...] = ()
    #: The application's own fields, as JSON.
    data: Mapping[str, object] = field(default_factory=dict)

    def variables(self) -> dict[str, object]:
        """What templates see as ``recipient`` and expressions too: plain dicts, strings and numbers only."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "locale": self.locale,
            "timezone": self.timezone,
            "data": self.data,
        }

    def overlaid(self, later: Recipient) -> Recipient:
        """This person with what *later* says of them: what it does not say stays, own fields are merged."""
        return Recipient(
            id=self.id,
            name=later.name or self.name,
            locale=later.locale or self.locale,
            timezone=later.timezone or self.timezone,
            email=later.email or self.email,
            phone=later.phone or self.phone,
            devices=self.devices,
            chats=self.chats,
            webhooks=self.webhooks,
            data={**self.data, **later.data},
        )
