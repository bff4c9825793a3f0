"""The queues that there are from the beginning: named in one place, and on the page for those who share them out."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import clarion.flows
from clarion.flows import rates
from clarion.flows.queues import NAMES, meant

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-in-production.md"


def test_every_queue_of_a_flow_is_named() -> None:
    found = set()
    for module in pkgutil.iter_modules(clarion.flows.__path__):
        names = vars(importlib.import_module(f"clarion.flows.{module.name}"))
        found |= {
            value
            for name, value in names.items()
            if name in ("QUEUE", "SYSTEM_QUEUE", "WAITING") and isinstance(value, str)
        }
    found.discard(rates.QUEUE)  # what that calls so is a kind of limit
    assert found <= set(NAMES), found - set(NAMES)


def test_every_queue_is_on_the_page() -> None:
    section = PAGE.read_text().partition("## Workers for some queues only")[2].partition("\n## ")[0]
    assert [name for name in NAMES if f"`{name}`" not in section] == []
    shared_out = {
        name
        for line in section.splitlines()
        if "--queues" in line and "sources" not in line
        for name in line.split()[-1].split(",")
    }
    assert shared_out == set(NAMES), "together the workers of the example take all there are"


def test_who_takes_the_feed_takes_what_fills_it() -> None:
    assert meant(["email", "feed", "email"]) == ("email", "in_app", "feed")
    assert meant(["in_app"]) == ("in_app",)
    assert meant([]) == ()
