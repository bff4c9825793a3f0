"""What an API key may do: one word for each kind of action on each resource."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """One permission. Reading and writing are apart; neither implies the other."""

    ALL = "*"  #: everything, also what is added later
    TRIGGERS_WRITE = "triggers:write"  #: trigger workflows, cancel triggers
    TRIGGERS_READ = "triggers:read"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"  #: retry messages
    RECIPIENTS_READ = "recipients:read"
    RECIPIENTS_WRITE = "recipients:write"
    SUPPRESSIONS_READ = "suppressions:read"
    SUPPRESSIONS_WRITE = "suppressions:write"  #: suppress addresses, and lift that again
    TOPICS_READ = "topics:read"
    TOPICS_WRITE = "topics:write"  #: topics and who belongs to them
    FEED_READ = "feed:read"
    FEED_WRITE = "feed:write"  #: mark feed items, read or archived for example
    FEED_TOKENS = "feed:tokens"  #: let recipients read and mark their own feeds
    TIMERS_READ = "timers:read"
    TIMERS_WRITE = "timers:write"  #: set and cancel timers; what they do may trigger and publish
    QUEUES_READ = "queues:read"  #: queues and their jobs
    QUEUES_WRITE = "queues:write"  #: redrive and clean one's own jobs
    SOURCES_READ = "sources:read"  #: bindings, sources, what comes in by them, and quarantine
    SOURCES_WRITE = "sources:write"  #: redrive what lies in quarantine
    SCHEDULES_READ = "schedules:read"
    SCHEDULES_WRITE = "schedules:write"  #: put, pause, resume, run and forget schedules
    METRICS_READ = "metrics:read"
    SYSTEM_WRITE = "system:write"  #: what reaches over all tenants: pauses, limits, retention, the system's schedules


#: All but what reaches over all tenants: what a tenant among others may do with what is its own.
OWN: Final[tuple[Scope, ...]] = tuple(sorted(set(Scope) - {Scope.ALL, Scope.SYSTEM_WRITE}))


def allows(granted: Collection[str], needed: Scope) -> bool:
    """Whether a key with the scopes *granted* may do what asks for *needed*."""
    return needed in granted or Scope.ALL in granted
