"""What the messages of one trigger share when they are rendered: made once, kept while they are delivered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from clarion import ids
from clarion.channels.base import Wanted
from clarion.domain.attachment import Reference
from clarion.domain.content import Content
from clarion.domain.expression import Scope
from clarion.domain.plan import Ready
from clarion.domain.verdict import Policy
from clarion.domain.workflow import Channel, ChannelStep
from clarion.flows.published import Published, Version
from clarion.flows.variables import shared_variables
from clarion.store import triggers
from clarion.store.database import Connection
from clarion.templates.prepared import Prepared
from clarion.templates.text import Text
from clarion.templates.vocabulary import SHARED


class Context:
    """One trigger, ready to render for any of its recipients."""

    __slots__ = (
        "_files",
        "_prepared",
        "_scope",
        "_shared",
        "_tenant_id",
        "_wanted",
        "category",
        "headers",
        "sandbox",
        "trigger_id",
        "version",
        "workflow_key",
    )

    def __init__(self, row: Mapping[str, Any], version: Version) -> None:
        self.version = version
        self.workflow_key: str = row["workflow_key"]
        self.trigger_id: UUID = row["id"]
        self.category = version.workflow.category
        self.sandbox: bool = row["sandbox"]
        #: Fields that all its mails have: by the Feedback-ID, mailboxes tell what is complained of (Gmail's Postmaster
        #: Tools), each part by itself.
        self.headers = (("Feedback-ID", ":".join(filter(None, (self.workflow_key, self.category, "clarion")))),)
        self._tenant_id: UUID = row["tenant_id"]
        self._files = tuple(map(Reference.from_json, row["attachments"]))
        self._wanted: dict[int, Wanted | None] = {}
        self._shared = shared_variables(row)
        self._prepared: dict[int, Prepared] = {}
        self._scope: Scope | None = None

    def wanted(self, number: int) -> Wanted | None:
        """The files that go with the mails of a step: the trigger's, then the step's own; None for none.

        Raises `Invalid` where what their names are made of is missing.
        """
        if number not in self._wanted:
            step = self.version.workflow.steps[number]
            assert isinstance(step, ChannelStep)
            files = self._files + tuple(map(self._filled, step.attachments))
            self._wanted[number] = Wanted(self._tenant_id, self.trigger_id, files) if files else None
        return self._wanted[number]

    def _filled(self, file: Reference) -> Reference:
        url, name = (text and Text(text, SHARED).render(self._shared) for text in (file.url, file.name))
        return file._replace(url=url, name=name)

    def render(self, message: Mapping[str, Any], unsubscribe_url: str | None = None) -> Content:
        """The words of one message (a row of `messages.load`), with the link that it offers, if it offers one.

        Raises `Invalid` when they cannot be made: a variable is missing, a limit is passed.
        """
        step = self.version.workflow.steps[message["step"]]
        assert isinstance(step, ChannelStep)
        prepared = self._prepared.get(message["step"])
        if prepared is None:
            prepared = self.version.content.for_trigger(step.template, step.channel, self._shared)
            self._prepared[message["step"]] = prepared
        recipient = {
            "id": message["recipient_id"],
            "name": message["name"],
            "email": message["address"] if step.channel is Channel.EMAIL else None,
            "phone": message["address"] if step.channel is Channel.SMS else None,
            "locale": message["locale"],
            "timezone": message["timezone"],
            "data": message["data"],
        }
        variables = {
            "id": ids.show(ids.Prefix.MESSAGE, message["id"]),
            "channel": step.channel.value,
            "unsubscribe_url": unsubscribe_url,
        }
        return prepared.render(recipient, variables)

    def body(self, message: Mapping[str, Any], recipient: Mapping[str, object]) -> Mapping[str, object]:
        """What a webhook is told by one message (a row of `messages.load`) for *recipient* (`Recipient.variables`).

        Raises `Invalid` where its data cannot be worked out.
        """
        ready: Ready = self.version.steps[message["step"]]
        body = ready.body
        assert body is not None
        payload, trigger = self._shared["payload"], cast("Mapping[str, object]", self._shared["trigger"])
        if self._scope is None and not body.is_whole:
            self._scope = Scope(payload=payload, trigger=trigger)
        return body.say(
            self._scope.of(recipient) if self._scope is not None else None,
            workflow=self.workflow_key,
            message=ids.show(ids.Prefix.MESSAGE, message["id"]),
            recipient=message["recipient_id"],
            payload=payload,
            trigger=trigger,
        )

    def policy(self, channel: Channel) -> Policy:
        """How often and how long to try."""
        return self.version.policy(channel)


class Contexts:
    """The contexts in use, by trigger. Bounded: the one that was not used for longest goes first."""

    def __init__(self, published: Published, *, keep: int = 128) -> None:
        self._published = published
        self._keep = keep
        self._contexts: OrderedDict[UUID, Context] = OrderedDict()

    def keep(self, made: Iterable[tuple[Mapping[str, Any], Version]]) -> None:
        """Keep what was just in hand: rows of `triggers.load` with their versions."""
        for row, version in made:
            self._contexts[row["id"]] = Context(row, version)
        self._let_go(self._keep)

    async def get(self, connection: Connection, trigger_ids: Iterable[UUID]) -> dict[UUID, Context]:
        """The contexts of these triggers, by id; those of triggers that do not exist are left out."""
        wanted = set(trigger_ids)
        # In hand before anything is waited for: others may push them out meanwhile.
        found = {id: self._contexts[id] for id in wanted if id in self._contexts}
        if missing := wanted - found.keys():
            rows = await triggers.load(connection, list(missing))
            versions = await self._published.get(connection, {row["workflow_version_id"] for row in rows.values()})
            found |= {id: Context(row, versions[row["workflow_version_id"]]) for id, row in rows.items()}
        for id, context in found.items():
            self._contexts[id] = context
            self._contexts.move_to_end(id)
        self._let_go(max(self._keep, len(wanted)))
        return found

    def _let_go(self, most: int) -> None:
        while len(self._contexts) > most:
            self._contexts.popitem(last=False)
