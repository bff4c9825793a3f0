"""Without its mechanisms the system breaks its promises, and the oracle sees it: so the scenarios prove something.

The scenarios of the intent and the doubt are those of the killed worker; the others are played whole, too.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest
from tests.support.clock import pass_time_for_jobs
from tests.support.cluster import Cluster, people
from tests.support.oracle import Findings, at_rest, judge
from tests.support.process import Injection
from tests.support.together import Together


@pytest.fixture
def lease() -> str:
    return "1s"  # every scenario waits for one to run out


def _check(findings: Findings, cluster: Cluster, found: set[str]) -> None:
    assert findings.kinds() >= found and bool(findings.kinds()) == bool(found), f"{findings.table()}\n{cluster.log()}"


async def _the_intent(cluster: Cluster, mutations: Sequence[str], found: set[str]) -> None:
    """Sent before the intent is committed, mails come twice unsaid when the worker dies in between."""
    await cluster.trigger("mail-retry", people("guest", 12))
    await cluster.trigger("mail-hold", people("other", 12))
    doomed = await cluster.worker(Injection("intent:before_commit", nth=2), mutations=mutations)
    assert await doomed.ended() == -signal.SIGKILL
    await cluster.worker(mutations=mutations)
    _check(await judge(cluster), cluster, found)


async def _the_doubt(cluster: Cluster, mutations: Sequence[str], found: set[str]) -> None:
    """An open intent taken for "not sent" makes mails come twice unsaid."""
    await cluster.trigger("mail-retry", people("guest", 12))
    await cluster.trigger("mail-hold", people("other", 12))
    doomed = await cluster.worker(Injection("send:after", nth=2))
    assert await doomed.ended() == -signal.SIGKILL
    await cluster.worker(mutations=mutations)
    _check(await judge(cluster), cluster, found)


async def _the_fence(cluster: Cluster, mutations: Sequence[str], found: set[str]) -> None:
    """A worker that may move jobs it has lost takes them away from messages that still need them."""
    await cluster.trigger("mail-late", people("guest", 4))
    frozen = await cluster.worker(Injection("send:after", do="freeze"), mutations=mutations)
    await frozen.until_frozen()
    await cluster.worker()
    # The others have put off what the frozen worker had in hand.
    await cluster.until("(SELECT count(*) FROM message WHERE possible_duplicate AND status = 'queued') = 4")
    frozen.resume()
    await frozen.stop()
    await pass_time_for_jobs(cluster.pool, timedelta(hours=1))  # what is put off is due
    _check(await judge(cluster, rest_s=60 if not found else 7), cluster, found)


async def _the_polling(cluster: Cluster, mutations: Sequence[str], found: set[str]) -> None:
    """When every NOTIFY is lost and nobody looks by himself, nothing ever happens."""
    await cluster.trigger("both", people("early", 12))
    # No lease may run out on a slow machine: who takes up what was lost looks for it by himself.
    await cluster.worker(mutations=["no_notify", *mutations], worker_lease="60s")
    assert await at_rest(cluster), cluster.log()  # it looked once, as it started
    await cluster.trigger("both", people("guest", 12))
    _check(await judge(cluster, rest_s=60 if not found else 5), cluster, found)


class _Part(NamedTuple):
    """What is taken out of which scenario, and what the oracle must find then."""

    scenario: Callable[[Cluster, Sequence[str], set[str]], Awaitable[None]]
    mutations: Sequence[str]
    found: set[str]


PARTS = {
    "no polling": _Part(_the_polling, ("no_polling",), {"stuck"}),
    "no fence": _Part(_the_fence, ("no_fence",), {"stuck"}),
    "with the fence": _Part(_the_fence, (), set()),
    "with the polling": _Part(_the_polling, (), set()),
    "no intent": _Part(_the_intent, ("send_first",), {"unlabelled", "without_intent"}),
    "no doubt": _Part(_the_doubt, ("certain",), {"unlabelled"}),
}


async def test_every_part_is_needed(together: Together) -> None:
    await together.play(_without, PARTS, at_once=4)  # two of them do nothing but wait


async def _without(cluster: Cluster, name: str) -> None:
    part = PARTS[name]
    await part.scenario(cluster, part.mutations, part.found)
