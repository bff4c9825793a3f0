"""Mails whose files are fetched before they are handed over, whichever provider carries them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from clarion.channels.base import Email, Provider, Wanted
from clarion.channels.email.enclosed import Enclosed, File
from clarion.domain.outcome import Outcome


def enclose(files: Sequence[tuple[str, str, bytes, str | None]]) -> Enclosed:
    """*files* as parts of mails: of each its name, its type, its content, and how HTML calls it."""
    return Enclosed([File(name=n, type=t, content=c, inline=i) for n, t, c, i in files])


class Enclosing(Provider[Email]):
    """*provider*, given mails with their files. A mail whose files cannot be had is not handed over."""

    def __init__(self, provider: Provider[Email], fetch: Callable[[Wanted], Awaitable[Enclosed | Outcome]]) -> None:
        """*fetch* gives the same files to all mails that want the same, or says why there are none."""
        self.name = provider.name
        self._provider = provider
        self._fetch = fetch

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        wanted = {mail.wanted for mail in items}
        if wanted == {None}:
            return await self._provider.send(items)
        found = {one: await self._fetch(one) for one in wanted if one is not None}
        ready: dict[int, Email] = {}
        outcomes: dict[int, Outcome] = {}
        for place, mail in enumerate(items):
            enclosed = None if mail.wanted is None else found[mail.wanted]
            if enclosed is None or isinstance(enclosed, Enclosed):
                ready[place] = mail._replace(enclosed=enclosed)
            else:
                outcomes[place] = enclosed
        if ready:
            outcomes |= zip(ready, await self._provider.send(list(ready.values())), strict=True)
        return [outcomes[place] for place in range(len(items))]

    async def close(self) -> None:
        await self._provider.close()
