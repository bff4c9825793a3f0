"""Unsubscribing: who is offered to, by which link, and what happens when it is followed (RFC 8058)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import structlog

from clarion.domain.suppression import Reason, is_offered
from clarion.domain.unsubscribe import PATH, Link, Links
from clarion.flows.contexts import Context
from clarion.flows.hearing import Hearing
from clarion.store import suppressions
from clarion.store.database import Connection
from clarion.store.suppressions import NewSuppression

log = structlog.get_logger()

#: A header's line has 998 octets at most, and an address cannot be folded: a longer one stays out of the headers.
_LONGEST_IN_HEADER: Final = 960
_ONE_CLICK: Final = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


class Offers:
    """The links that messages offer."""

    def __init__(
        self, links: Links, public_url: str, *, critical: Collection[str] = (), one_click: bool = True
    ) -> None:
        """*public_url* is where the API is reached from outside; *one_click*: say so in the headers of mails, too."""
        self._links = links
        self._base = f"{public_url.rstrip('/')}{PATH}/"
        self._critical = frozenset(critical)
        # RFC 8058 §3.1: the address must be HTTPS, for whoever sees it can follow it.
        self._in_headers = one_click and public_url.startswith("https://")

    def url(self, row: Mapping[str, Any], context: Context) -> str | None:
        """Where the recipient of a message (a row of `messages.load`) unsubscribes; None when that is not offered."""
        workflow = context.version.workflow
        if workflow.category is None or not is_offered(workflow, self._critical):
            return None
        link = Link(
            tenant_id=row["tenant_id"], channel=row["channel"], address=row["address"], category=workflow.category
        )
        return self._base + self._links.token(link)

    def headers(self, url: str) -> tuple[tuple[str, str], ...]:
        """What mail programs read to show a button of their own."""
        if not self._in_headers or len(url) > _LONGEST_IN_HEADER:
            return ()
        return (("List-Unsubscribe", f"<{url}>"), _ONE_CLICK)


async def unsubscribe(connection: Connection, link: Link, hearing: Hearing | None = None) -> None:
    """Within the caller's transaction: nothing of the link's category is sent to its address any more. Idempotent.

    Where *hearing* is given, bindings hear of it, and the caller rings.
    """
    new = NewSuppression(
        tenant_id=link.tenant_id,
        channel=link.channel,
        address=link.address,
        category=link.category,
        reason=Reason.UNSUBSCRIBE,
        detail="by the link in a message",
    )
    if learnt := await suppressions.learn(connection, [new]):
        if hearing is not None:
            await hearing.suppressed(connection, learnt)
        log.info("recipient.unsubscribed", tenant=str(link.tenant_id), channel=link.channel, category=link.category)
