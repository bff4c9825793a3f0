"""RabbitMQ: its queues as sources, its exchanges as a sink."""

from clarion.brokers.rabbitmq.sink import RabbitMQSink
from clarion.brokers.rabbitmq.source import RabbitMQSource

__all__ = ["RabbitMQSink", "RabbitMQSource"]
