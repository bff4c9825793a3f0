"""What the conditions of routes see of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from clarion.domain.expression import Scope
from clarion.domain.phone import country_of
from clarion.domain.workflow import Channel
from clarion.flows.contexts import Context
from clarion.store import routing
from clarion.store.database import Connection


class Facts:
    """Makes scopes for conditions. What the messages of a trigger share is converted once for a list."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        #: Names of tenants never change.
        self._tenants: dict[UUID, str] = {}
        self._scopes: dict[UUID, Scope] = {}

    async def begin(self, connection: Connection, tenant_ids: set[UUID]) -> None:
        """Be ready for messages of these tenants."""
        self._scopes = {}
        if unknown := tenant_ids - self._tenants.keys():
            self._tenants |= await routing.tenant_names(connection, unknown)

    def of(self, row: Mapping[str, Any], context: Context) -> Scope:
        """What is known of one message (a row of `messages.load`): good until the next call."""
        scope = self._scopes.get(context.trigger_id)
        if scope is None:
            tenant = self._tenants.get(row["tenant_id"], "")
            scope = Scope(category=context.category, workflow=context.workflow_key, tenant=tenant)
            self._scopes[context.trigger_id] = scope
        return scope.of({"country": self._country(row), "locale": row["locale"], "data": row["data"]})

    def _country(self, row: Mapping[str, Any]) -> str | None:
        """Of a number: its own. Of other addresses: what the application says of the recipient, if it says it."""
        if self._channel is Channel.SMS:
            return country_of(row["address"])
        said = row["data"].get("country")
        return said if isinstance(said, str) else None
