"""What a worker counts of itself for Prometheus: once a list, never once a message. Off unless a port is set.

It stands around what it counts, so a worker without it pays nothing. How many jobs were done, whoever did them, is in
the API's own metrics: the transactions that settle them count these.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import prometheus_client as prometheus
import structlog

from clarion import __version__, clock
from clarion.channels.base import Asked, Heard, Provider
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.workflow import Channel
from clarion.errors import ConfigError
from clarion.queue.job import Job
from clarion.queue.late import Handler, Late
from clarion.queue.limits import Refused, Reserved

log = structlog.get_logger()

#: Worker processes of one machine take ports one after the other, as many as there may be.
_PORTS: Final = 64
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WAITS: Final = (*_BUCKETS, 300.0, 1_800.0, 7_200.0)
#: What an outcome is called.
OUTCOMES: Final = {Sent: "sent", Retry: "retry", Reject: "rejected", Uncertain: "uncertain"}


class Meter:
    """Counts what one worker process does. No labels of tenants or recipients: they would be without end."""

    def __init__(self) -> None:
        own = self.registry = prometheus.CollectorRegistry()
        prometheus.Info("clarion_build", "The version that runs.", registry=own).info({"version": __version__})
        self._waits = prometheus.Histogram(
            "clarion_job_wait_seconds",
            "Of each list of jobs that is begun: how long the one that waited longest has been due.",
            ("queue",),
            buckets=_WAITS,
            registry=own,
        )
        self._runs = prometheus.Histogram(
            "clarion_job_run_seconds", "How long a list of jobs took.", ("queue",), buckets=_BUCKETS, registry=own
        )
        self._deliveries = prometheus.Counter(
            "clarion_deliveries",
            "Messages handed over, by what came of it.",
            ("channel", "provider", "outcome"),
            registry=own,
        )
        self._requests = prometheus.Histogram(
            "clarion_provider_request_seconds",
            "How long a provider took for a list of messages.",
            ("channel", "provider"),
            buckets=_BUCKETS,
            registry=own,
        )
        self._limits = prometheus.Histogram(
            "clarion_rate_limit_wait_seconds",
            "How long whoever asked a limit for times must wait for the last that was given, or to ask again.",
            ("kind",),
            buckets=_WAITS,
            registry=own,
        )

    def timed(self, queue: str, handler: Handler) -> Handler:
        """*handler* of jobs of *queue*, with its lists counted."""
        waits, runs = self._waits.labels(queue), self._runs.labels(queue)

        async def handle(jobs: Sequence[Job]) -> Late | None:
            waited = clock.now() - min(job.run_at for job in jobs)
            waits.observe(max(waited, timedelta(0)).total_seconds())
            began = clock.monotonic()
            try:
                return await handler(jobs)
            finally:
                runs.observe(clock.monotonic() - began)

        return handle

    def around(self, channel: Channel, provider: Provider[Any]) -> Provider[Any]:
        """*provider* of *channel*, with what it is handed counted."""
        return _Metered(self, channel.value, provider)

    def handed(self, channel: str, provider: str, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Count a list that *provider* took *seconds* for."""
        self._requests.labels(channel, provider).observe(seconds)
        for kind, number in Counter(map(type, outcomes)).items():
            self._deliveries.labels(channel, provider, OUTCOMES[kind]).inc(number)

    def asked(self, limit: str, answer: Reserved | Refused) -> None:
        """Count what the *limit* of this name answered. Of its name only the kind is told: others are tenants'."""
        wait = answer.wait if isinstance(answer, Refused) else answer.delays[-1]
        self._limits.labels(limit.partition(":")[0]).observe(max(wait, timedelta(0)).total_seconds())


class _Metered(Provider[Any]):
    """Stands before a provider."""

    def __init__(self, meter: Meter, channel: str, provider: Provider[Any]) -> None:
        self._meter = meter
        self._channel = channel
        self._provider = provider
        self.name = provider.name
        self.asks_after = provider.asks_after

    async def send(self, items: Sequence[Any]) -> list[Outcome]:
        began = clock.monotonic()
        outcomes = await self._provider.send(items)
        self._meter.handed(self._channel, self.name, outcomes, clock.monotonic() - began)
        return outcomes

    async def ask(self, asked: Sequence[Asked]) -> Heard | Retry:
        return await self._provider.ask(asked)

    async def close(self) -> None:
        await self._provider.close()


class Exposed:
    """What *meter* counts, at ``/metrics`` of a port of its own, in threads of their own."""

    def __init__(self, meter: Meter, host: str, port: int) -> None:
        """Listen on the first free port from *port* on, which `port` is then. Raises `ConfigError`."""
        for self.port in range(port, min(port + _PORTS, 65_536)):
            try:
                self._server, self._thread = prometheus.start_http_server(self.port, host, meter.registry)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise ConfigError(f"worker.metrics_host: nothing can listen on {host}: {error}") from None
            else:
                log.info("metrics.open", host=host, port=self.port)
                return
        raise ConfigError(f"worker.metrics_port: {port} and all ports behind it are taken: name another")

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
