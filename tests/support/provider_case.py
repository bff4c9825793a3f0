"""What a kind of provider is to the contract suite: it, its fake, and a message for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from clarion.channels.base import Provider
from clarion.dev.fakes.faults import Faults
from clarion.http.client import Patience

PROMPT = Patience(connect=timedelta(seconds=2), total=timedelta(seconds=5))
#: For answers that never come.
SHORT = Patience(connect=timedelta(seconds=0.3), total=timedelta(seconds=0.3))


class Case(ABC):
    """One kind of provider and its fake, which is there as long as `running` lasts."""

    #: What nobody may see.
    secrets: Sequence[str]
    #: Whether users name the server, so that no answer of it may hold up others or say anything of the account.
    is_theirs: bool = False
    #: Whether a success without the message's id is none.
    names_messages: bool = True
    #: The code of a recipient who is refused for good.
    refused_as: str = "invalid_recipient"
    #: Whether its server speaks first, so that nothing is sent to one that says something else.
    greets: bool = False
    #: How many messages go in one request.
    together: int = 1
    #: Whether its server says what is wrong with a message with HTTP 200 as well.
    says_no_with_success: bool = True
    #: A `clarion.dev.fakes.serving.Fake`, each of its own kind.
    fake: Any
    faults: Faults
    url: str
    #: Whether it is taken once however often it is sent, and a 5xx is therefore simply tried again.
    idempotent = False

    @asynccontextmanager
    @abstractmethod
    def running(self) -> AsyncIterator[None]:
        """Start and stop the fake."""

    @abstractmethod
    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Provider[Any]:
        """A provider of this kind, on the fake or on whatever listens at *base_url*."""

    @abstractmethod
    def item(self, *, refused: bool = False) -> Any:
        """A message; *refused*: to somebody whom the provider refuses for good."""

    @abstractmethod
    def taken(self) -> list[str]:
        """The ids of what the fake took, first to last."""

    @abstractmethod
    def error(self) -> str:
        """The body of its answer to a message for a number that is none."""
