"""Mails whose files are fetched before they are handed over, whichever provider carries them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol

from clarion.channels.base import Email, Provider, Wanted
from clarion.channels.email.enclosed import Enclosed, File
from clarion.domain.outcome import Outcome


class Lend(Protocol):
    """Lends the files of mails, or says what becomes of these; None where there is no room and nobody may *wait*."""

    def __call__(self, wanted: Wanted, *, wait: bool) -> AbstractAsyncContextManager[Enclosed | Outcome | None]: ...


def enclose(files: Sequence[tuple[str, str, bytes, str | None]]) -> Enclosed:
    """*files* as parts of mails: of each its name, its type, its content, and how HTML calls it."""
    return Enclosed([File(name=n, type=t, content=c, inline=i) for n, t, c, i in files])


class Enclosing(Provider[Email]):
    """*provider*, given mails with their files. A mail whose files cannot be had is not handed over."""

    def __init__(self, provider: Provider[Email], lend: Lend) -> None:
        """*lend* gives the same files to all mails that want the same, or says why there are none."""
        self.name = provider.name
        self._provider = provider
        self._lend = lend

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        if {mail.wanted for mail in items} == {None}:
            return await self._provider.send(items)
        groups: dict[Wanted | None, list[int]] = {}
        for place, mail in enumerate(items):
            groups.setdefault(mail.wanted, []).append(place)
        outcomes: dict[int, Outcome] = {}
        waiting = deque(groups.items())
        while waiting:
            outcomes |= await self._some(items, waiting)
        return [outcomes[place] for place in range(len(items))]

    async def close(self) -> None:
        await self._provider.close()

    async def _some(
        self, items: Sequence[Email], waiting: deque[tuple[Wanted | None, list[int]]]
    ) -> dict[int, Outcome]:
        """Hand over those of the first *waiting* for whose files there is room, and take them away from there."""
        ready: dict[int, Email] = {}
        outcomes: dict[int, Outcome] = {}
        async with AsyncExitStack() as held:
            while waiting:
                wanted, places = waiting[0]
                if wanted is None:
                    ready |= {place: items[place] for place in places}
                else:
                    found = await held.enter_async_context(self._lend(wanted, wait=not ready))
                    if found is None:
                        break
                    if isinstance(found, Enclosed):
                        ready |= {place: items[place]._replace(enclosed=found) for place in places}
                    else:
                        outcomes |= dict.fromkeys(places, found)
                waiting.popleft()
            if ready:
                outcomes |= zip(ready, await self._provider.send(list(ready.values())), strict=True)
        return outcomes
