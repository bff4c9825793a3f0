"""Sinks by kind and name, each made when first asked for: an adapter that nobody uses is never loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from clarion.brokers.base import Sink
from clarion.brokers.endpoint import Endpoint
from clarion.brokers.sandbox import Sandboxed
from clarion.domain.suggest import did_you_mean
from clarion.errors import ConfigError
from clarion.http.url_guard import Network, UrlGuard

#: By kind: the adapter, which takes the broker's address.
_ADAPTERS = {
    "rabbitmq": ("clarion.brokers.rabbitmq", "RabbitMQSink"),
    "nats": ("clarion.brokers.nats", "NatsSink"),
    "bullmq": ("clarion.brokers.bullmq", "BullMQSink"),
}
_KINDS = (*_ADAPTERS, "webhook")


class Sinks:
    """The sinks of one process."""

    def __init__(
        self,
        url_of: Callable[[str, str | None], str],
        *,
        endpoints: Sequence[Endpoint] = (),
        allowed: Sequence[Network] = (),
    ) -> None:
        """*url_of* gives the address of the broker of a kind and a name, or raises `ConfigError`."""
        self._url_of = url_of
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self._guard = UrlGuard(allowed)
        self._made: dict[tuple[str, str | None], Sink] = {}

    def get(self, kind: str, name: str | None) -> Sink:
        """The one sink for this kind and name. Raises `ConfigError` that says what is not configured."""
        sink = self._made.get((kind, name))
        if sink is None:
            sink = self._made[kind, name] = Sandboxed(self._make(kind, name))
        return sink

    async def close(self) -> None:
        """Close all that were made."""
        while self._made:
            _, sink = self._made.popitem()
            await sink.close()

    def _make(self, kind: str, name: str | None) -> Sink:
        if kind == "webhook":
            from clarion.brokers.webhook import WebhookSink

            return WebhookSink(self._endpoint(name), self._guard)
        if kind not in _ADAPTERS:
            raise ConfigError(f"There is no kind of broker {kind!r}: there are {', '.join(_KINDS)}.")
        url = self._url_of(kind, name)
        module, adapter = _ADAPTERS[kind]
        try:
            sink: Sink = getattr(import_module(module), adapter)(url)
        except ImportError as error:
            raise ConfigError(f"{kind} needs a package that is not installed: pip install 'clarion[{kind}]'") from error
        return sink

    def _endpoint(self, name: str | None) -> Endpoint:
        if name is None and len(self._endpoints) == 1:
            return next(iter(self._endpoints.values()))
        if name is not None and name in self._endpoints:
            return self._endpoints[name]
        if not self._endpoints:
            raise ConfigError("There are no endpoints of webhooks: add a table [webhooks.NAME] to clarion.toml.")
        if name is None:
            raise ConfigError(f"Say which endpoint: there are {', '.join(sorted(self._endpoints))}.")
        raise ConfigError(f"There is no endpoint of webhooks {name!r}: {did_you_mean(name, self._endpoints)}.")
