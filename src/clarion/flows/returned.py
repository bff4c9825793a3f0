"""Mails that came back: what they say of the messages that they are about is done as what providers tell is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import structlog

from clarion import ids
from clarion.channels.base import Report
from clarion.flows.callback import Told
from clarion.flows.reception import Reception

log = structlog.get_logger()

#: Only mail that goes to SMTP servers comes back to an address of ours: attempts of this kind of provider are meant.
INTEGRATION = "smtp"


class Read(Protocol):
    """A mail that came to the bounce address, as it was understood."""

    @property
    def report(self) -> Report | None:
        """What it reports; None when there is nothing to do."""
        ...

    @property
    def message_id(self) -> UUID | None:
        """The message that it is about; None when it names none of ours."""
        ...

    @property
    def said(self) -> str:
        """What it says, in a word."""
        ...


class TakeReturned:
    """Does what mails say that came back."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def __call__(self, read: Sequence[Read]) -> None:
        """It is committed when this returns. Raises what the database raises; then nothing was done."""
        told = [Told(integration=INTEGRATION, report=one.report) for one in read if one.report is not None]
        if told:
            await self._reception.take(told)
        for one in read:
            if one.report is None:
                message = None if one.message_id is None else ids.show(ids.Prefix.MESSAGE, one.message_id)
                log.info("bounces.nothing_to_do", said=str(one.said), message=message)
