"""One of everything that a tenant can have, to ask for by id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.api import Api

from clarion import ids
from clarion.store import feed

#: Path parameters by the segment before them.
_OF = re.compile(r"/(\w+)/\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Things:
    """Ids of what one tenant has, by the collection in a path."""

    ids: Mapping[str, str]

    def path(self, template: str) -> str:
        """*template* with the ids of these things."""
        return _OF.sub(lambda match: f"/{match[1]}/{self.ids[match[1]]}", template)

    def unknown_path(self, template: str) -> str:
        """*template* with ids that nobody has, of the same form."""
        return _OF.sub(lambda match: f"/{match[1]}/{_unlike(self.ids[match[1]])}", template)

    def body(self, body: Any) -> Any:
        """*body* with the recipient of these things in place of ana."""
        if body is None or "recipients" not in body:
            return body
        return {"recipients": [self.ids["recipients"]]}


async def make_things(api: Api, tenant: str, suffix: str = "") -> Things:
    """Make one of everything for *tenant*, by HTTP where that is possible: a recipient has two items in the feed."""
    ana, guests = f"ana{suffix}", f"guests{suffix}"
    await api.call("PUT", f"/v1/recipients/{ana}", {"email": "ana@example.com"}, tenant=tenant)
    await api.call("PUT", f"/v1/topics/{guests}", {"name": "Guests"}, tenant=tenant)
    await api.call("POST", f"/v1/topics/{guests}/members", {"recipients": [ana]}, tenant=tenant)
    async with api.pool.acquire() as connection:
        await feed.add_many(
            connection,
            [
                feed.NewItem(
                    tenant_id=api.tenants[tenant],
                    recipient_id=ana,
                    message_id=id,
                    workflow_key="welcome",
                    title="Welcome",
                    body="Good to see you",
                )
                for id in ids.new_many(2)
            ],
        )
    return Things(ids={"recipients": ana, "topics": guests})


def _unlike(id: str) -> str:
    return id[:-1] + ("0" if id[-1] != "0" else "1")
