"""The adapter for a source that a binding names: loaded when one is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from clarion.brokers.base import Source
from clarion.domain import source as domain
from clarion.errors import ConfigError

#: By what the binding names: the kind of broker, which is the name of the extra too, and the adapter.
_ADAPTERS: dict[type, tuple[str, str, str]] = {
    domain.RabbitSource: ("rabbitmq", "clarion.brokers.rabbitmq", "RabbitMQSource"),
    domain.NatsSource: ("nats", "clarion.brokers.nats", "JetStreamSource"),
    domain.BullSource: ("bullmq", "clarion.brokers.bullmq", "BullMQSource"),
}


def new_source(spec: domain.Source, url_of: Callable[[str, str | None], str], *, worker: str) -> Source:
    """A source that is not opened yet. *url_of* gives the address of the broker of a kind and a name.

    Raises `ConfigError` when there is no such address, or the adapter needs a package that is not installed.
    """
    kind, module, adapter = _ADAPTERS[type(spec)]
    url = url_of(kind, spec.broker)
    more: dict[str, Any] = {"worker": worker} if kind == "bullmq" else {}
    try:
        source: Source = getattr(import_module(module), adapter)(spec, url, **more)
    except ImportError as error:
        raise ConfigError(f"{kind} needs a package that is not installed: pip install 'clarion[{kind}]'") from error
    return source
