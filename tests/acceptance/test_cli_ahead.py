"""The command line on what comes in by itself and on what is to come: sources, timers, schedules, retention."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from tests.support import memory
from tests.support.command import Ended, Up, clarion
from tests.support.nats import Nats, nats_server
from tests.support.wait import wait_until

FILES = {
    "workflows/received.yaml": "steps:\n  - channel: in_app\n",
    "templates/received/in_app.txt": "---\ntitle: Order {{ payload.id }}\n---\nIt is here.\n",
    "workflows/later.yaml": "steps:\n  - delay: 3h\n  - channel: in_app\n",
    "templates/later/in_app.txt": "---\ntitle: Later\n---\nIt is time.\n",
    "bindings/order-created.yaml": "on:\n  nats: {stream: orders, subjects: [order.created], durable: clarion}\n"
    "do:\n  - trigger: {workflow: received, recipients: [data.userId], payload: data}\n"
    "  - timer.set:\n      key: late-{{ data.id }}\n      at: now\n"
    "      do: [{publish: {kind: nats, subject: order.late, body: {id: data.id}}}]\n"
    "  - timer.cancel: {key: 'early-{{ data.id }}'}\n"
    "  - publish: {kind: nats, subject: order.seen, body: {id: data.id}}\n",
    "schedules/report.yaml": "cron: 30 7 * * *\ntimezone: Europe/Paris\n"
    "do:\n  - trigger: {workflow: received, recipients: [\"'ana'\"], payload: {id: data.nominal_at}}\n",
}

#: Actions that come to nothing.
_NOTHING = json.dumps([{"timer.cancel": {"key": "nobody"}}])


class House:
    """A project with a binding and a schedule, up, beside a NATS server."""

    def __init__(self, folder: Path, broker: Nats, up: Up) -> None:
        self.folder = folder
        self.broker = broker
        self.up = up

    async def well(self, *arguments: object) -> Ended:
        """`clarion` with *arguments*, in the project folder; it must end well."""
        done = await clarion(*arguments, cwd=self.folder)
        assert done.code == 0, done.err + done.out
        return done


@pytest.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    with memory.folder("clarion-ahead-") as place:
        folder = Path(place)
        project = folder / "project"
        for name, content in FILES.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(content)
        broker = nats_server(folder / "nats")
        await broker.start()
        try:
            async with Up(folder, "--project", project, CLARION_NATS_URL=broker.url) as up:
                house = House(project, broker, up)
                (folder / "people.csv").write_text("id,name\nana,Ana\nben,Ben\ncleo,Cleo\ndora,Dora\n")
                await house.well("recipients", "import", folder / "people.csv")
                yield house
        finally:
            await broker.stop()


async def test_sources_show_what_came_and_tail_what_became_of_it(house: House) -> None:
    async def connected() -> bool:
        listed = (await house.well("sources", "--json")).lines
        return [one["state"] for one in listed] == ["connected"]

    await wait_until(connected, 60, "the source is connected")
    client = await nats.connect(house.broker.url)
    try:
        for body in (b'{"id": "o-1", "userId": "ana"}', b"no JSON"):
            await client.jetstream().publish("order.created", body)
    finally:
        await client.close()
    shown = (await house.well("tail", "--count", "3", "--json")).lines
    (fired,) = [one for one in shown if one["source"] == "timers"]
    assert (fired["key"], fired["status"]) == ("late-o-1", "fired")
    first, second = [one for one in shown if one is not fired]
    assert (first["state"], first["workflows"], second["state"]) == ("accepted", ["received"], "quarantined")
    assert first["did"] == ["timer.set late-o-1", "timer.cancel early-o-1", "publish nats order.seen"]
    told = (await house.well("tail", "--count", "3")).out
    assert "received trg_" in told and ", timer.set late-o-1, timer.cancel early-o-1, publish nats order.seen" in told
    assert "timers  late-o-1  fired  publish nats order.late" in told
    assert "late-o-1" in (await house.well("tail", "--source", "timers", "--count", "1")).out
    assert (await house.well("triggers", first["triggers"][0], "--watch")).err.rstrip().endswith("1 delivered")

    async def counted() -> bool:  # workers tell of their counts once a second
        (source,) = (await house.well("sources", "--json")).lines
        return (source["accepted"], source["quarantined"]) == (1, 1)

    await wait_until(counted, 20, "what came is counted")
    assert "connected" in (await house.well("sources")).out


async def test_a_timer_is_set_found_taken_back_and_hurried(house: House) -> None:
    actions = json.dumps([{"trigger": {"workflow": "received", "recipients": ["ben"], "payload": {"id": "o-2"}}}])
    made = (await house.well("timers", "set", "o-2", "--in", "3h", "--actions", actions, "--json")).json
    assert (made["key"], made["status"]) == ("o-2", "pending")
    assert [one["key"] for one in (await house.well("timers", "list", "--status", "pending", "--json")).lines] == [
        "o-2"
    ]
    assert (await house.well("timers", "cancel", "o-2", "--json")).json["status"] == "cancelled"
    assert (await house.well("timers", "uncancel", "o-2", "--json")).json["status"] == "pending"
    await house.well("timers", "hurry", "o-2")

    async def fired() -> bool:
        return bool((await house.well("timers", "show", "o-2", "--json")).json["status"] == "fired")

    await wait_until(fired, 30, "the timer fires")
    assert "trigger" in (await house.well("timers", "list")).out
    assert (await clarion("timers", "show", "o-3", cwd=house.folder)).code == 3


async def test_who_waits_in_a_delay_is_shown_beside_the_timers(house: House) -> None:
    trigger = (await house.well("trigger", "later", "--to", "cleo", "--json")).json["id"]

    async def waits() -> bool:
        return len((await house.well("timers", "runs", "--trigger", trigger, "--json")).lines) == 1

    await wait_until(waits, 30, "a run waits")
    (run,) = (await house.well("runs", "--trigger", trigger, "--json")).lines
    assert (run["recipient"], run["workflow"]) == ("cleo", "later")
    await house.well("timers", "runs", run["id"], "--hurry")
    assert (await house.well("triggers", trigger, "--watch")).err.rstrip().endswith("1 delivered")


async def test_a_schedule_is_seen_run_paused_and_resumed(house: House) -> None:
    published = {
        one["schedule"]: one["status"] for one in (await house.well("apply", "--json")).lines if "schedule" in one
    }
    assert published == {"report": "unchanged"}
    assert "order-created" in (applied := (await house.well("apply")).out) and "report" in applied
    keys = {one["key"] for one in (await house.well("schedules", "list", "--json")).lines}
    assert keys >= {"report", "system.retention"}
    times = (await house.well("schedules", "next", "report", "--count", "3", "--json")).lines
    assert len(times) == 3 and all("07:30" in one["local"] for one in times)
    assert (await house.well("schedules", "pause", "report", "--json")).json["paused_at"]
    assert not (await house.well("schedules", "resume", "report", "--json")).json["paused_at"]
    await house.well("schedules", "run", "report")

    async def done() -> bool:
        _, *runs = (await house.well("schedules", "show", "report", "--json")).lines
        return [run["status"] for run in runs] == ["done"]

    await wait_until(done, 30, "the schedule has run")


async def test_what_is_old_is_counted_and_removed(house: House) -> None:
    await house.well("trigger", "received", "--to", "dora", "--set", "id=o-4", "--watch")
    kinds = {one["what"] for one in (await house.well("prune", "--dry-run", "--json")).lines}
    assert kinds >= {"completed_jobs", "failed_jobs", "messages", "timers", "caught_mails"}
    await house.well("timers", "set", "o-5", "--in", "3h", "--actions", _NOTHING)
    await house.well("timers", "cancel", "o-5")
    (would,) = (await house.well("prune", "--what", "timers", "--older-than", "0s", "--dry-run", "--json")).lines
    assert would["rows"] >= 1
    assert (await house.well("prune", "--what", "timers", "--older-than", "0s", "--json")).lines == [would]
    assert (await clarion("timers", "show", "o-5", cwd=house.folder)).code == 3
    (caught,) = (await house.well("prune", "--what", "caught_mails", "--json")).lines
    assert caught == {"what": "caught_mails", "rows": 0, "weeks": 0}
    assert "went" in (await house.well("prune")).out


async def test_what_does_not_lie_in_quarantine_cannot_be_redriven(house: House) -> None:
    for words in (
        ("redrive", "qua_01a216e2633c73eca2b63004462508ca"),
        ("show", "qua_01a216e2633c73eca2b63004462508ca"),
    ):
        done = await clarion("quarantine", *words, cwd=house.folder)
        assert done.code == 3, done.err + done.out
