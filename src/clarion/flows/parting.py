"""Parting a list of messages by the accounts that carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Generic, NamedTuple
from uuid import UUID

from clarion.channels.base import Item, label_of
from clarion.domain.route import Choice, Fitness, Route, Try, choose, narrow, route_of
from clarion.domain.workflow import Channel, Priority
from clarion.flows.accounts import Accounts
from clarion.flows.balance import Balance
from clarion.flows.batch import Batch
from clarion.flows.deliver import PIECE
from clarion.flows.destinations import Destinations, Held
from clarion.flows.facts import Facts
from clarion.flows.unreached import reaching, without_account
from clarion.queue.job import Job
from clarion.store import routing
from clarion.store.database import Connection
from clarion.turns import Turns

#: Messages for which an account has no place, or a probe on its way, look again after so long.
LATER = timedelta(seconds=2)


@dataclass(slots=True)
class Part(Generic[Item]):
    """The messages of a list that go to one account."""

    label: str
    batch: Batch[Item]
    #: Why that account, of those of which there is something to tell.
    reasons: dict[UUID, str] = field(default_factory=dict)
    #: The number of the probe that this is, one message alone.
    probe: int | None = None

    def take(self, id: UUID, choice: Choice, batch: Batch[Item]) -> None:
        """One more of the messages of *batch* goes here."""
        self.batch.items[id] = batch.items[id]
        if choice.reason is not None:
            self.reasons[id] = choice.reason


class Plan(NamedTuple):
    """By what the account of a message is chosen."""

    route: Route
    tried: Sequence[Try]
    #: Where the message stands among all, 0…1.
    draw: float
    #: By account, why it may not have the message now: the domain that it is for asked it for patience.
    held: Mapping[str, Held] = {}


class Parted(NamedTuple, Generic[Item]):
    """A list in parts."""

    #: The first has what was decided without sending, too.
    parts: Sequence[Part[Item]]
    #: Why those wait that no account may take now.
    waiting: Mapping[UUID, Fitness]
    #: Those that wait for a domain.
    held: Mapping[UUID, Held]
    #: Of all that had to be chosen for.
    plans: Mapping[UUID, Plan]


class Parting:
    """Chooses the accounts for the messages of one channel."""

    def __init__(
        self,
        routes: Sequence[Route],
        labels: Sequence[str],
        accounts: Accounts,
        *,
        channel: Channel,
        turns: Turns,
        destinations: Destinations | None = None,
        takes: Mapping[str, str] | None = None,
        balance: Balance | None = None,
    ) -> None:
        """*takes*: whose tokens each account takes, where messages go to devices or chats."""
        self._routes = routes
        self._balance = balance
        self._takes = takes
        #: By whose token a device has, or whose a chat is, of a chat also by the account: of the routes as they were
        #: when it was made.
        self._routes_of: dict[str, Sequence[Route]] = {}
        self._narrowed: Sequence[Route] = ()
        self._first = labels[0]
        #: With one account there is nothing to choose, and no message is looked at for it.
        self._only = labels[0] if len(labels) == 1 else None
        self._accounts = accounts
        self._facts = Facts(channel)
        self._turns = turns
        self._destinations = destinations

    async def part(
        self, connection: Connection, jobs: Mapping[UUID, Job], batch: Batch[Item], fit: dict[str, Fitness]
    ) -> Parted[Item]:
        """*batch* in parts; *fit* says which accounts may be used."""
        waiting = await self._set_aside(connection, batch)
        if self._only is not None and not self._accounts.needs_probe(self._only):
            return Parted([Part(self._only, batch)], waiting, {}, {})
        probes: list[Part[Item]] = []
        parts: dict[str, Part[Item]] = {}
        held: dict[UUID, Held] = {}
        plans = self._with_held(await self._plan(connection, batch), jobs, batch)
        waiting |= await without_account(connection, batch, [id for id in batch.items if id not in plans])
        left = list(plans)
        while left:  # what an account has no place for now another may take
            chosen: dict[tuple[bool, str], list[tuple[UUID, Choice]]] = {}
            for number, id in enumerate(left, 1):
                if number % PIECE == 0:
                    await self._turns.take()
                choice, probe = await self._choose(connection, plans[id], fit)
                if choice.account is None and plans[id].held:
                    held[id] = next(iter(plans[id].held.values()))
                elif choice.account is None:
                    waiting[id] = Fitness(choice.reason, choice.wait)
                elif probe is not None:
                    probes.append(Part(choice.account, _none_of(batch), probe=probe))
                    probes[-1].take(id, choice, batch)
                else:
                    place = (jobs[id].priority > Priority.HIGH, choice.account)
                    chosen.setdefault(place, []).append((id, choice))
            left = await self._place(connection, batch, chosen, parts, fit)
        found = [*probes, *parts.values()]
        if not found and (batch.endings or batch.idle):
            found.append(Part(self._first, _none_of(batch)))
        if found:
            found[0].batch.endings, found[0].batch.idle = batch.endings, batch.idle
        return Parted(found, waiting, held, plans)

    def _with_held(
        self, plans: Mapping[UUID, Plan], jobs: Mapping[UUID, Job], batch: Batch[Item]
    ) -> Mapping[UUID, Plan]:
        """*plans* with the accounts that messages must wait for at the gate first."""
        known = self._destinations
        if known is None or not known.any:
            return plans
        found = {}
        for id, plan in plans.items():
            held = {label: known.held(label, batch.rows[id]["address"], jobs[id]) for label in plan.route.accounts}
            found[id] = plan._replace(held={label: one for label, one in held.items() if one is not None})
        return found

    async def _place(
        self,
        connection: Connection,
        batch: Batch[Item],
        chosen: Mapping[tuple[bool, str], Sequence[tuple[UUID, Choice]]],
        parts: dict[str, Part[Item]],
        fit: dict[str, Fitness],
    ) -> list[UUID]:
        """Give messages to the accounts *chosen*, the urgent first, as far as limits have places; those left over."""
        left: list[UUID] = []
        for (usual, label), some in sorted(chosen.items()):
            places = await self._accounts.within_limit(connection, label, len(some), urgent=not usual)
            for id, choice in some[:places]:
                parts.setdefault(label, Part(label, _none_of(batch))).take(id, choice, batch)
            if places < len(some):
                left += [id for id, _ in some[places:]]
                fit[label] = self._accounts.fitness()[label]
        return left

    async def _set_aside(self, connection: Connection, batch: Batch[Item]) -> dict[UUID, Fitness]:
        """Take out of *batch* what goes to devices of which no account takes the tokens: why each waits."""
        if self._takes is None:
            return {}
        nobodys = [id for id in batch.items if not self._routes_for(batch.rows[id])]
        waiting = await without_account(connection, batch, nobodys)
        for id in nobodys:
            del batch.items[id]
        return waiting

    def _routes_for(self, row: Mapping[str, Any]) -> Sequence[Route]:
        """The routes of a message, with the accounts alone that take the token of its device, or reach its chat."""
        routes = self._routes if self._balance is None else self._balance.routes
        if self._takes is None:
            return routes
        if routes is not self._narrowed:  # their weights have moved
            self._narrowed, self._routes_of = routes, {}
        whose, account = row["whose"], row.get("account")
        known = label_of(whose, account) if account else whose
        found = self._routes_of.get(known)
        if found is None:
            found = self._routes_of[known] = narrow(routes, reaching(self._takes, whose, account))
        return found

    async def _plan(self, connection: Connection, batch: Batch[Item]) -> Mapping[UUID, Plan]:
        """The route of each message that has one, and what was tried with it."""
        rows = batch.rows
        tried = await routing.tried(connection, [id for id in batch.items if rows[id]["attempts"]])
        if all(route.when is None for route in self._routes):
            routes = ((id, self._routes_for(rows[id])[0]) for id in batch.items)
            return {id: Plan(route, tried.get(id, ()), _draw(id)) for id, route in routes}
        await self._facts.begin(connection, {rows[id]["tenant_id"] for id in batch.items})
        plans = {}
        for number, id in enumerate(batch.items, 1):
            if number % PIECE == 0:
                await self._turns.take()
            route = route_of(self._routes_for(rows[id]), self._facts.of(rows[id], batch.contexts[id]))
            if route is not None:
                plans[id] = Plan(route, tried.get(id, ()), _draw(id))
        return plans

    async def _choose(self, connection: Connection, plan: Plan, fit: dict[str, Fitness]) -> tuple[Choice, int | None]:
        """The account for a message, with the number of the probe where it goes as one; *fit* is kept up to date."""
        while True:
            seen = fit if not plan.held else {**fit, **{one: Fitness(why.reason) for one, why in plan.held.items()}}
            choice = choose(plan.route, seen, plan.tried, plan.draw)
            label = choice.account
            if label is None or not self._accounts.needs_probe(label):
                return choice, None
            probe = await self._accounts.claim_probe(connection, label)
            if probe is not None:
                fit |= self._accounts.fitness()
                return Choice(label, f"it is a probe of {label}, whose breaker was open"), probe
            fit |= await self._accounts.look(connection)
            if fit[label].reason is None and self._accounts.needs_probe(label):
                fit[label] = Fitness("a probe is on its way", LATER)


def _none_of(batch: Batch[Item]) -> Batch[Item]:
    """What is known of *batch*, with none of its items and nothing that was decided without sending."""
    return replace(batch, items={}, endings=[], idle=[])


def _draw(id: UUID) -> float:
    """Where a message stands among all, 0…1: by the random end of its id, so that it stays there."""
    return (id.int & 0xFFFFFFFF) / (1 << 32)
