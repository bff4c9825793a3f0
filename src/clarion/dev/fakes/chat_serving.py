"""What the fakes of chat providers share: a bounded ledger, and rooms that are marked as people leave them."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from clarion.dev.fakes.chat_message import Said, buttons_of, words_of
from clarion.dev.fakes.kept import ledger
from clarion.dev.fakes.serving import Fake


class ChatFake(Fake):
    """One account at a provider of chats.

    command beside those of `clarion.dev.fakes.serving`: ``PUT /_fake/rooms``, a table of marks and rooms.
    """

    #: What the provider is called in the ledger.
    provider: str
    #: How rooms may be marked: each of these names is one of the attribute `rooms`.
    marks: tuple[str, ...]

    def __init__(self, *, port: int = 0, keep: int | None = None) -> None:
        """*keep* bounds the ledger: of more than that, the oldest are forgotten."""
        super().__init__(port=port)
        self.taken: list[Said] = ledger(keep)
        self.rooms: dict[str, set[str]] = {mark: set() for mark in self.marks}
        self._count = 0

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_put("/_fake/rooms", self._mark)
        self.speak(router)

    @abstractmethod
    def speak(self, router: web.UrlDispatcher) -> None:
        """Add what the provider answers."""

    def take(self, id: str, room: str, body: dict[str, object]) -> Said:
        """Keep a message."""
        words, buttons = self.read(words_of(body)), buttons_of(body)
        said = Said(id=id, provider=self.provider, room=room, text=words, buttons=buttons, body=body)
        self.taken.append(said)
        return said

    def read(self, words: str) -> str:
        """*words* as people see them, where the provider reads something into them."""
        return words

    def next_number(self) -> int:
        """One that no message of this fake has."""
        self._count += 1
        return self._count

    async def _mark(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            self.rooms = {mark: {str(room) for room in told.get(mark, ())} for mark in self.marks}
        except (ValueError, TypeError, AttributeError) as error:
            return web.Response(status=422, text=f"{error}\n")
        return web.Response(status=204)
