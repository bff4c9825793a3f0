"""Each test of the suite runs on every broker."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.contract.brokers.harness import Broker, BullBroker, NatsBroker, RabbitBroker

#: By the name of the fixture that gives its server.
_BROKERS: Mapping[str, Callable[[Any], Broker]] = {"rabbitmq": RabbitBroker, "nats": NatsBroker, "redis": BullBroker}


@pytest.fixture(autouse=True)
def nothing_unclosed() -> Iterator[None]:
    """A connection that was left open is told of in the test that left it, not wherever it happens to be collected."""
    gc.freeze()  # what is older need not be looked at
    yield
    gc.collect()


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
