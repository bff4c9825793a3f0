"""Whether a recipient would get what is looked at, as far as can be known without trying: by what delivery goes by.

Suppressed addresses, accounts that there are not, and what one provider does not take though others do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog

from clarion import ids
from clarion.channels.account import Account, Kind
from clarion.domain.content import Content
from clarion.domain.plan import address_of
from clarion.domain.recipient import Recipient
from clarion.domain.suppression import CHANNELS, is_critical, mailbox_of, stopping
from clarion.domain.verdict import suppressed
from clarion.domain.workflow import Channel
from clarion.flows.caps import Caps
from clarion.flows.contexts import Context
from clarion.flows.rates import Carriers
from clarion.flows.readdress import BOUNCED, next_addresses
from clarion.flows.unreached import reaching, why_no_account
from clarion.flows.verified import Verified
from clarion.store import suppressions
from clarion.store.database import Connection

log = structlog.get_logger()


class Place(NamedTuple):
    """One of the several places in which a recipient is reached on a channel."""

    id: str
    #: The kind of account that reaches it; of a chat also the account, where it must be that one.
    whose: str
    account: str | None = None


class Stop(NamedTuple):
    """Why an address is not written to."""

    address: str
    why: str
    #: Where the message goes instead; None: nowhere, and it is skipped.
    instead: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How messages leave, as the settings have it."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    accounts: Sequence[Account] = ()
    #: By queue, the labels of the accounts that carry its messages; a queue that is not there is not known.
    carriers: Carriers = field(default_factory=dict)
    #: Frequency caps, and which workflows ask for verified addresses; None: this is not looked at.
    caps: Caps | None = None
    verified: Verified | None = None

    def warnings(self, channel: Channel, places: Sequence[Place], content: Content) -> Iterator[str]:
        """What speaks against *content* arriving in *places*, or, where the channel has none, at its address."""
        takes = {one.label: one.kind.name for one in self.accounts if one.label in self.carriers.get(channel, ())}
        for name in dict.fromkeys([one.whose for one in places] or takes.values()):
            why = self._too_large(name, content)
            if why is not None:
                yield f"{name} does not take it: {why}"
        if channel not in self.carriers:
            return
        if channel is Channel.SMS and not self.carriers[channel]:
            yield "no account carries text messages: it waits until a table [providers.NAME] of clarion.toml names one"
        lacking = [one for one in places if not reaching(takes, one.whose, one.account)]
        for whose, account in dict.fromkeys((one.whose, one.account) for one in lacking):
            yield f"{why_no_account(channel, whose, account)}; until then it waits"

    def _too_large(self, kind: str, content: Content) -> str | None:
        """Why no account of *kind* takes *content*; None also where that cannot be said: a kind may be anybody's."""
        if kind not in self.kinds:
            return None
        try:
            return self.kinds[kind].too_large(content)
        except Exception as error:
            # By its name alone: what it says may repeat what is for one person.
            log.warning("preview.kind_failed", kind=kind, error=type(error).__name__)
            return None


async def stops(
    connection: Connection,
    tenant_id: UUID,
    recipient: Recipient,
    context: Context,
    critical: Collection[str],
    *,
    others: bool,
) -> dict[Channel, Stop]:
    """Which addresses of *recipient* are suppressed for the workflow of *context*; *others*: look for further ones, to
    which messages go whose address has bounced."""
    workflow = context.version.workflow
    channels = {step.channel for step in workflow.channel_steps if step.channel in CHANNELS}
    asked = [(channel, address) for channel in sorted(channels) if (address := address_of(recipient, channel))]
    places = [suppressions.Place(tenant_id, mailbox_of(channel, address), channel.value) for channel, address in asked]
    found = await suppressions.find(connection, places) if places else {}
    stopped: dict[Channel, Stop] = {}
    for number, (channel, address) in enumerate(asked):
        said = (one for _, one in found.get(number, ()))
        why = stopping(said, category=workflow.category, critical=is_critical(workflow, critical))
        if why is None:
            continue
        instead = None
        if others and why.reason in BOUNCED:
            row = {"tenant_id": tenant_id, "recipient_id": recipient.id, "channel": channel.value, "address": address}
            id = ids.new()
            instead = (await next_addresses(connection, {id: row}, {id: context}, [id], critical)).get(id)
        stopped[channel] = Stop(address, suppressed(str(why)).reason or "", instead)
    return stopped
