"""Mail through an SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import clock
from clarion.channels.base import Email, Provider
from clarion.channels.email.conversation import Conversation
from clarion.channels.email.letters import Letters
from clarion.channels.email.opening import NotOpened, open_connection, tls_context
from clarion.channels.email.pool import Pool
from clarion.channels.email.settings import SmtpSettings
from clarion.channels.email.work import Work
from clarion.domain.outcome import Outcome, Retry
from clarion.turns import Turns

if TYPE_CHECKING:
    from clarion.channels.email.dkim import Signer

#: A call of at most so many mails is a short one: it goes before long ones, which give way after each mail.
_SHORT = 10
#: After so many mails a call lets others have the connection, if any wait for one.
_TURN = 25
#: New connections in a row that broke before they carried a mail, after which a call gives up on the server.
_BARREN_LIMIT = 2


class SmtpProvider(Provider[Email]):
    """One account on one SMTP server. `send` may run many times at once: all calls share the connections."""

    #: Of the server that `smtp_url` names.
    name = "smtp"

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        name: str = "smtp",
        turns: Turns | None = None,
        signer: Signer | None = None,
        return_path: Callable[[UUID], str] | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """*name* is the label of the account; *turns* are what long calls share with other long work of the process;
        *signer* signs mails of domains that it has keys of; *return_path* as `Letters` takes it.

        Raises `ConfigError` where the file of authorities cannot be used. Connects to nothing yet.
        """
        self.name = name
        self._settings = settings
        self._turns = turns or Turns()
        self._letters = Letters(
            from_domains=settings.from_domains,
            max_size=settings.max_size,
            message_id_domain=settings.message_id_domain,
            signer=signer,
            return_path=return_path,
            now=now,
        )
        context = tls_context(settings)
        self._pool = Pool(settings, lambda: open_connection(settings, context))

    async def send(self, mails: Sequence[Email]) -> list[Outcome]:
        work = Work(mails, self._letters)
        runners = min(len(mails), self._settings.connections)
        short = len(mails) <= _SHORT
        if runners == 1:
            await self._run(work, short=short)
        elif runners:
            async with asyncio.TaskGroup() as group:
                for _ in range(runners):
                    group.create_task(self._run(work, short=short))
        return work.outcomes()

    async def close(self) -> None:
        await self._pool.close()

    async def _run(self, work: Work, *, short: bool) -> None:
        """Hand over mails of *work*, one connection after the other, until none waits or none can be opened."""
        barren = 0
        while work and barren < _BARREN_LIMIT:
            async with self._pool.permits.hold(short=short):
                if not work:
                    return
                if self._pool.closed:
                    work.trouble(Retry("the provider is closed"))
                    return
                try:
                    async with self._pool.lend() as connection:
                        fresh = connection.used == 0
                        turns = None if short else self._turns
                        await Conversation(connection, work, self._settings, self._enough, turns=turns).run()
                except NotOpened as error:
                    work.trouble(error.outcome)
                    return
                if fresh and connection.used == 0 and connection.broken is not None:
                    barren += 1
                    work.trouble(Retry(f"new connections break before they carry a mail: {connection.broken}"))
                else:
                    barren = 0

    def _enough(self, taken: int) -> bool:
        permits = self._pool.permits
        return (taken > 0 and permits.wanted_shortly) or (taken >= _TURN and permits.wanted)
