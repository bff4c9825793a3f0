"""Providers of chats, each with the fake that it is tried against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from tests.support.provider_case import Case
from tests.support.providers import PROMPT, account_at

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Chat
from clarion.channels.chat.discord import Discord
from clarion.channels.chat.slack import Slack
from clarion.channels.chat.teams import Teams
from clarion.channels.chat.telegram import Telegram
from clarion.dev.fakes.chat_serving import ChatFake
from clarion.dev.fakes.discord import DiscordFake
from clarion.dev.fakes.slack import SlackFake
from clarion.dev.fakes.teams import TeamsFake
from clarion.dev.fakes.telegram import TelegramFake
from clarion.domain.content import ChatContent
from clarion.http.client import Patience

TELEGRAM_TOKEN = "110201543:5ecre7" + "AAHdqTcv" * 4
SLACK_TOKEN = "xoxb-5ecre7-" + "c0ffee" * 4
SLACK_HOOK = "https://hooks.slack.com/services/T0FAKE001/B0FAKE001/5ecre7" + "C0ffee" * 3
DISCORD_TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.5ecre7" + "c0ffee" * 4
DISCORD_HOOK = "https://discord.com/api/webhooks/223704706495545344/5ecre7" + "c0ffee" * 9
TEAMS_SIGNATURE = "5ecre7" + "c0ffee" * 6


def chat_message(to: str = "", text: str = "Your order is ready.", **words: Any) -> Chat:
    return Chat(message_id=ids.new(), to=to, content=ChatContent(text=text, **words))


def teams_url(workflow: str) -> str:
    """The address of a workflow, as Power Automate shows it."""
    where = f"https://prod-12.westeurope.logic.azure.com:443/workflows/{workflow}/triggers/manual/paths/invoke"
    return f"{where}?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={TEAMS_SIGNATURE}"


def telegram_account(name: str = "bot", *, base_url: str | None = None, **more: str) -> Account:
    """A bot as the settings would have it; *base_url* may lead anywhere, as the settings do not let it."""
    return account_at(name, {"kind": "telegram", "token": TELEGRAM_TOKEN, **more}, base_url)


def slack_account(name: str = "work", *, base_url: str | None = None, token: str = SLACK_TOKEN, **more: str) -> Account:
    """The same at Slack; without a *token* it writes to webhooks alone."""
    return account_at(name, {"kind": "slack", **({"token": token} if token else {}), **more}, base_url)


def discord_account(
    name: str = "club", *, base_url: str | None = None, token: str = DISCORD_TOKEN, **more: str
) -> Account:
    """The same at Discord."""
    return account_at(name, {"kind": "discord", **({"token": token} if token else {}), **more}, base_url)


def teams_account(name: str = "office", *, base_url: str | None = None, **more: str) -> Account:
    """The same at Teams."""
    return account_at(name, {"kind": "teams", **more}, base_url)


class ChatCase(Case):
    """A provider of chats; who is refused for good is the room `unknown`."""

    #: Its rooms, with a number of three digits at the end of each.
    rooms: str
    unknown: tuple[str, str]
    _numbers = count()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.fake: ChatFake
        async with self.make() as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            mark, room = self.unknown
            self.fake.rooms[mark].add(room)
            yield

    def make(self) -> ChatFake:
        """The fake."""
        raise NotImplementedError

    def item(self, *, refused: bool = False) -> Chat:
        return chat_message(self.unknown[1] if refused else f"{self.rooms}{next(self._numbers) % 1000:03}")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]


class TelegramCase(ChatCase):
    """Telegram: no idempotency key, and a number that Telegram gives."""

    secrets = (TELEGRAM_TOKEN,)
    rooms, unknown = "987654", ("unknown", "404")

    def make(self) -> TelegramFake:
        return TelegramFake(token=TELEGRAM_TOKEN)

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Telegram:
        return Telegram(telegram_account(base_url=base_url or self.url), patience=patience, **more)

    def error(self) -> str:
        return '{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}'


class SlackCase(ChatCase):
    """Slack, by a bot: no idempotency key, and a time stamp that Slack gives."""

    secrets = (SLACK_TOKEN,)
    rooms, unknown = "C024BE", ("unknown", "C0UNKNOWN")

    def make(self) -> SlackFake:
        return SlackFake(token=SLACK_TOKEN)

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Slack:
        return Slack(slack_account(base_url=base_url or self.url), patience=patience, **more)

    def error(self) -> str:
        return '{"ok": false, "error": "channel_not_found"}'


class DiscordCase(ChatCase):
    """Discord, by a bot: a nonce for some minutes, and an id that Discord makes."""

    secrets = (DISCORD_TOKEN,)
    rooms, unknown = "381870553235193", ("unknown", "381870553235193404")

    def make(self) -> DiscordFake:
        return DiscordFake(token=DISCORD_TOKEN)

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Discord:
        return Discord(discord_account(base_url=base_url or self.url), patience=patience, **more)

    def error(self) -> str:
        return '{"message": "Unknown Channel", "code": 10003}'


class TeamsCase(ChatCase):
    """Teams, by the account's own workflow: any success is one, and the run's id stands in a header."""

    secrets = (TEAMS_SIGNATURE,)
    names_messages = False
    says_no_with_success = False
    unknown = ("deleted", "gone")

    def make(self) -> TeamsFake:
        return TeamsFake(signature=TEAMS_SIGNATURE)

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Teams:
        return Teams(teams_account(base_url=base_url or self.url, url=teams_url("own")), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Chat:
        return chat_message(teams_url("gone") if refused else "")

    def error(self) -> str:
        return '{"error": {"code": "WorkflowNotFound", "message": "gone"}}'


CHAT_CASES: Mapping[str, type[Case]] = {
    "telegram": TelegramCase,
    "slack": SlackCase,
    "discord": DiscordCase,
    "teams": TeamsCase,
}
