"""BullMQ: a worker of its queues, and what adds jobs to them."""

from clarion.brokers.bullmq.sink import BullMQSink
from clarion.brokers.bullmq.source import BullMQSource

__all__ = ["BullMQSink", "BullMQSource"]
