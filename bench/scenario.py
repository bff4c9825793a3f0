"""What a measurement is: sides that are run in turn, and goals that their figures are held against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.stage import Stage


class NotAvailable(Exception):
    """A side cannot be measured here and now; the reason is in the message and goes into the results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run of one side gave."""

    #: The figure that is compared, in the side's unit.
    value: float
    #: Further figures by name, e.g. ``rss_mb``.
    also: Mapping[str, float | str] = field(default_factory=dict)


class Side(ABC):
    """One of those who are compared."""

    name: str
    #: Of `Sample.value`, e.g. ``jobs/s``.
    unit: str

    async def prepare(self, stage: Stage) -> None:  # noqa: B027 - most have nothing to prepare
        """What comes once, before all runs, and is not measured. Raises `NotAvailable`."""

    @abstractmethod
    async def run(self, stage: Stage) -> Sample:
        """One run. Raises `NotAvailable` where it cannot be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One goal, and whether it was reached."""

    goal: str
    value: float
    unit: str
    reached: bool


#: The samples of each side by its name, in the order of the rounds.
Samples = Mapping[str, Sequence[Sample]]


class Scenario(ABC):
    """One line of the table."""

    #: For ``--only``.
    name: str
    title: str

    @abstractmethod
    def sides(self, stage: Stage) -> Sequence[Side]:
        """Who is run, in the order of a round."""

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        """The goals that can be judged by *samples*; a side that could not be run is not in it."""
        return ()

    def runs(self, stage: Stage, asked: int) -> int:
        """How many rounds, when *asked* is what the user wants of all scenarios; long ones take fewer."""
        return asked
