"""What is rung for when a feed changes."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

#: What all names of feeds begin with, as no queue's does.
PREFIX = "feed:"


def feed_name(tenant_id: UUID, recipient_id: str) -> str:
    """The name of one recipient's feed among what processes ring for: short, and nothing of whose it is can be read."""
    return PREFIX + blake2b(recipient_id.encode(), digest_size=9, key=tenant_id.bytes).hexdigest()
