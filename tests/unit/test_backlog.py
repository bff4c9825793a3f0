"""Jobs in hand: urgent first, lanes in turn, kinds apart."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion import ids
from clarion.queue.job import Job
from clarion.worker.backlog import Backlog

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(*, priority: int = 2, lane: int = 0, kind: str = "deliver") -> Job:
    id = ids.new()
    return Job(id, id, "email", kind, priority, lane, NOW, 1, 0, 1, 0, None, None, None)


def test_urgent_first_and_the_lanes_in_turn() -> None:
    broadcast = [job(lane=1) for _ in range(5)]
    single = job(lane=2)
    urgent = job(priority=0, lane=1)
    backlog = Backlog()
    backlog.add([*broadcast, single, urgent])
    assert len(backlog) == 7
    assert backlog.take(3) == [urgent, broadcast[0], single]
    assert backlog.take(10) == broadcast[1:]
    assert len(backlog) == 0
    assert backlog.take(1) == []


def test_one_list_holds_one_kind_and_nothing_is_forgotten() -> None:
    jobs = [job(), job(kind="expand"), job(), job(lane=3), job(lane=3, kind="expand")]
    backlog = Backlog()
    backlog.add(jobs)
    taken = []
    while batch := backlog.take(10):
        assert len({one.kind for one in batch}) == 1
        taken += batch
    assert sorted(taken) == sorted(jobs)


def test_only_what_is_urgent_enough() -> None:
    backlog = Backlog()
    high = job(priority=1)
    backlog.add([job(priority=2), high])
    assert backlog.take(5, least_urgent=1) == [high]
    assert backlog.take(5, least_urgent=1) == []
    assert len(backlog) == 1


def test_what_is_lost_is_dropped() -> None:
    mine, lost = job(), job()
    backlog = Backlog()
    backlog.add([mine, lost])
    backlog.drop([lost.id])
    assert backlog.take_all() == [mine]
    assert len(backlog) == 0


def test_a_crowd_is_left_where_it_is_and_what_is_urgent_is_no_crowd() -> None:
    broadcast = [job(lane=1) for _ in range(20)]
    urgent = [job(priority=1, lane=1) for _ in range(20)]
    single, other = job(lane=2), job(priority=3, lane=1)
    backlog = Backlog()
    backlog.add([*broadcast, single, other, *urgent])
    assert backlog.crowded() == {(2, 1)}
    assert backlog.take(50, without=backlog.crowded()) == [*urgent, single, other]
    assert backlog.crowded() == {(2, 1)}
    assert backlog.take(11) == broadcast[:11]
    assert backlog.crowded() == set()
    assert backlog.take(50, without=backlog.crowded()) == broadcast[11:]
    assert len(backlog) == 0
