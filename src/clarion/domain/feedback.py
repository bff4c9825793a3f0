"""What a provider's word about one message says of the address itself."""

from __future__ import annotations

from enum import StrEnum


class Feedback(StrEnum):
    """Why an address may not be written to again. What follows from it is decided in one place, by these alone."""

    HARD_BOUNCE = "hard_bounce"  #: there is no such address, or it never takes anything from us
    SOFT_BOUNCE = "soft_bounce"  #: the provider had tried for long and gave up: a full mailbox, a phone that is off
    COMPLAINT = "complaint"  #: the recipient called it spam; it did arrive
    UNSUBSCRIBE = "unsubscribe"  #: the recipient wants no more of it, and said so to the provider; it did arrive
    DEAD_TOKEN = "dead_token"  # noqa: S105  #: the device or the chat that it stood for is gone
