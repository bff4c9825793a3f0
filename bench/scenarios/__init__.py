"""The lines of the table, in the order in which they are run."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios.backlog import Backlog
from bench.scenarios.big_trigger import BigTrigger
from bench.scenarios.feeds import Feeds
from bench.scenarios.hanging import Hanging
from bench.scenarios.idle import IdleLatency
from bench.scenarios.mails import Mails
from bench.scenarios.memory import Memory
from bench.scenarios.noop import Noop
from bench.scenarios.providers import ThroughFcm, ThroughTwilio
from bench.scenarios.sealing import Dkim, DkimEd25519, WebPushEncryption
from bench.scenarios.singles import SingleTriggers
from bench.scenarios.taking_in import FromBullMQ, FromNats, FromRabbitMQ
from bench.scenarios.tenants import Tenants
from bench.scenarios.timers import Timers
from bench.scenarios.urgent import UrgentBesideMany

SCENARIOS: tuple[Scenario, ...] = (
    Mails(),
    Noop(),
    Backlog(),
    IdleLatency(),
    SingleTriggers(),
    BigTrigger(),
    Tenants(),
    UrgentBesideMany(),
    Hanging(),
    FromBullMQ(),
    FromRabbitMQ(),
    FromNats(),
    ThroughTwilio(),
    ThroughFcm(),
    Dkim(),
    DkimEd25519(),
    WebPushEncryption(),
    Timers(),
    Feeds(),
    Memory(),
)
