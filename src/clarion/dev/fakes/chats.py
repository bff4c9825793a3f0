"""All chat providers at once, on one port, with one ledger: what `up` catches chat messages with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from clarion.dev.fakes.apprise import PATH, AppriseFake
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.chat_serving import ChatFake
from clarion.dev.fakes.discord import DiscordFake
from clarion.dev.fakes.kept import ledger
from clarion.dev.fakes.serving import Fake
from clarion.dev.fakes.slack import SlackFake
from clarion.dev.fakes.teams import TeamsFake
from clarion.dev.fakes.telegram import TelegramFake

#: What opens them: anybody on this machine may write here, and nothing comes of it.
_TELEGRAM = "110201543:caught-caught-caught-caught-caught-1"
_SLACK = "xoxb-caught-caught"
_DISCORD = "Y2F1Z2h0Y2F1Z2h0Y2F1.Z2h0.Y2F1Z2h0Y2F1Z2h0Y2F1"
_TEAMS = "https://caught.logic.azure.com/workflows/caught/triggers/manual/paths/invoke?sig=caught"

#: Accounts of each kind, with a room of their own, but for where the fake is.
ACCOUNTS: Mapping[str, Mapping[str, str]] = {
    "telegram": {"token": _TELEGRAM, "chat": "-1001000000001"},
    "slack": {"token": _SLACK, "channel": "C0CAUGHT1"},
    "discord": {"token": _DISCORD, "channel": "100000000000000001"},
    "teams": {"url": _TEAMS},
}


class ChatsFake(Fake):
    """A bot at each provider, and any webhook."""

    def __init__(self, *, port: int = 0, keep: int | None = None) -> None:
        super().__init__(port=port)
        self.taken: list[Said] = ledger(keep)
        self._fakes: tuple[ChatFake, ...] = (
            TelegramFake(token=_TELEGRAM),
            SlackFake(token=_SLACK),
            DiscordFake(token=_DISCORD),
            TeamsFake(signature=None),
            AppriseFake(),
        )
        for fake in self._fakes:
            fake.taken = self.taken

    def routes(self, router: web.UrlDispatcher) -> None:
        for fake in self._fakes:
            fake.speak(router)

    @property
    def apprise(self) -> str:
        """What the `url` of an account of Apprise's is to be."""
        return f"json://127.0.0.1:{self.port}{PATH}"

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()
