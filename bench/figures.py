"""Arithmetic on samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from bench.scenario import Sample


def middle(samples: Sequence[Sample]) -> float:
    """The median of the compared figure."""
    return median(sample.value for sample in samples)


def ratio(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    """The median of the ratios of each round: what slows a round down slows both of its sides."""
    return median(our.value / their.value for our, their in zip(ours, theirs, strict=False))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that *percent* % of *values* do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
