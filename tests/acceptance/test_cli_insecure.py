"""Nothing starts that would speak to another machine in the clear, unless it is told that it may."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acceptance.test_cli_doctor import examine
from tests.support import memory
from tests.support.command import HOTEL, Up, answers, clarion

FAR = {
    "CLARION_DATABASE_URL": "postgresql://me:hidden@db.invalid/x",
    "CLARION_AMQP_URL": "amqp://me:hidden@mq.invalid",
    "CLARION_SMTP_URL": "smtp://mail.invalid?starttls=if-offered",
}


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    return {"CLARION_PROJECT": str(HOTEL), "CLARION_DATA_DIR": str(tmp_path)}


@pytest.mark.parametrize("command", ["api", "worker", "up", "migrate"])
async def test_the_start_is_refused_with_every_address_named(command: str, place: dict[str, str]) -> None:
    done = await clarion(command, settings=place | FAR)
    assert done.code == 2, done.err
    for named in ("database_url: sslmode=prefer", "amqp_url: ", "smtp_url: starttls=if-offered", "insecure = true"):
        assert named in done.err
    assert "hidden" not in done.err + done.out and "Traceback" not in done.err
    if command in ("api", "worker", "migrate"):  # it goes on, and finds nobody there
        done = await clarion(command, "--insecure", settings=place | FAR)
        assert done.code == 5, done.err
        assert "The database db.invalid/x cannot be reached" in done.err


async def test_a_command_that_needs_the_database_alone_names_that(place: dict[str, str]) -> None:
    done = await clarion("keys", "list", settings=place | FAR)
    assert done.code == 2, done.err
    assert "database_url: " in done.err and "amqp_url" not in done.err


@pytest.mark.parametrize("command", [("keys", "list"), ("apply",), ("verify",), ("tenants", "list")])
async def test_such_a_command_may_be_told_that_it_may(command: tuple[str, ...], place: dict[str, str]) -> None:
    done = await clarion(*command, "--insecure", settings=place | FAR)
    assert (done.code, "db.invalid/x cannot be reached" in done.err) == (5, True), done.err


@pytest.mark.parametrize("command", [("queues",), ("prune", "--what", "timers"), ("limits", "list")])
async def test_no_key_goes_to_another_machine_in_the_clear(command: tuple[str, ...], place: dict[str, str]) -> None:
    far = ("--url", "http://api.invalid:8000", "--api-key", "clk_live_hidden")
    done = await clarion(*command, *far, settings=place)
    assert done.code == 2 and "in the clear" in done.err and "https://" in done.err, done.err
    assert "hidden" not in done.err
    for said in ([*far, "--insecure"], ["--url", "https://api.invalid:8000", *far[2:]]):
        assert (await clarion(*command, *said, settings=place)).code == 5
    assert (await clarion(*command, *far, settings=place | {"CLARION_INSECURE": "true"})).code == 5


async def test_doctor_says_the_same_and_sends_no_password(place: dict[str, str]) -> None:
    code, findings = await examine(place | {name: FAR[name] for name in ("CLARION_DATABASE_URL", "CLARION_AMQP_URL")})
    assert code == 1
    for name in ("encryption of database_url", "encryption of amqp_url", "database", "RabbitMQ"):
        assert findings[name]["level"] == "fail", findings[name]
    assert "is not asked: that would be in the clear" in findings["RabbitMQ"]["says"]
    assert "in the clear" in findings["database"]["says"]
    assert "hidden" not in str(findings)


async def test_what_up_starts_may_do_what_it_may() -> None:
    with memory.folder("clarion-insecure-") as folder:
        project = Path(folder) / "project"
        project.mkdir()
        far = {"CLARION_NATS_URL": "nats://nats.invalid:4222"}
        async with Up(Path(folder), "--project", project, "--insecure", **far) as up:
            assert answers(f"{up.address}/readyz") == 200


async def test_an_address_that_says_how_it_is_encrypted_can_be_migrated(
    empty_database: str, place: dict[str, str]
) -> None:
    url = f"{empty_database}{'&' if '?' in empty_database else '?'}sslmode=prefer"
    done = await clarion("migrate", settings=place | {"CLARION_DATABASE_URL": url})
    assert done.code == 0, done.err
