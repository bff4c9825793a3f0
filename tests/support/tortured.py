"""What a kind of adapter is to the torture of providers: its server, its recipients, and what the server has taken."""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House

#: Messages of each of the two workflows.
EACH = 60
#: One recipient in so many is refused for good by its server: whose number ends in 0.
ONE_IN = 10
#: By channel: each says whose it is.
WORDS: Mapping[str, Mapping[str, str]] = {
    "email": {"email.txt": "---\nsubject: Order of {{ recipient.name }}\n---\nIt is ready, {{ recipient.name }}."},
    "sms": {"sms.txt": "It is ready, {{ recipient.name }}."},
    "chat": {"chat.txt": "It is ready, {{ recipient.name }}."},
    "push": {"push.txt": "---\ntitle: Order\n---\nIt is ready, {{ recipient.name }}."},
    "webhook": {},
}


class Tortured(ABC):
    """One kind of adapter. A round has one of its own."""

    channel: str
    #: Whether its server's answers name what they take: each message under another name.
    names_messages: bool = True
    #: So many triggers of each workflow bring `EACH` messages.
    triggers: int = 1
    #: Messages that are intended together. Short: what is on its way when the worker dies stays unknown, and answers
    #: nothing.
    list_size: int = 4

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        self.monkeypatch = monkeypatch

    @abstractmethod
    def running(self, folder: Path) -> AbstractAsyncContextManager[None]:
        """The server is there while the block lasts; *folder* is for what it needs."""

    def away(self) -> AbstractAsyncContextManager[None]:
        """It refuses connections while the block lasts, where that can be had."""
        return nullcontext()

    @abstractmethod
    def spoil(self, chance: random.Random) -> int:
        """From now on it gives bad answers among good ones, all there are, in any order; how many bad ones."""

    @property
    @abstractmethod
    def left(self) -> int:
        """How many bad answers are still to come."""

    @property
    @abstractmethod
    def asked(self) -> int:
        """Requests for a message so far."""

    @abstractmethod
    async def people(self, house: House, workflow: str) -> list[Any]:
        """The recipients of a trigger of *workflow*, as the API takes them; they are called as `mark` has them."""

    @abstractmethod
    def taken(self) -> Iterable[str]:
        """Whose each message was that the server has taken, as `mark` has it."""

    def names(self) -> Collection[str] | None:
        """What the server has called those; None where that is not known."""
        return None

    def mark(self, row: Mapping[str, Any]) -> str:
        """By what the server's ledger knows a message."""
        return str(row["recipient_id"])

    def is_believed(self, row: Mapping[str, Any]) -> bool:
        """Whether a success is believed although nothing was taken: of one who is refused, where nothing is named."""
        return not self.names_messages and is_refused(row["recipient_id"])

    def env(self) -> dict[str, str]:
        """Settings of the worker."""
        return {"CLARION_PROVIDERS": json.dumps({"main": {"kind": self.kind}})}

    def services(self) -> dict[str, Any]:
        """What the API is given."""
        return {}

    def files(self) -> dict[str, str | bytes | None]:
        """The project."""
        files: dict[str, str | bytes | None] = {
            "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
            **dict.fromkeys(("workflows/hello.yaml", "templates/hello/email.html", "templates/hello/email.txt")),
            "templates/hello/in_app.txt": None,
        }
        for workflow, policy in (("again", "retry"), ("held", "hold")):
            files[f"workflows/{workflow}.yaml"] = (
                f"attempts: 30\nexpires_after: 30d\nbackoff: {{waits: [50ms]}}\non_uncertain: {policy}\n"
                f"steps: [{{channel: {self.channel}}}]\n"
            )
            for name, words in WORDS[self.channel].items():
                files[f"templates/{workflow}/{name}"] = words
        return files


def is_refused(recipient: str) -> bool:
    """Whether the server takes nothing for this recipient."""
    return recipient.endswith("0")
