"""A recipient's addresses: one preferred on a channel, whatever is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.contact import MOST_ADDRESSES, Change, Contact, changed, in_order, new, parse, removed
from clarion.errors import Invalid

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def _say(before: Sequence[Contact], text: str, change: Change | None = None, minutes: int = 0) -> list[Contact]:
    now = NOW + timedelta(minutes=minutes)
    return changed(before, new(*parse(text), now), change or Change(seen=True), now)


def _preferred(contacts: Sequence[Contact]) -> set[str]:
    return {one.address for one in contacts if one.preferred}


def test_the_first_of_a_channel_is_preferred_and_another_when_it_is_said() -> None:
    found = _say(_say(_say([], "a@x.example"), "b@x.example", minutes=1), "+31 6 1234 5678", minutes=2)
    assert _preferred(found) == {"a@x.example", "+31612345678"}
    found = _say(found, "b@x.example", Change(preferred=True))
    assert _preferred(found) == {"b@x.example", "+31612345678"}


def test_spellings_of_one_address_are_one() -> None:
    found = _say(_say([], "Ann@Exämple.de"), "ann@xn--exmple-cua.DE", Change(verified=True), minutes=5)
    (one,) = found
    assert (one.address, one.verified_at) == ("ann@xn--exmple-cua.de", NOW + timedelta(minutes=5))
    assert one.created_at == NOW
    assert len(_say(_say([], "+31612345678"), "+31 (6) 1234-5678")) == 1


def test_what_is_set_aside_is_not_used_and_the_next_one_is_the_verified() -> None:
    found = _say(_say(_say([], "a@x.example"), "b@x.example", minutes=1), "c@x.example", minutes=2)
    found = _say(found, "c@x.example", Change(verified=True), minutes=3)
    found = _say(found, "a@x.example", Change(quarantine="somebody else has it"), minutes=4)
    assert _preferred(found) == {"c@x.example"}
    aside = next(one for one in found if one.address == "a@x.example")
    assert (aside.quarantined_at, aside.quarantine_reason) == (NOW + timedelta(minutes=4), "somebody else has it")
    with pytest.raises(Invalid, match="set aside"):
        _say(found, "a@x.example", Change(preferred=True))
    found = _say(found, "a@x.example", Change(quarantine="", preferred=True))
    assert _preferred(found) == {"a@x.example"}
    for text in ("a@x.example", "c@x.example", "b@x.example"):
        found = _say(found, text, Change(quarantine="no"))
    assert _preferred(found) == set()


def test_when_the_preferred_one_goes_the_next_takes_its_place() -> None:
    found = _say(_say([], "a@x.example"), "b@x.example", minutes=1)
    left = removed(found, next(one.key for one in found if one.preferred))
    assert left is not None
    assert _preferred(left) == {"b@x.example"}
    assert removed(found, "adr_0") is None
    assert [one.address for one in in_order(found)] == ["a@x.example", "b@x.example"]


def test_there_are_not_too_many() -> None:
    found: list[Contact] = []
    for number in range(MOST_ADDRESSES):
        found = _say(found, f"a{number}@x.example")
    found = _say(found, "+31612345678")
    with pytest.raises(Invalid, match="at most 20"):
        _say(found, "one-more@x.example")
    assert len(_say(found, "a0@x.example")) == MOST_ADDRESSES + 1


_CHANGES = st.builds(
    Change,
    verified=st.sampled_from([None, True, False]),
    preferred=st.sampled_from([None, None, True]),
    quarantine=st.sampled_from([None, None, "no", ""]),
)


@given(st.lists(st.tuples(st.sampled_from("abcd"), _CHANGES, st.booleans()), max_size=25))
def test_at_most_one_is_preferred_and_never_one_that_is_set_aside(
    history: list[tuple[str, Change, bool]],
) -> None:
    found: list[Contact] = []
    for number, (name, change, remove) in enumerate(history):
        try:
            found = _say(found, f"{name}@x.example", change, minutes=number)
        except Invalid:
            assert change.preferred
        if remove:
            found = removed(found, new(*parse(f"{name}@x.example"), NOW).key) or []
        assert len(_preferred(found)) <= 1
        assert all(one.quarantined_at is None for one in found if one.preferred)
        assert len({one.mailbox for one in found}) == len(found)
