"""What an example has to say in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What went in, what came out, and where Clarion's books and those of the other side differ."""

    put_in: str
    came_out: str
    #: How long it took from the first thing put in to the last that came out.
    took_s: float
    #: Everything that is not as it must be, in words; empty: both sides agree.
    differences: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.put_in} → {self.came_out}, {self.took_s:.1f} s: {'FAILED' if self.differences else 'ok'}"


def differing(expected: object, /, **counted: object) -> list[str]:
    """In words, each of *counted* that is not *expected*; underscores in their names are blanks."""
    return [
        f"{what.replace('_', ' ')}: {count}, and not {expected}" for what, count in counted.items() if count != expected
    ]
