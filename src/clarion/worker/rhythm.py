"""How often a source is looked after, and how patient one is with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The times of a source's runner; tests shorten them."""

    #: How long the broker may take to open a consumer, and to answer anything else.
    open_within: timedelta = timedelta(seconds=30)
    answer_within: timedelta = timedelta(seconds=15)
    #: How often the broker is asked whether the consumer is still there.
    check_every: timedelta = timedelta(seconds=5)
    #: A consumer that got nothing for so long is replaced, whatever the broker says of it.
    quiet_for: timedelta = timedelta(minutes=5)
    #: How often the broker is told that work goes on.
    keep_every: timedelta = timedelta(seconds=5)
    #: The first pause before another try, and the longest; each is twice the one before it, give or take.
    first_pause: timedelta = timedelta(seconds=0.2)
    longest_pause: timedelta = timedelta(seconds=15)
    #: A consumer that lived so long was well: the next pause is the first again.
    well_after: timedelta = timedelta(seconds=30)
    #: How often it is looked how what is followed goes on.
    follow_every: timedelta = timedelta(seconds=0.1)
    #: How long a stopping runner waits for what is followed; the rest is given back.
    follow_to_the_end: timedelta = timedelta(seconds=2)
