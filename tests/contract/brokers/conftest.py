"""Each test of the suite runs on every broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.contract.brokers.harness import Broker, BullBroker, NatsBroker, RabbitBroker

#: By the name of the fixture that gives its server.
_BROKERS: Mapping[str, Callable[[Any], Broker]] = {"rabbitmq": RabbitBroker, "nats": NatsBroker, "redis": BullBroker}


@pytest.fixture(params=list(_BROKERS))
def broker(request: pytest.FixtureRequest) -> Broker:
    """A queue of this test alone, on a server that runs."""
    return _BROKERS[request.param](request.getfixturevalue(request.param))


@pytest.fixture
def rabbit(request: pytest.FixtureRequest) -> RabbitBroker:
    return RabbitBroker(request.getfixturevalue("rabbitmq"))


@pytest.fixture
def jetstream(request: pytest.FixtureRequest) -> NatsBroker:
    return NatsBroker(request.getfixturevalue("nats"))
