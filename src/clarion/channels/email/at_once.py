"""Domains that take only so many mails at the same time: no more are on their way there from one process.

What goes elsewhere does not wait for them. Where a domain is so slow that a mail finds no place for a while, the mail
waits in the queue, not here, and spends no attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from clarion.channels.base import Email, Provider
from clarion.domain.address import domain_of
from clarion.domain.outcome import Outcome, Retry

#: How long a call waits without one of its mails finding a place, and for how long those are put off then.
_PATIENCE_S: Final = 2.0
_AGAIN: Final = timedelta(seconds=2)


def sparing(most: Mapping[str, int]) -> Callable[[Provider[Email]], Provider[Email]]:
    """What is put around each provider of a process: by domain, how many mails at once; nothing for none."""
    if not most:
        return lambda provider: provider
    places = Places(most)
    return lambda provider: Sparing(provider, places)


class Places:
    """The places that some domains have: one for each mail that may be on its way there."""

    def __init__(self, most: Mapping[str, int]) -> None:
        self.most = most
        self._free = dict(most)
        self._freed = asyncio.Event()

    def take(self, domain: str) -> bool:
        """Whether there was a place; it is taken now."""
        if not self._free[domain]:
            return False
        self._free[domain] -= 1
        return True

    def give_back(self, domains: Iterable[str]) -> None:
        """A place at each of *domains*, once for each time it is named."""
        for domain in domains:
            self._free[domain] += 1
        self._freed.set()

    async def freed(self) -> None:
        """Wait until a place has become free, at whichever domain."""
        self._freed.clear()
        await self._freed.wait()


class Sparing(Provider[Email]):
    """*provider*, given no more mails at once for a domain than there are *places*, which all of a process share."""

    def __init__(self, provider: Provider[Email], places: Places) -> None:
        self.name = provider.name
        self._provider = provider
        self._places = places

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        domains = [domain_of(mail.to) for mail in items]
        few = [place for place, domain in enumerate(domains) if domain in self._places.most]
        if not few:
            return await self._provider.send(items)
        rest = [place for place, domain in enumerate(domains) if domain not in self._places.most]
        outcomes: dict[int, Outcome] = {}
        async with asyncio.TaskGroup() as tasks:
            if rest:
                tasks.create_task(self._send(items, rest, outcomes))
            tasks.create_task(self._send_few(items, few, domains, outcomes))
        return [outcomes[place] for place in range(len(items))]

    async def close(self) -> None:
        await self._provider.close()

    async def _send_few(
        self, items: Sequence[Email], waiting: list[int], domains: Sequence[str], outcomes: dict[int, Outcome]
    ) -> None:
        """Send those for which there is a place, then those for which there is one by then, to the last."""
        while waiting:
            chosen = [place for place in waiting if self._places.take(domains[place])]
            if chosen:
                taken = set(chosen)
                waiting = [place for place in waiting if place not in taken]
                try:
                    await self._send(items, chosen, outcomes)
                finally:
                    self._places.give_back(domains[place] for place in chosen)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._places.freed()
                    continue
            for place in waiting:
                outcomes[place] = self._put_off(domains[place])
            return

    async def _send(self, items: Sequence[Email], places: Sequence[int], outcomes: dict[int, Outcome]) -> None:
        outcomes |= zip(places, await self._provider.send([items[place] for place in places]), strict=True)

    def _put_off(self, domain: str) -> Retry:
        most = self._places.most[domain]
        reason = f"as many mails as may be are on their way to {domain}: {most} from one worker process"
        return Retry(reason, after=_AGAIN, blameless=True, unspent=True)
