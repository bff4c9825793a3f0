"""How many messages one recipient may get in a while, as people write it: ``3 in 1d``, ``1 in 1h on sms``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from clarion.domain.duration import parse_duration, show_duration
from clarion.domain.step import Channel
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid

MOST_MESSAGES = 1_000
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=366)
#: So many caps one workflow, or one category, may have.
MOST_CAPS = 5

_TEXT = re.compile(r"([0-9]{1,9}) in (\S{1,32})(?: on (\S{1,32}))?")
_HOW = "write for example 3 in 1d, or 1 in 1h on sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many messages for one recipient in any time of this length. What was not sent in the end, for whatever
    reason, does not count."""

    messages: int
    per: timedelta
    #: Only those on this channel; None counts all channels together.
    channel: Channel | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.messages <= MOST_MESSAGES:
            raise Invalid(f"a cap is from 1 to {MOST_MESSAGES} messages, not {self.messages}", code="invalid_cap")
        if not SHORTEST <= self.per <= LONGEST:
            raise Invalid(
                f"a cap is for {show_duration(SHORTEST)} to {show_duration(LONGEST)}, not {show_duration(self.per)}",
                code="invalid_cap",
            )

    def __str__(self) -> str:
        return f"{self.messages} in {self.window}"

    @property
    def window(self) -> str:
        """What it counts, without how many: caps of one workflow differ in this."""
        return show_duration(self.per) + (f" on {self.channel.value}" if self.channel else "")

    @property
    def reason(self) -> str:
        """Why a message that is one too many is not sent."""
        return f"frequency cap: {self}"


def parse_caps(text: str) -> tuple[Cap, ...]:
    """The caps that *text* names: ``3 in 1d``, ``1 in 1h on sms``, or several with ``and`` between them.

    Raises `Invalid` (code ``invalid_cap``) that says what is wrong and how to write it.
    """
    return checked([_parse(one) for one in text[:500].split(" and ")])


def checked(caps: list[Cap]) -> tuple[Cap, ...]:
    """*caps*, if they may stand together. Raises `Invalid`."""
    if len(caps) > MOST_CAPS:
        raise Invalid(f"there are {len(caps)} caps; at most {MOST_CAPS} fit together", code="invalid_cap")
    for number, cap in enumerate(caps):
        if any(cap.window == other.window for other in caps[:number]):
            raise Invalid(f"there are two caps in {cap.window}: keep the lower one", code="invalid_cap")
    return tuple(caps)


def channel_of(text: str) -> Channel:
    """The channel called *text*. Raises `Invalid` with the one that was meant."""
    names = [channel.value for channel in Channel]
    if text not in names:
        raise Invalid(f"there is no channel {text[:64]!r}: {did_you_mean(text, names)}", code="invalid_cap")
    return Channel(text)


def _parse(text: str) -> Cap:
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"{text.strip()[:64]!r} is not a cap: {_HOW}", code="invalid_cap")
    try:
        per = parse_duration(match[2])
    except Invalid as error:
        raise Invalid(error.message, code="invalid_cap") from None
    return Cap(messages=int(match[1]), per=per, channel=channel_of(match[3]) if match[3] else None)
