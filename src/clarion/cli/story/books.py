"""The two books of the demonstration, the database's and the mail catcher's, held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clarion import ids
from clarion.cli.database import connect
from clarion.cli.story.channels import PLACES
from clarion.flows.bootstrap import ensure_tenant
from clarion.flows.verify import verify
from clarion.store import tally

if TYPE_CHECKING:
    from clarion.cli.story.play import Played

_NOT_WELL = ("failed", "bounced", "expired", "unknown", "cancelled", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is written in both."""

    #: People there are: the guests, and the one before them.
    people: int
    accepted: int
    sent: int
    #: Of mails, and of feed items: what did not come to its good end.
    mails_failed: int
    feed_failed: int
    in_feed: int
    caught: Mapping[str, int]
    #: Of one message on each other channel: how many were sent, and how many were caught.
    elsewhere: Mapping[str, tuple[int, int]]
    #: Rules that `clarion verify` found broken.
    broken: tuple[str, ...]
    sent_after_s: float
    in_feed_after_s: float

    def rows(self) -> list[tuple[str, int, str]]:
        """What must be the same number everywhere, and whose count it is."""
        return [
            ("people accepted", self.accepted, "database"),
            ("mails sent", self.sent, "database"),
            ("mails received", self.caught["received"], "mail catcher"),
            ("different Message-IDs", self.caught["distinct_message_ids"], "mail catcher"),
            ("different addresses", self.caught["distinct_recipients"], "mail catcher"),
            ("items in feeds", self.in_feed, "database"),
        ]

    def others(self) -> list[tuple[str, int, str]]:
        """The same of the other channels, on each of which there is one message."""
        nouns = {place.channel: place.noun for place in PLACES}
        return [
            (f"{nouns[channel]} {what}", count, whose)
            for channel, counts in self.elsewhere.items()
            for what, count, whose in zip(("sent", "received"), counts, ("database", "catcher"), strict=True)
        ]

    def differences(self) -> list[str]:
        """Everything that is not as it must be, in words."""
        wrong = [
            f"{what}: {count}, and there are {self.people} people ({whose})"
            for what, count, whose in self.rows()
            if count != self.people
        ]
        wrong += [f"{what}: {count}, and there is one ({whose})" for what, count, whose in self.others() if count != 1]
        failed = (("mails", self.mails_failed), ("feed items", self.feed_failed))
        wrong += [f"{what} that failed: {count}" for what, count in failed if count]
        return wrong + [f"a promise is broken: {rule}" for rule in self.broken]


async def read_books(
    url: str, played: Played, caught: Mapping[str, int], elsewhere: Mapping[str, int], *, people: int
) -> Books:
    """Count the rows of the database at *url*, one by one, beside what was *caught*: mails, and *elsewhere*."""
    async with connect(url) as connection:
        tenant_id = await ensure_tenant(connection)
        counted = await tally.count(connection, tenant_id)
        others = await tally.runs_of(connection, ids.parse(ids.Prefix.TRIGGER, played.elsewhere))
        last_sent, last_in_feed = await tally.ends(connection, ids.parse(ids.Prefix.TRIGGER, played.trigger))
        broken = await verify(connection)
    mails, feed = counted.messages.get("email", {}), counted.messages.get("in_app", {})
    return Books(
        people=people,
        accepted=counted.runs - others,
        sent=mails.get("sent", 0),
        mails_failed=sum(mails.get(status, 0) for status in _NOT_WELL),
        feed_failed=sum(feed.get(status, 0) for status in _NOT_WELL),
        in_feed=counted.feed_items,
        caught=caught,
        elsewhere={channel: (_sent(counted, channel), count) for channel, count in elsewhere.items()},
        broken=tuple(f"{one.says} ({one.count})" for one in broken),
        sent_after_s=_after(played.asked_at, last_sent),
        in_feed_after_s=_after(played.asked_at, last_in_feed),
    )


def _sent(counted: tally.Tally, channel: str) -> int:
    found = counted.messages.get(channel, {})
    return found.get("sent", 0) + found.get("delivered", 0)


def _after(start: datetime, end: datetime | None) -> float:
    return (end - start).total_seconds() if end is not None else 0.0
