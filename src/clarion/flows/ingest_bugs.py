"""Bugs of our own that show while a message is taken in, told apart from what messages are to blame for.

What our code raises unexpectedly may be over with the next version, or with the next try; so the message is given back
a few times before it is put aside, and then its reason says whose fault it was and where the traceback is.
"""

from __future__ import annotations

import hashlib
import traceback
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import orjson
import structlog

from clarion import clock
from clarion.errors import Invalid, Unavailable
from clarion.store.database import is_away

log = structlog.get_logger()

#: How long a message is given back for after each try that met a bug; the try after the last wait is the last one.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 60))
#: The same bug shows its traceback no more often than this: it may meet every message that comes.
_TRACEBACK_EVERY_S = 600.0
#: Of how many messages it is remembered how often they were tried.
_KEPT = 10_000
_TEXT = 200


def is_of_data(error: Exception) -> bool:
    """Whether *error* is about what was to be written: the message's fault."""
    if isinstance(error, asyncpg.PostgresError):
        return isinstance(
            error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError | asyncpg.ProgramLimitExceededError
        )
    # The driver's word for a value that it cannot send; and what no column can hold.
    cannot_be_sent = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return cannot_be_sent or isinstance(error, Invalid | UnicodeError | OverflowError | orjson.JSONEncodeError)


def is_bug(error: Exception) -> bool:
    """Whether *error* says nothing of the message nor of the database: it is our code that is wrong."""
    passing = isinstance(error, asyncpg.PostgresError | Unavailable) or is_away(error)
    return not passing and not is_of_data(error)


@dataclass(frozen=True, slots=True)
class Bug:
    """What our code raised, and where."""

    error: Exception

    @property
    def where(self) -> str:
        """Module and line of the innermost of our functions on the way."""
        frames = [
            (frame.f_globals.get("__name__", ""), line) for frame, line in traceback.walk_tb(self.error.__traceback__)
        ]
        ours = [place for place in frames if place[0].partition(".")[0] == "clarion"]
        return ":".join(map(str, (ours or frames or [("?", 0)])[-1]))

    @property
    def name(self) -> str:
        """The same for the same bug: what to look for in the log."""
        return hashlib.sha256(f"{type(self.error).__qualname__} {self.where}".encode()).hexdigest()[:8]

    def reason(self, tries: int, who: str) -> str:
        """Why a message lies in quarantine that met it so often; *who* has the traceback in its log."""
        said = repr(self.error)[:_TEXT]
        return (
            f"bug: Clarion itself is wrong at {self.where}, and not this message ({tries} tries): {said}. "
            f"The traceback is in the log of {who}: source.bug with bug={self.name}"
        )


class Bugs:
    """The bugs that one process met, and how often each message met one."""

    def __init__(self, who: str) -> None:
        """*who*: the process, as the logs know it."""
        self._who = who
        self._tries: OrderedDict[UUID, int] = OrderedDict()
        self._shown: dict[str, float] = {}

    def met(self, source: str, id: UUID, error: Exception) -> timedelta | str:
        """The message *id* of *source* met a bug: how long to give it back for, or why it is put aside."""
        tries = self._tries.pop(id, 0) + 1
        wait = WAITS[tries - 1] if tries <= len(WAITS) else None
        bug = self.tell(source, error, tries=tries, again_in_s=None if wait is None else wait.total_seconds())
        if wait is None:
            return bug.reason(tries, self._who)
        self._tries[id] = tries
        if len(self._tries) > _KEPT:
            self._tries.popitem(last=False)
        return wait

    def over(self, ids: Iterable[UUID]) -> None:
        """These were taken in, or put aside."""
        if self._tries:
            for id in ids:
                self._tries.pop(id, None)

    def tell(self, source: str, error: Exception, **fields: object) -> Bug:
        """Log *error*, which a message of *source* met: with its traceback, unless that was shown just now."""
        bug, now = Bug(error), clock.monotonic()
        shown = now - self._shown.get(bug.name, float("-inf")) < _TRACEBACK_EVERY_S
        if not shown:
            self._shown[bug.name] = now
        traceback_of = {} if shown else {"exc_info": error}
        log.error("source.bug", source=source, bug=bug.name, where=bug.where, **fields, **traceback_of)
        return bug
