"""Published workflow versions, ready for use: compiled once, kept while they are needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clarion.domain.plan import Ready
from clarion.domain.verdict import Policy
from clarion.domain.workflow import Channel, OnUncertain, Workflow
from clarion.store import workflows
from clarion.store.database import Connection
from clarion.templates.compiled import CompiledBundle, compile_bundle
from clarion.templates.source import Bundle

#: What happens when nobody can know whether a message was taken, unless the workflow says otherwise: a mail twice is
#: a nuisance, a mail never is a loss, and so it is in a chat; an SMS twice is paid for twice (PROMISES P4); a push
#: message that comes again takes the place of the first on the screen, a webhook has the same id. `verify.sql` has the
#: same rule.
_ON_UNCERTAIN = {
    Channel.EMAIL: OnUncertain.RETRY,
    Channel.SMS: OnUncertain.HOLD,
    Channel.PUSH: OnUncertain.RETRY,
    Channel.CHAT: OnUncertain.RETRY,
    Channel.IN_APP: OnUncertain.RETRY,
    Channel.WEBHOOK: OnUncertain.RETRY,
}


@dataclass(frozen=True, slots=True)
class Version:
    """One published version of a workflow: immutable."""

    id: UUID
    workflow: Workflow
    #: The workflow's steps with their expressions, compiled.
    steps: tuple[Ready, ...]
    content: CompiledBundle
    #: Whether any step has an expression to be evaluated.
    has_expressions: bool
    #: How many steps go to the recipients' devices, which are looked up only for these.
    pushes: int = 0
    #: … and to their chats.
    chats: int = 0
    #: … and how many to their webhooks.
    hooks: int = 0

    def policy(self, channel: Channel) -> Policy:
        """How often and how long to try on *channel*."""
        return Policy(
            attempts=self.workflow.attempts,
            backoff=self.workflow.backoff,
            on_uncertain=self.workflow.on_uncertain or _ON_UNCERTAIN[channel],
        )


class Published:
    """The versions in use, by id. Bounded: the one that was not used for longest goes first."""

    def __init__(self, *, default_locale: str, keep: int = 200) -> None:
        self._default_locale = default_locale
        self._keep = keep
        self._versions: OrderedDict[UUID, Version] = OrderedDict()

    async def get(self, connection: Connection, version_ids: Iterable[UUID]) -> dict[UUID, Version]:
        """The versions asked for, by id."""
        wanted = set(version_ids)
        # In hand before anything is waited for: others may push them out meanwhile.
        found = {id: self._versions[id] for id in wanted if id in self._versions}
        if missing := wanted - found.keys():
            rows = await workflows.versions(connection, list(missing))
            found |= {row["id"]: self._versions.get(row["id"]) or self._ready(row) for row in rows}
        for id, version in found.items():
            self._versions[id] = version
            self._versions.move_to_end(id)
        while len(self._versions) > max(self._keep, len(wanted)):
            self._versions.popitem(last=False)
        return found

    def _ready(self, row: Mapping[str, Any]) -> Version:
        workflow = Workflow.from_json(row["definition"])
        steps = tuple(map(Ready.of, workflow.steps))
        return Version(
            id=row["id"],
            workflow=workflow,
            steps=steps,
            content=compile_bundle(Bundle.from_json(row["bundle"]), self._default_locale),
            has_expressions=any(ready.when or ready.until for ready in steps),
            pushes=sum(step.channel is Channel.PUSH for step in workflow.channel_steps),
            chats=sum(step.channel is Channel.CHAT for step in workflow.channel_steps),
            hooks=sum(step.channel is Channel.WEBHOOK for step in workflow.channel_steps),
        )
