"""Who is to hear of a trigger: known people, topics and people described on the spot, each once."""

from __future__ import annotations

from typing import Any

from clarion.domain import identifier
from clarion.domain.address import same_mailbox
from clarion.domain.recipient import Recipient
from clarion.errors import Fault

#: Said of a person who has nothing to be known by.
NAMELESS = "give an `id`, an `email` or a `phone`"

#: How many one trigger may name; topics are for more.
MOST_RECIPIENTS = 1_000
TOO_MANY = f"at most {MOST_RECIPIENTS} recipients in one request: for more, put them in a topic and trigger that"


class Audience:
    """The recipients of one trigger, as they are told apart while its list is walked."""

    def __init__(self) -> None:
        #: Ids that must be known, with the place of each.
        self.ids: dict[str, str] = {}
        #: Topics by key, with the place of each.
        self.topics: dict[str, str] = {}
        #: People described, by id.
        self.people: dict[str, Recipient] = {}
        #: How many were named more than once.
        self.duplicates = 0
        self.faults: list[Fault] = []

    def add_id(self, id: str, at: str) -> None:
        """Somebody who is known; *at* is a JSON pointer to the place."""
        self._once(self.ids, id, at)

    def add_topic(self, key: str, at: str) -> None:
        """Everybody who belongs to a topic."""
        self._once(self.topics, key, at)

    def add_person(
        self, at: str, *, id: str | None, email: str | None = None, phone: str | None = None, **fields: Any
    ) -> None:
        """Somebody described, with an *id*, an *email* (as `address.parse_email` gave it) or a *phone* (`parse_phone`).

        Without an id the address names them, without that the number. Two spellings of either are one person; one id
        for two different people is a fault (``duplicate_id``).
        """
        name = id or (identifier.of_mailbox(same_mailbox(email)) if email else phone)
        assert name is not None
        person = Recipient(id=name, email=email, phone=phone, **fields)
        earlier = self.people.setdefault(person.id, person)
        if earlier is person:
            return
        if id is not None and earlier != person:
            self.faults.append(Fault(f"{at}/id", f"{id} is described twice, and not alike", "duplicate_id"))
        self.duplicates += 1

    def end(self) -> None:
        """All are named: who is described need not be known."""
        for id in self.people.keys() & self.ids.keys():
            del self.ids[id]
            self.duplicates += 1

    def _once(self, names: dict[str, str], name: str, at: str) -> None:
        self.duplicates += name in names
        names.setdefault(name, at)
