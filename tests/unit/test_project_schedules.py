"""Schedules in the project folder: read whole, or every mistake with its place."""

from __future__ import annotations

from datetime import timedelta

from tests.support.docs import page, rows, section

from clarion.domain.schedule import CatchUp
from clarion.project.schedule_file import KEYS, read_schedule

GOOD = """\
cron: 30 7 * * MON-FRI
timezone: Europe/Lisbon
catch_up: all
catch_up_limit: 20
jitter: 5m
do:
  - trigger:
      workflow: report
      recipients: "[{'topic': 'staff'}]"
      payload: {day: data.nominal_at}
"""
BAD = """\
cron: 30 7 * *
timezone: Mars/Base
catch_up: sometimes
jitter: 25h
wehn: x
do:
  - trigger:
      workflow: reprot
      recipients: "data.("
"""


def test_all_of_it_is_read() -> None:
    schedule, mistakes = read_schedule(GOOD, "schedules/daily.yaml", "daily", {"report"})
    assert mistakes == [] and schedule is not None
    assert (schedule.cron, schedule.timezone) == ("30 7 * * MON-FRI", "Europe/Lisbon")
    assert (schedule.catch_up, schedule.most, schedule.jitter) == (CatchUp.ALL, 20, timedelta(minutes=5))
    assert schedule.actions[0]["trigger"]["payload"] == {"day": "data.nominal_at"}


def test_every_mistake_has_its_line() -> None:
    schedule, mistakes = read_schedule(BAD, "schedules/daily.yaml", "daily", {"report"})
    assert schedule is None
    assert {mistake.line for mistake in mistakes} == {1, 2, 3, 4, 5, 9}
    _, mistakes = read_schedule(GOOD, "schedules/daily.yaml", "daily", {"reports"})
    ((line, hint),) = [(one.line, one.hint) for one in mistakes]
    assert line == 8 and hint is not None and "reports" in hint


def test_the_reference_names_every_key() -> None:
    assert {cells[0] for cells in rows(section(page("reference/project-folder.md"), "Schedules"))} == set(KEYS)
