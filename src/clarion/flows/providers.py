"""The accounts at providers as operators see them: how each stands, and pausing and resuming one by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from clarion.channels.account import Account
from clarion.domain.breaker import State
from clarion.flows.account import LOOK_AGAIN
from clarion.flows.accounts import tell
from clarion.flows.balance import Move, moves
from clarion.flows.rates import DESTINATION, account_of, destination_pace, provider_pace
from clarion.queue import breakers, destinations, limits
from clarion.queue.breakers import Seen
from clarion.queue.hurry import hurry_waiting
from clarion.queue.limits import Refused
from clarion.store.database import Connection

_BY_HAND = "an operator has paused it"
#: By then every worker knows that an account is resumed.
_NOTICED = timedelta(seconds=0.3)
#: Of those that wait for an account so many go at once when it is resumed; the others when they look again.
_HURRIED = 20_000


class Condition(StrEnum):
    """How an account stands."""

    WELL = "well"  #: it is used
    PAUSED = "paused"  #: it asked for a pause, does not let us in, or an operator has paused it
    OPEN = "open"  #: its breaker is open: it failed or hung too often, and is left alone for a while
    HALF_OPEN = "half_open"  #: one probe is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One account, now."""

    account: Account
    condition: Condition
    reason: str | None = None
    #: Since when its breaker is as it is; None where nothing ever happened to it.
    since: datetime | None = None
    #: How long it is left alone; None where it is not, or until somebody resumes it.
    again_in: timedelta | None = None
    #: How many domains asked it for patience: so many are left alone now, and so many get little.
    parked: int = 0
    slowed: int = 0
    #: Where its share is not what the settings say: by how many points of a hundred, and why.
    moved: Move | None = None


async def standings(connection: Connection, accounts: Sequence[Account]) -> list[Standing]:
    """How *accounts* stand, by name."""
    paused = await limits.paused(connection, [provider_pace(account.label) for account in accounts])
    seen = await breakers.states(connection, [account.label for account in accounts])
    asked, moved = await destinations_of(connection), await moves(connection)
    return [
        replace(
            _standing(account, paused.get(provider_pace(account.label)), seen.get(account.label)),
            parked=asked[account.label, True],
            slowed=asked[account.label, False],
            moved=moved.get(account.label),
        )
        for account in sorted(accounts, key=lambda one: one.name)
    ]


async def destinations_of(connection: Connection) -> Counter[tuple[str, bool]]:
    """How many domains asked each provider for patience: by its label, and by whether they are left alone now."""
    listed = await destinations.listed(connection, f"{DESTINATION}:")
    return Counter((account_of(name), one.is_parked(now)) for name, one, now in listed)


async def pause(connection: Connection, account: Account) -> None:
    """Send nothing through *account* until `resume`: what other accounts may carry goes there, the rest waits."""
    await limits.close(connection, provider_pace(account.label), _BY_HAND)


async def resume(connection: Connection, account: Account) -> None:
    """Use *account* again, whatever is known of it and of the domains behind it. The caller wakes its queue."""
    await limits.lift(connection, provider_pace(account.label))
    await destinations.free(connection, destination_pace(account.label, ""))
    tell(account.label, await breakers.reset(connection, account.label))
    await hurry_waiting(
        connection,
        account.kind.channel,
        f"{account.label}: ",  # as `choose` has it
        within=2 * LOOK_AGAIN,
        after=_NOTICED,
        most=_HURRIED,
    )


def _standing(account: Account, paused: Refused | None, seen: Seen | None) -> Standing:
    since = seen.breaker.since if seen is not None else None
    if paused is not None:
        again = None if paused.closed else paused.wait
        return Standing(account=account, condition=Condition.PAUSED, reason=paused.reason, since=since, again_in=again)
    if seen is None or seen.breaker.state is State.CLOSED:
        return Standing(account=account, condition=Condition.WELL, since=since)
    condition = Condition.OPEN if seen.breaker.state is State.OPEN else Condition.HALF_OPEN
    return Standing(account=account, condition=condition, reason=seen.breaker.reason, since=since, again_in=seen.wait)
