"""How much an API process lets each do, as the settings say it."""

from __future__ import annotations

from typing import Any

from clarion.api.gate import Gate, Quota, Strangers
from clarion.api.services import FeedLimits
from clarion.project.setting_channels import Feed
from clarion.project.setting_groups import Api


def bounds_of(api: Api, feed: Feed) -> dict[str, Any]:
    """The bounds, by the names that `Services` has for them."""
    return {
        "gate": Gate(Quota(rate=api.rate, burst=api.burst, concurrency=api.concurrency, followers=api.followers)),
        "strangers": Strangers(api.failed_keys),
        "feeds": FeedLimits(**feed.model_dump()),
    }
