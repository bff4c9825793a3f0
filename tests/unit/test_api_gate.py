"""The gate: its defaults, whose an address is, and what is kept of addresses."""

from __future__ import annotations

import math

import pytest

from clarion.api.gate import FAILED_KEYS, Quota, Strangers
from clarion.api.problem import Refusal
from clarion.project.settings import Settings


def test_the_settings_have_its_defaults() -> None:
    api, quota = Settings().api, Quota()
    assert (api.rate, api.burst) == (quota.rate, quota.burst)
    assert (api.concurrency, api.followers) == (quota.concurrency, quota.followers)
    assert api.failed_keys == FAILED_KEYS


def test_addresses_of_one_network_are_one() -> None:
    strangers = Strangers(1)
    strangers.failed("2001:db8:1:2::1")
    with pytest.raises(Refusal, match="no valid API key"):
        strangers.check("2001:db8:1:2:ffff::9", "id")
    strangers.check("2001:db8:1:3::1", "id")
    strangers.failed("192.0.2.1")
    with pytest.raises(Refusal, match="no valid API key"):
        strangers.check("::ffff:192.0.2.1", "id")
    strangers.check("192.0.2.2", "id")
    strangers.check("", "id")


def test_what_is_kept_of_addresses_is_bounded() -> None:
    strangers = Strangers(1)
    for number in range(30_000):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        strangers.failed(address)
        strangers.opened(address, "id")
    assert strangers._failures is not None
    assert math.isclose(len(strangers._failures), 10_000, abs_tol=1)
    assert len(strangers._known) == 10_000
