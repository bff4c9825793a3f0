"""Ids sort by time, are never repeated, and are read back only as what they are."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from clarion import clock, ids
from clarion.errors import BadId
from clarion.ids import Prefix


def test_they_are_version_7_in_rising_order() -> None:
    made = [*ids.new_many(5000), *(ids.new() for _ in range(100))]
    assert made == sorted(set(made))
    assert all(id.version == 7 and id.variant == uuid.RFC_4122 for id in made)


def test_they_carry_the_time() -> None:
    assert abs(ids.made_at(ids.new()) - clock.now()) < timedelta(seconds=1)
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    assert ids.made_at(ids.first_at(moment)) == moment
    assert ids.first_at(moment) < ids.first_at(moment + timedelta(milliseconds=1))


def test_threads_never_make_the_same() -> None:
    made: list[uuid.UUID] = []
    threads = [threading.Thread(target=lambda: made.extend(ids.new_many(2000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16_000


def test_shown_and_read_back() -> None:
    id = ids.new()
    assert ids.parse(Prefix.MESSAGE, ids.show(Prefix.MESSAGE, id)) == id


@pytest.mark.parametrize(
    "text", ["", "msg_", "msg_12", "trg_" + "0" * 32, "msg_" + "G" * 32, "msg_" + "A" * 32, "msg-" + "0" * 32, "0" * 32]
)
def test_what_is_no_id_of_this_kind(text: str) -> None:
    with pytest.raises(BadId):
        ids.parse(Prefix.MESSAGE, text)
