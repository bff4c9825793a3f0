"""The mails of one call: which wait, which are on their way, and what became of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from clarion.channels.base import Email
from clarion.channels.email.letters import Letters
from clarion.channels.email.mime import Letter
from clarion.domain.address import domain_of
from clarion.domain.outcome import Outcome, Pushback, Retry


class Job(NamedTuple):
    """One letter and its place in the call."""

    place: int
    letter: Letter


class Work:
    """A list of mails that several connections take from. Letters are built when they are taken, not before."""

    def __init__(self, mails: Sequence[Email], letters: Letters) -> None:
        """*letters* makes the letter of a mail, for a server that does or does not take eight-bit octets."""
        self._mails = mails
        self._letters = letters
        self._compose = letters.compose
        self._waiting = deque(range(len(mails)))
        self._returned: list[Job] = []
        self._outcomes: list[Outcome | None] = [None] * len(mails)
        self._trouble: Outcome | None = None
        #: By domain, what those asked for that want to be left alone: nobody asks them again in this call.
        self._away: dict[str, Outcome] = {}

    def __bool__(self) -> bool:
        """Whether any mail waits to be taken."""
        return bool(self._waiting or self._returned)

    async def take(self, eight_bit: bool) -> Job | None:
        """The next mail, fit for a server that does or does not take *eight_bit* octets; None where none waits.

        What cannot be built is settled here and passed over; what is to be signed is signed.
        """
        if self._returned:
            job = self._returned.pop()
            if eight_bit or not job.letter.eight_bit:
                return job
            self._waiting.appendleft(job.place)
        while self._waiting:
            index = self._waiting.popleft()
            if self._away and (away := self._away.get(domain_of(self._mails[index].to))) is not None:
                self._outcomes[index] = away
                continue
            letter = self._compose(self._mails[index], eight_bit)
            if isinstance(letter, Letter):
                return Job(index, await self._letters.sealed(letter) if letter.keys else letter)
            self._outcomes[index] = letter
        return None

    def give_back(self, job: Job) -> None:
        """Nothing of *job* was accepted, through no fault of its own: it waits again, first in line."""
        self._returned.append(job)

    def settle(self, job: Job, outcome: Outcome) -> None:
        """That is what became of *job*."""
        self._outcomes[job.place] = outcome
        if isinstance(outcome, Retry) and outcome.pushback is Pushback.AWAY:
            reason = f"it was not asked, for another mail to its domain had this answer: {outcome.reason}"
            self._away[domain_of(self._mails[job.place].to)] = replace(outcome, reason=reason)

    def trouble(self, outcome: Outcome) -> None:
        """No connection can be had, for this reason; it will be the outcome of whatever is still waiting at the end."""
        self._trouble = outcome

    def outcomes(self) -> list[Outcome]:
        """One outcome per mail, in order."""
        rest = self._trouble or Retry("no connection was left to send it")
        return [outcome if outcome is not None else rest for outcome in self._outcomes]
