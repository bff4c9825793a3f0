"""The main job, as a program would do it: people in, one trigger for one of them, one for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Event
from typing import Any

from clarion.cli.bar import Bar
from clarion.cli.load import add_members, load_people
from clarion.cli.remote import Remote
from clarion.cli.story.channels import READY, SAYS, said, settle_in
from clarion.cli.story.hotel import TOPIC, WORKFLOW
from clarion.cli.story.mailbox import Mailbox
from clarion.cli.table import Column, write_list
from clarion.cli.watch import done, pace
from clarion.dev.guests import guests
from clarion.errors import ClarionError, Unavailable

_NITISH = {"id": "nitish", "name": "Nitish official", "email": "nitish@guests.example", "locale": "en-IN"}
_NUMBER = {"phone": "+919812345678"}
_FOR_ONE = {"name": "Nitish official", "orderId": "12345", "message": "We look forward to your stay."}
_FOR_ALL = {"name": "guest", "orderId": "S-2027", "message": "The sea is warm again."}

_LOOK_EVERY_S = 0.1
#: How long nothing may change before it is called stuck.
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What happened, seen from outside."""

    #: The trigger for all.
    trigger: str
    #: When it was asked for, by this machine's clock, and how long the answer took, in seconds.
    asked_at: datetime
    answered_after_s: float
    #: What the first worker has held at most meanwhile, in bytes.
    memory: int
    #: The trigger of what was said on all other channels.
    elsewhere: str = ""


class Halted(ClarionError):
    """The demonstration was interrupted."""


class Play:
    """One performance. It blocks: run it in a thread of its own, and set *halted* to end it early."""

    def __init__(self, system: Remote, mailbox: Mailbox, *, people: int, halted: Event, look: Callable[[], int]):
        """*look* tells the peak of the memory of the first worker so far, and is called again and again."""
        self._system = system
        self._mailbox = mailbox
        self._people = people
        self._halted = halted
        self._look = look

    def run(self) -> Played:
        """All of it. Raises what the API raises, and `Halted`."""
        self._bring_people()
        self._show_one()
        played = self._reach_all()
        return replace(played, elsewhere=self._show_elsewhere())

    def _bring_people(self) -> None:
        with Bar("people") as bar:
            loaded = load_people(self._system, guests(self._people), bar, whole=self._people)
        if loaded.invalid:
            raise ClarionError(f"The API did not take {len(loaded.invalid)} of the guests: {loaded.invalid[0]}")
        self._system.call("PUT", "topics", TOPIC, body={"name": "Guests"})
        ids = (str(guest["id"]) for guest in guests(self._people))
        with Bar("members") as bar:
            members = add_members(self._system, TOPIC, ids, bar, whole=self._people)["members"]
        print(f"{members:,} guests belong to the topic `{TOPIC}`.\n", flush=True)

    def _show_one(self) -> None:
        print(f"One guest: {WORKFLOW} for {_NITISH['name']}.", flush=True)
        self._follow(self._trigger([_NITISH], _FOR_ONE), bar=None)
        mail = self._mailbox.newest_to(_NITISH["email"])
        if mail is None:
            raise ClarionError(f"The mail to {_NITISH['email']} is said to be sent, and the catcher does not have it.")
        print(as_text(mail), flush=True)

    def _reach_all(self) -> Played:
        print(f"All guests: one call for the topic `{TOPIC}`.", flush=True)
        asked_at, began = datetime.now(UTC), time.perf_counter()
        trigger = self._trigger([{"topic": TOPIC}], _FOR_ALL)
        answered_after_s = time.perf_counter() - began
        with Bar("messages") as bar:
            self._follow(trigger, bar=bar)
        return Played(trigger=trigger, asked_at=asked_at, answered_after_s=answered_after_s, memory=self._look())

    def _show_elsewhere(self) -> str:
        """What one guest is told on every other channel, after the rest: that is not slowed by it."""
        print(f"\nOne guest, on every other channel: {READY} for {_NITISH['name']}.\n", flush=True)
        settle_in(self._system, self._mailbox, _NITISH["id"])
        trigger = self._trigger([{"id": _NITISH["id"], **_NUMBER}], SAYS, workflow=READY)
        self._follow(trigger, bar=None)
        columns = [Column(name, name) for name in ("channel", "to", "said")]
        write_list(said(self._system, self._mailbox, _NITISH["id"]), columns, as_json=False, empty="")
        return trigger

    def _trigger(self, recipients: list[Any], payload: Mapping[str, object], *, workflow: str = WORKFLOW) -> str:
        body = {"recipients": recipients, "payload": payload}
        return str(self._system.post("workflows", workflow, "trigger", body=body)["id"])

    def _follow(self, trigger: str, *, bar: Bar | None) -> None:
        """Look at *trigger* until it is completed."""
        last, since = -1, time.monotonic()
        while True:
            shown = self._system.get("triggers", trigger)
            self._look()
            ended = done(shown)
            if bar is not None:
                channels = len(shown["by_channel"]) or 1
                bar.at(ended, max(self._people * channels, ended), note=pace(shown))
            if shown["status"] in ("completed", "cancelled"):
                return
            if ended != last:
                last, since = ended, time.monotonic()
            if time.monotonic() - since > _PATIENCE_S:
                raise Unavailable(f"Nothing has moved for {_PATIENCE_S:.0f} s: {trigger} is {shown['status']}.")
            if self._halted.wait(_LOOK_EVERY_S):
                raise Halted


def as_text(mail: dict[str, Any]) -> str:
    """A caught mail as a person reads it."""
    head = [f"  {name}: {value}" for name, value in _head(mail)]
    body = [f"  {line}".rstrip() for line in str(mail["text"]).strip().splitlines()]
    return "\n".join(["", *head, "", *body, ""])


def _head(mail: dict[str, Any]) -> list[tuple[str, str]]:
    return [("From", mail["from"]), ("To", mail["to"]), ("Subject", mail["subject"])]
