"""The servers that broker tests use: killed, frozen and started again, they are where they were."""

from __future__ import annotations

import psutil
from tests.support.nats import Nats
from tests.support.rabbitmq import RabbitMQ
from tests.support.server import can_connect


async def test_rabbitmq_restarts_on_its_port(rabbitmq: RabbitMQ) -> None:
    before = (rabbitmq.url, rabbitmq.pid)
    await rabbitmq.kill()
    assert not can_connect(rabbitmq.port)
    await rabbitmq.start()
    assert (rabbitmq.url, rabbitmq.pid) != before
    assert rabbitmq.url == before[0]
    assert can_connect(rabbitmq.port)


async def test_rabbitmq_listens_on_this_machine_alone(rabbitmq: RabbitMQ) -> None:
    heard = {one.laddr.ip for one in psutil.Process(rabbitmq.pid).net_connections("tcp") if one.status == "LISTEN"}
    assert heard == {"127.0.0.1"}


async def test_nats_restarts_on_its_port(nats: Nats) -> None:
    before = (nats.url, nats.pid)
    await nats.restart()
    assert nats.url == before[0]
    assert nats.pid != before[1]
    assert can_connect(nats.port)
