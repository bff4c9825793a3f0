"""The lines of the table, in the order in which they are run."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios.mails import Mails
from bench.scenarios.noop import Noop

SCENARIOS: tuple[Scenario, ...] = (Mails(), Noop())
