"""Opens and clicks: which mails tell of them, and how a mail is made to. The others are not touched."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from clarion.domain.content import EmailContent
from clarion.domain.engagement import CLICKS_PATH, OPENS_PATH, Kind, Trace, Traces
from clarion.domain.workflow import Workflow
from clarion.templates.html_scan import decode_attribute

#: What stands for all categories, and all that have none.
EVERY: Final = "*"

#: An address within a link's tag. No part of it goes beyond the next ``<`` or ``>``, so nothing is looked at twice.
_LINK = re.compile(r"""(<a\b[^<>]*?\shref\s*=\s*)("(https?://[^"<>]*)"|'(https?://[^'<>]*)')""", re.IGNORECASE)
_NOTHING: Final[frozenset[Kind]] = frozenset()
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_PICTURE = '<img src="{url}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'


class Tracking:
    """Makes mails tell of it when they are opened and their links followed, where that is wanted."""

    def __init__(
        self, traces: Traces, public_url: str, *, opens: Collection[str] = (), clicks: Collection[str] = ()
    ) -> None:
        """*public_url* is where the API is reached from outside; *opens* and *clicks* are the categories whose mails
        tell of them, unless their workflow says otherwise."""
        self._traces = traces
        self._own = public_url.rstrip("/") + "/"
        self._opens = f"{self._own.rstrip('/')}{OPENS_PATH}/"
        self._clicks = f"{self._own.rstrip('/')}{CLICKS_PATH}/"
        self._by_kind = {Kind.OPENED: frozenset(opens), Kind.CLICKED: frozenset(clicks)}
        self._some = bool(opens or clicks)

    def wanted(self, workflow: Workflow) -> frozenset[Kind]:
        """What mails of *workflow* tell of."""
        if workflow.track is not None:
            return workflow.track
        if not self._some:
            return _NOTHING
        names = {EVERY} if workflow.category is None else {EVERY, workflow.category}
        return frozenset(kind for kind, categories in self._by_kind.items() if not names.isdisjoint(categories))

    def mark(self, content: EmailContent, row: Mapping[str, Any], wanted: Collection[Kind]) -> EmailContent:
        """The *content* of a message (a row of `messages.load`) so that it tells; one without HTML cannot."""
        html = content.html
        if html is None:
            return content
        tenant_id, message_id = row["tenant_id"], row["id"]
        if Kind.CLICKED in wanted:
            html = self._with_links(html, tenant_id, message_id)
        if Kind.OPENED in wanted:
            token = self._traces.token(Trace(tenant_id=tenant_id, message_id=message_id))
            html = _with_picture(html, _PICTURE.format(url=f"{self._opens}{token}"))
        return content._replace(html=html)

    def _with_links(self, html: str, tenant_id: UUID, message_id: UUID) -> str:
        made: dict[str, str] = {}

        def replaced(found: re.Match[str]) -> str:
            address = found[3] if found[3] is not None else found[4]
            link = made.get(address)
            if link is None:
                link = made[address] = self._link(address, tenant_id, message_id)
            return f'{found[1]}"{link}"'

        return _LINK.sub(replaced, html)

    def _link(self, address: str, tenant_id: UUID, message_id: UUID) -> str:
        """The link that leads to *address* by way of us; itself where it is ours, or too long."""
        url = decode_attribute(address)
        if url.startswith(self._own) or not url.isprintable():
            return address
        token = self._traces.token(Trace(tenant_id=tenant_id, message_id=message_id, url=url))
        return address if token is None else f"{self._clicks}{token}"


def _with_picture(html: str, picture: str) -> str:
    at = html.rfind("</body>")  # as it is written mostly
    if at < 0:
        ends = list(_BODY_END.finditer(html))
        at = ends[-1].start() if ends else len(html)
    return html[:at] + picture + html[at:]
