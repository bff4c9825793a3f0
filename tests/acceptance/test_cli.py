"""The command line against a running `clarion up`: what people read, what programs read, and how it exits."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from tests.support import memory
from tests.support.command import HOTEL, Ended, Up, clarion, fetched

from clarion.dev.guests import guests

PAYLOAD = ("--set", "name=Ada", "--set", "orderId=42", "--set", "message=Welcome")


class House:
    """The hotel, up, and the command line standing in its folder."""

    def __init__(self, up: Up, folder: Path) -> None:
        self.up = up
        self.folder = folder

    async def run(self, *arguments: object, stdin: str = "") -> Ended:
        """`clarion` with *arguments*, in the project folder."""
        return await clarion(*arguments, stdin=stdin, cwd=self.folder)

    async def well(self, *arguments: object, stdin: str = "") -> Ended:
        """The same; it must end well."""
        done = await self.run(*arguments, stdin=stdin)
        assert done.code == 0, done.err + done.out
        return done


@pytest.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    """One system for all tests here."""
    with memory.folder("clarion-house-") as place:
        folder = Path(place)
        project = folder / "hotel"
        shutil.copytree(HOTEL, project)
        async with Up(folder, "--project", project) as up:
            yield House(up, project)


async def test_a_trigger_is_watched_to_its_end_and_every_message_tells_its_story(house: House) -> None:
    watched = await house.well("trigger", "booking-confirmed", "--to", "ada@example.com", *PAYLOAD, "--watch")
    assert watched.out == ""
    assert watched.err.splitlines()[-1].endswith(": completed; 1 sent, 1 delivered")
    id = watched.err.splitlines()[-1].partition(":")[0]

    shown = (await house.well("triggers", id, "--json")).json
    assert (shown["status"], shown["messages"]["sent"], shown["messages"]["delivered"]) == ("completed", 1, 1)
    assert "booking-confirmed" in (await house.well("triggers", id)).out

    listed = (await house.well("messages", "--trigger", id, "--json")).lines
    assert {message["channel"] for message in listed} == {"email", "in_app"}
    mail = next(message for message in listed if message["channel"] == "email")
    story = (await house.well("messages", mail["id"])).out
    assert "attempt 1: accepted by smtp" in story
    assert "ada@example.com" in story


async def test_watching_for_programs_is_one_object_a_change(house: House) -> None:
    given = ("--payload", "-", "--json", "--watch")
    payload = json.dumps({"name": "Bo", "orderId": "7", "message": "Hello"})
    watched = await house.well("trigger", "booking-confirmed", "--to", "bo@example.com", *given, stdin=payload)
    assert watched.lines[-1]["recipients"] == {"total": 1, "expanded": 1}
    assert all(line["workflow"] == "booking-confirmed" for line in watched.lines)


async def test_who_and_what_reach_the_api_as_given(house: House) -> None:
    given: tuple[str, ...] = (
        "--to",
        "cy@example.com",
        "--channel",
        "in_app",
        "--priority",
        "low",
        "--transaction-id",
        "order 42",
    )
    given += ("--send-at", "2027-01-31T09:30:00Z", "--expires-at", "2027-02-01T00:00:00Z")
    first = (await house.well("trigger", "booking-confirmed", *given, "--idempotency-key", "once", "--json")).json
    again = (await house.well("trigger", "booking-confirmed", *given, "--idempotency-key", "once", "--json")).json
    assert first["id"] == again["id"]
    (found,) = (await house.well("triggers", "--transaction-id", "order 42", "--json")).lines
    assert (found["id"], found["priority"], found["channels"]) == (first["id"], "low", ["in_app"])
    assert found["send_at"] == "2027-01-31T09:30:00Z"
    cancelled = (await house.well("triggers", first["id"], "--cancel", "--json")).json
    assert cancelled["status"] == "cancelled"


async def test_files_go_with_what_is_triggered(house: House, tmp_path: Path) -> None:
    invoice, logo = tmp_path / "Rechnung Müller.pdf", tmp_path / "logo.png"
    invoice.write_bytes(b"%PDF" + bytes(range(256)) * 40_000)
    logo.write_bytes(b"\x89PNG")
    given = ("booking-confirmed", "--to", "files@example.com", *PAYLOAD, "--channel", "email", "--json")
    files = ("--attach", invoice, "--inline", f"logo={logo}")
    key = ("--idempotency-key", "with files")
    accepted = (await house.well("trigger", *given, *files, *key)).json
    assert (await house.well("trigger", *given, *files, *key)).json["id"] == accepted["id"]
    await house.well("triggers", accepted["id"], "--watch")
    catcher = await house.up.says(r"Caught: +(\S+)/all")
    (mail,) = (await fetched(f"{catcher}/api/mails?to=files@example.com"))["mails"]
    caught = await fetched(f"{catcher}/api/mails/{mail['id']}")
    assert [(one["filename"], one["size"]) for one in caught["attachments"]] == [
        ("logo.png", 4),
        (invoice.name, invoice.stat().st_size),
    ]
    for wrong, code, said in (
        (("--attach", tmp_path / "no.pdf"), 2, "cannot be read"),
        (("--inline", logo), 2, "NAME=FILE"),
        (("--attach", "https://files.shop.example/a.pdf"), 1, "allowed_hosts"),
        (("--attach", __file__), 0, ""),
    ):
        done = await house.run("trigger", *given, *wrong)
        assert (done.code, said in done.err) == (code, True), done


async def test_people_come_from_files_and_into_topics(house: House, tmp_path: Path) -> None:
    lines = tmp_path / "guests.jsonl"
    lines.write_text("\n".join(json.dumps(guest) for guest in guests(1_500)) + "\n")
    done = (await house.well("recipients", "import", lines, "--topic", "many", "--json")).json
    assert done == {"created": 1500, "updated": 0, "invalid": 0, "members": 1500}

    table = tmp_path / "people.csv"
    table.write_bytes("\ufeffid,name,email,plan\ndee,Dée,dee@example.com,gold\nbad id,X,nowhere,\n".encode())
    partly = await house.run("recipients", "import", table, "--topic", "many")
    assert partly.code == 1
    assert "recipient 2: " in partly.err
    assert "'bad id' cannot be an id" in partly.err
    dee = (await house.well("recipients", "show", "dee", "--json")).json
    assert (dee["name"], dee["data"]) == ("Dée", {"plan": "gold"})

    await house.well("topics", "put", "few", "--name", "A few")
    ids = tmp_path / "ids.csv"
    ids.write_text("name,id\nx,guest-00001\ny,guest-00002\n")
    added = (await house.well("topics", "add", "few", "dee", "--csv", ids, "--json")).json
    assert added == {"added": 3, "already": 0, "members": 3}
    removed = (await house.well("topics", "remove", "few", "dee", "--json")).json
    assert removed == {"removed": 1, "members": 2}
    await house.well("recipients", "import", lines, "--topic", "few")
    few = (await house.well("topics", "show", "few", "--json")).json
    assert (few["name"], few["members"]) == ("A few", 1500)  # putting people in does not take its name away
    sent = await house.well("trigger", "booking-confirmed", "--to", "topic:few", *PAYLOAD, "--watch")
    assert "1,500 sent, 1,500 delivered" in sent.err.splitlines()[-1]
    await house.well("topics", "delete", "few")
    assert (await house.run("topics", "show", "few")).code == 3
    await house.well("recipients", "delete", "dee")
    assert (await house.run("recipients", "show", "dee")).code == 3


async def test_a_queue_is_paused_and_resumed(house: House) -> None:
    await house.well("trigger", "booking-confirmed", "--to", "eve@example.com", *PAYLOAD, "--watch")
    assert (await house.well("queues", "in_app", "--pause", "--json")).json["paused"] is True
    held = (await house.well("trigger", "booking-confirmed", "--to", "eve@example.com", *PAYLOAD, "--json")).json["id"]
    (paused,) = [one for one in (await house.well("queues", "--json")).lines if one["paused"]]
    assert paused["name"] == "in_app"
    assert (await house.well("queues", "in_app", "--resume", "--json")).json["paused"] is False
    watched = await house.well("triggers", held, "--watch")
    assert watched.err.splitlines()[-1].endswith("completed; 1 sent, 1 delivered")
    assert (await house.well("queues", "email", "--redrive", "--json")).json == {"ready": 0, "taken": 0}
    assert (await house.well("queues", "email", "--clean", "7d", "--json")).json == {"deleted": 0}
    assert (await house.well("queues", "email", "--jobs", "buried", "--json")).lines == []
    assert "done/s" in (await house.well("queues")).out


async def test_only_what_did_not_get_through_is_retried(house: House) -> None:
    incomplete = await house.run("trigger", "booking-confirmed", "--to", "fay@example.com", "--watch")
    assert incomplete.code == 1  # the template needs values that nobody gave
    id = incomplete.err.splitlines()[-1].partition(":")[0]
    assert "2 failed" in incomplete.err
    retried = (await house.well("retry", "--trigger", id, "--json")).lines
    assert len(retried) == 2
    assert {one["status"] for one in retried} == {"queued"}
    await house.run("triggers", id, "--watch")

    (sent,) = (await house.well("messages", "--status", "sent", "--limit", "1", "--json")).lines
    refused = await house.run("retry", sent["id"])
    assert refused.code == 1
    assert "is sent: only one that is" in refused.err


async def test_problems_are_told_as_what_why_and_how(house: House) -> None:
    unknown = await house.run("trigger", "booking-confirmed", "--to", "nobody", "--to", "topic:none")
    assert unknown.code == 1
    what, why, *faults, how, request = unknown.err.splitlines()
    assert what == "clarion: Unknown recipient (422)"
    assert why == "  why: The request names what does not exist."
    assert [fault.strip() for fault in faults] == [
        "/recipients/0: there is no recipient 'nobody'",
        "/recipients/1/topic: there is no topic 'none'",
    ]
    assert how.startswith("  how: describe them")
    assert request.startswith("  request: req_")
    assert (await house.run("trigger", "no-such-thing", "--to", "x@example.com")).code == 3
    assert (await house.run("triggers", "trg_" + "0" * 32)).code == 3
    assert (await house.run("queues", "..")).code == 3


async def test_tenants_have_workflows_and_keys_of_their_own(house: House) -> None:
    await house.well("tenants", "create", "acme")
    await house.well("tenants", "create", "acme")
    assert [one["name"] for one in (await house.well("tenants", "list", "--json")).lines] == ["default", "acme"]
    made = (await house.well("keys", "create", "app", "--tenant", "acme", "--json")).json
    asked = ("--url", house.up.address, "--api-key", made["key"])
    assert (await clarion("trigger", "booking-confirmed", "--to", "ada", *asked)).code == 3, (
        "nothing is published for it"
    )
    assert "booking-confirmed" in (await house.well("apply", "--tenant", "acme")).out
    assert "no recipient" in (await clarion("preview", "booking-confirmed", "--to", "ada", *asked)).err
    shared = await clarion("queues", "email", "--pause", *asked)
    assert (shared.code, "lacks the scope system:write" in shared.err) == (4, True), "it is everybody's"
    star = (await house.well("keys", "create", "star", "--tenant", "acme", "--scope", "*", "--json")).json
    assert star["scopes"] == made["scopes"] and "system:write" not in star["scopes"]
    named = ("keys", "create", "named", "--tenant", "acme", "--scope", "*", "--scope", "system:write", "--json")
    assert set((await house.well(*named)).json["scopes"]) == {*made["scopes"], "system:write"}
    own = [one["name"] for one in (await house.well("keys", "list", "--tenant", "acme", "--json")).lines]
    assert own == ["app", "star", "named"]
    typo = await house.run("apply", "--tenant", "amce")
    assert typo.code == 3
    assert "did you mean `acme`?" in typo.err
    assert (await house.run("tenants", "create", "A B")).code == 2


async def test_keys_open_what_their_scopes_say(house: House) -> None:
    made = (
        await house.well("keys", "create", "app", "--scope", "triggers:read", "--expires-after", "90d", "--json")
    ).json
    key = made["key"]
    asked = ("--url", house.up.address, "--api-key", key)
    assert (await clarion("triggers", *asked)).code == 0
    forbidden = await clarion("queues", *asked)
    assert forbidden.code == 4
    assert "lacks the scope queues:read" in forbidden.err

    id = made["id"]
    assert id == key.split("_")[2]
    listed = {one["id"]: one for one in (await house.well("keys", "list", "--json")).lines}
    assert listed[id]["scopes"] == ["triggers:read"]
    assert listed[id]["active"] is True
    assert key not in (await house.well("keys", "list")).out
    await house.well("keys", "revoke", id)
    assert (await house.run("keys", "revoke", id)).code == 3
    assert next(one for one in (await house.well("keys", "list", "--json")).lines if one["id"] == id)["active"] is False

    typo = await house.run("keys", "create", "app", "--scope", "triggers:raed")
    assert typo.code == 2
    assert "did you mean `triggers:read`?" in typo.err


async def test_a_kept_key_is_told_to_nobody_else(house: House) -> None:
    elsewhere = await house.run("triggers", "--url", "http://127.0.0.1:1")
    assert elsewhere.code == 4
    assert "There is no API key for http://127.0.0.1:1" in elsewhere.err


async def test_publishing_unchanged_content_makes_no_version(house: House) -> None:
    assert (await house.well("check")).out == ""
    unchanged = (await house.well("apply", "--json")).lines
    assert [(one["workflow"], one["status"]) for one in unchanged] == [
        ("booking-confirmed", "unchanged"),
        ("room-ready", "unchanged"),
    ]


async def test_everything_is_well(house: House) -> None:
    findings = {one["what"]: one for one in (await house.well("doctor", "--json")).lines}
    assert {what for what, one in findings.items() if one["level"] != "ok"} <= {"mail server", "disk"}
    assert findings["migrations"]["says"].startswith("at version ")
    told = await house.well("doctor")
    assert "ok   durability: " in told.out
    assert "clarion.toml:" in told.out
    assert "worker.claim_size" in (await house.well("doctor", "--settings")).out
    verified = await house.well("verify")
    assert "promises hold" in verified.err
    assert "already" in (await house.well("migrate")).out
    assert (await house.well("migrate", "--json")).json["version"] == (await house.well("migrate", "--json")).json[
        "before"
    ]


async def test_verify_finds_what_somebody_spoilt(database: str, tmp_path: Path) -> None:
    settings = {"CLARION_DATABASE_URL": database, "CLARION_PROJECT": str(HOTEL), "CLARION_DATA_DIR": str(tmp_path)}
    assert (await clarion("verify", settings=settings)).code == 0
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("INSERT INTO tenant (id, name) VALUES (gen_random_uuid(), 'default')")
        await connection.execute("INSERT INTO topic (tenant_id, key, member_count) SELECT id, 'guests', 3 FROM tenant")
    finally:
        await connection.close()
    spoilt = await clarion("verify", "--json", settings=settings)
    assert spoilt.code == 1
    (violation,) = spoilt.lines
    assert (violation["rule"], violation["count"]) == ("topic_counts_equal_rows", 1)
