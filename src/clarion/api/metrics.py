"""Metrics in Prometheus' text format: of this process' requests; of all that the database knows of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from clarion import __version__
from clarion.flows.providers import Condition, Standing
from clarion.queue.counts import QueueCounts

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What one API process counts. No labels of tenants or recipients: they would be without end."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        Info("clarion_build", "The version that runs.", registry=self._registry).info({"version": __version__})
        self._requests = Counter(
            "clarion_http_requests", "Requests answered.", ("operation", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "clarion_http_request_seconds",
            "Time from the headers of a request to the beginning of its answer.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self._registry,
        )

        self._callbacks = Counter(
            "clarion_callbacks",
            "What providers told of messages, and what became of it.",
            ("integration", "outcome"),
            registry=self._registry,
        )

        self._engaged = Counter(
            "clarion_engagement",
            "Pictures of mails that were asked for, and links that were followed, by people and by machines.",
            ("kind", "by"),
            registry=self._registry,
        )

        self._feeds = Gauge("clarion_inbox_connections", "Feeds that are followed live.", registry=self._registry)

    def feeds(self, more: int) -> None:
        """Count *more* feeds that are followed."""
        self._feeds.inc(more)

    def told(self, integration: str, outcome: str) -> None:
        """Count one report of a configured integration, or one request that was none of its own."""
        self._callbacks.labels(integration, outcome).inc()

    def engaged(self, kind: str, *, machine: bool) -> None:
        """Count one open or click."""
        self._engaged.labels(kind, "machine" if machine else "person").inc()

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def response(
        self,
        queues: Sequence[QueueCounts],
        ended: Sequence[Mapping[str, Any]],
        sources: Sequence[Mapping[str, Any]],
        accounts: Sequence[Standing] = (),
        destinations: Mapping[tuple[str, bool], int] | None = None,
    ) -> Response:
        """All of it, with how *queues*, *sources* (rows of `clarion.store.sources.list_`) and *accounts* stand now, how
        many jobs have *ended* (rows of `clarion.queue.counts.totals`), and how many *destinations* asked for patience:
        by account, and by whether they are left alone.
        """
        now = CollectorRegistry()
        now.register(_Queues(queues))
        now.register(_Ended(ended))
        now.register(_Sources(sources))
        now.register(_Providers(accounts))
        now.register(_Destinations(destinations or {}))
        return Response(generate_latest(self._registry) + generate_latest(now), media_type=CONTENT_TYPE_LATEST)


class _Queues:
    """Gauges of the queues, as of one look."""

    def __init__(self, queues: Sequence[QueueCounts]) -> None:
        self._queues = queues

    def collect(self) -> Iterable[Metric]:
        depth = GaugeMetricFamily("clarion_queue_depth", "Jobs by state.", labels=("queue", "state"))
        oldest = GaugeMetricFamily(
            "clarion_queue_oldest_waiting_seconds", "How long the oldest ready job has been due.", labels=("queue",)
        )
        paused = GaugeMetricFamily("clarion_queue_paused", "1 while the queue is paused.", labels=("queue",))
        for queue in self._queues:
            for state in ("ready", "scheduled", "running", "buried"):
                depth.add_metric((queue.queue, state), getattr(queue, state).value)
            oldest.add_metric((queue.queue,), queue.oldest.total_seconds() if queue.oldest else 0.0)
            paused.add_metric((queue.queue,), float(queue.paused))
        return (depth, oldest, paused)


class _Ended:
    """What became of jobs since the beginning, whoever worked on them: transactions that settle them count."""

    def __init__(self, queues: Sequence[Mapping[str, Any]]) -> None:
        self._queues = queues

    def collect(self) -> Iterable[Metric]:
        jobs = CounterMetricFamily("clarion_jobs", "Jobs, by what became of a try.", labels=("queue", "outcome"))
        for row in self._queues:
            for outcome in ("done", "retried", "buried"):
                jobs.add_metric((row["queue"], outcome), row[outcome])
        return (jobs,)


class _Providers:
    """How accounts at providers stand, as of one look."""

    def __init__(self, accounts: Sequence[Standing]) -> None:
        self._accounts = accounts

    def collect(self) -> Iterable[Metric]:
        states = GaugeMetricFamily(
            "clarion_provider_state", "1 for the state that the account is in.", labels=("provider", "state")
        )
        breakers = GaugeMetricFamily(
            "clarion_provider_breaker_open",
            "1 while nothing but a probe goes through it.",
            labels=("provider",),
        )
        for one in self._accounts:
            for condition in Condition:
                states.add_metric((one.account.name, condition.value), float(one.condition is condition))
            is_open = one.condition in (Condition.OPEN, Condition.HALF_OPEN)
            breakers.add_metric((one.account.name,), float(is_open))
        return (states, breakers)


class _Destinations:
    """Domains that asked for patience, as of one look. Without their names: these would be without end."""

    def __init__(self, found: Mapping[tuple[str, bool], int]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        domains = GaugeMetricFamily(
            "clarion_destinations",
            "Domains that get no mail for now (parked), or little (slowed), because they asked for it.",
            labels=("provider", "state"),
        )
        for (provider, parked), count in sorted(self._found.items()):
            domains.add_metric((provider, "parked" if parked else "slowed"), count)
        return (domains,)


class _Sources:
    """What sources brought and how they look, as of one look."""

    def __init__(self, sources: Sequence[Mapping[str, Any]]) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        messages = CounterMetricFamily(
            "clarion_source_messages", "Messages of brokers, by what became of them.", labels=("source", "outcome")
        )
        in_hand = GaugeMetricFamily(
            "clarion_source_in_hand", "Messages handed over by the broker and not settled yet.", labels=("source",)
        )
        workers = GaugeMetricFamily(
            "clarion_source_workers", "Workers that run the source, by how it looks there.", labels=("source", "state")
        )
        last = GaugeMetricFamily(
            "clarion_source_last_message_timestamp_seconds", "When a message came last.", labels=("source",)
        )
        for source in self._sources:
            name = source["name"]
            for outcome in ("accepted", "repeated", "quarantined"):
                messages.add_metric((name, outcome), source[outcome])
            in_hand.add_metric((name,), sum(worker["in_hand"] for worker in source["workers"]))
            for state in ("connected", "connecting", "away", "stopped"):
                workers.add_metric((name, state), sum(worker["state"] == state for worker in source["workers"]))
            if source["last_message_at"] is not None:
                last.add_metric((name,), source["last_message_at"].timestamp())
        return (messages, in_hand, workers, last)
