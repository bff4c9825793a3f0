"""NATS JetStream: consumers of its streams as sources, its subjects as a sink."""

from clarion.brokers.nats.sink import NatsSink
from clarion.brokers.nats.source import JetStreamSource

__all__ = ["JetStreamSource", "NatsSink"]
