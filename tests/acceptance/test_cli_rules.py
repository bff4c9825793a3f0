"""The rules of the command line: it starts quickly, explains itself, suggests, and its exit status says why."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.support.command import CLARION, HOTEL, clarion, environment
from tests.support.machine import usual
from tests.support.project import build

from clarion.cli.main import app
from clarion.cli.page import page
from clarion.cli.port import address

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
#: The rule is 200 ms. The list of commands keeps it with a margin; a command with options pays for typer's reading of
#: them, and the margin is the machine's.
MOST_S = {"--help": 0.15, "--version": 0.15, "trigger --help": 0.25}
HEAVY = ("asyncio", "asyncpg", "pydantic", "rich", "fastapi", "sqlalchemy", "yaml", "liquid", "babel", "structlog")


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that people see, by its words."""
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        inner = getattr(command, "commands", {"": command})
        yield from ((f"{name} {key}".strip(), one) for key, one in inner.items() if not one.hidden)


@pytest.mark.parametrize(("words", "most_s"), MOST_S.items())
def test_it_starts_quickly(words: str, most_s: float) -> None:
    assert min(_cpu_seconds(words.split()) for _ in range(5)) < usual(most_s)


def _cpu_seconds(words: list[str]) -> float:
    """What one start takes of a processor: the wall's clock would measure the neighbours, too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*CLARION, *words], check=True, capture_output=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_a_start_imports_nothing_heavy() -> None:
    code = f"import sys, clarion.cli.main; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_command_and_option_has_help(name: str, command: Any) -> None:
    assert command.help, name
    first = command.help.strip().split("\n")[0]
    assert len(first) <= 80
    for parameter in command.params:
        if not getattr(parameter, "hidden", False):
            assert parameter.help, f"{name} {parameter.opts}"


def test_the_reference_names_every_command_and_option() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, command in commands():
        (section,) = re.findall(rf"## `clarion {name}`\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        hidden = {option for one in command.params if getattr(one, "hidden", False) for option in one.opts}
        for option in options - hidden - {"--help"}:
            assert re.search(rf"`{option}[ `]", section), f"clarion {name} {option}"
    assert text == page(), "write it again: python -m clarion.cli.page docs/reference/cli.md"


async def test_a_mistyped_command_is_answered_with_the_nearest() -> None:
    typo = await clarion("tirgger")
    assert typo.code == 2
    assert "Did you mean 'trigger'" in typo.err
    wrong = await clarion("triggers", "--statsu", "x")
    assert wrong.code == 2
    assert "--status" in wrong.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trigger", "x"], "--to"),
        (["trigger", "x", "--to", "y", "--set", "novalue"], "write it as name=value"),
        (["trigger", "x", "--to", "y", "--set", "a=1", "--set", "a.b=2"], "a is a value already"),
        (["trigger", "x", "--to", "y", "--payload", "nowhere.json"], "nowhere.json cannot be read: No such file"),
        (["triggers", "--watch"], "say which trigger"),
        (["queues", "--pause"], "say which queue"),
        (["queues", "email", "--pause", "--resume"], "at a time"),
        (["queues", "email", "--clean", "7", "--url", "http://x", "--api-key", "k"], "did you mean 7s?"),
        (["retry"], "give ids, or a trigger"),
        (["topics", "add", "guests"], "name recipients"),
        (["recipients", "import", "nowhere.csv", "--url", "http://x", "--api-key", "k"], "cannot be read"),
        (["triggers", "--url", "ftp://x", "--api-key", "k"], "is not the address of an API"),
        (["doctor", "--project", "nowhere"], "there is no folder"),
    ],
)
async def test_wrong_usage_is_status_2_and_says_what_is_wrong(tmp_path: Path, words: list[str], said: str) -> None:
    done = await clarion(*words, cwd=tmp_path)
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err


async def test_what_is_away_is_status_5(tmp_path: Path) -> None:
    away = await clarion("triggers", "--url", "http://127.0.0.1:1", "--api-key", "clk_x")
    assert away.code == 5
    assert "No answer from http://127.0.0.1:1: " in away.err
    nowhere = {"CLARION_DATABASE_URL": "postgresql://me:hidden@127.0.0.1:1/clarion", "CLARION_DATA_DIR": str(tmp_path)}
    for command in ("apply", "verify", "migrate", "api", "worker"):
        done = await clarion(command, "--project", HOTEL, settings=nowhere)
        assert done.code == 5, done.err
        assert "The database 127.0.0.1:1/clarion cannot be reached" in done.err
        assert "hidden" not in done.err + done.out
        assert "Traceback" not in done.err


async def test_a_database_without_the_schema_is_told_how_to_get_it(empty_database: str, tmp_path: Path) -> None:
    settings = {"CLARION_DATABASE_URL": empty_database, "CLARION_DATA_DIR": str(tmp_path)}
    for words in (["apply"], ["keys", "list"], ["verify"]):
        done = await clarion(*words, "--project", HOTEL, settings=settings)
        assert done.code == 5
        assert "run `clarion migrate`" in done.err
    assert (await clarion("migrate", "--project", HOTEL, settings=settings)).out.endswith("it was at none.\n")
    made = (await clarion("apply", "--json", "--project", HOTEL, settings=settings)).lines
    assert made == [{"workflow": key, "version": 1, "status": "new"} for key in ("booking-confirmed", "room-ready")]


async def test_a_database_that_does_not_exist_is_a_setting_to_mend(postgres_url: str, tmp_path: Path) -> None:
    settings = {"CLARION_DATABASE_URL": postgres_url.replace("/clarion?", "/nothing?"), "CLARION_PROJECT": str(HOTEL)}
    done = await clarion("verify", "--data-dir", tmp_path, settings=settings)
    assert done.code == 2
    assert "does not let us in" in done.err


async def test_check_names_every_mistake_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "hello.yaml").write_text("key: hello\npriorty: high\nsteps:\n  - channel: in_app\n")
    (tmp_path / "clarion.toml").write_text("[worker]\nprocesess = 2\n")
    done = await clarion("check", cwd=tmp_path)
    assert done.code == 1
    assert "workflows/hello.yaml:2:1: " in done.out
    assert "did you mean `priority`?" in done.out
    assert "clarion.toml:2: unknown setting `worker.procesess`" in done.out
    found = (await clarion("check", "--json", "--project", tmp_path)).lines
    assert [one["file"] for one in found] == sorted(one["file"] for one in found)
    assert {one["severity"] for one in found} == {"error"}
    refused = await clarion("apply", cwd=tmp_path)
    assert refused.code == 2

    (tmp_path / "clarion.toml").unlink()
    (tmp_path / "workflows" / "hello.yaml").unlink()
    warned = await clarion("check", cwd=tmp_path)
    assert (warned.code, warned.out) == (
        0,
        "workflows: warning: there are no workflows yet; write workflows/<key>.yaml\n",
    )


async def test_check_warns_of_channels_that_nothing_carries(tmp_path: Path) -> None:
    """Where a step is on it first; with an account, or an SMTP server, there is nothing to warn of."""
    more = {
        "workflows/a.yaml": "steps:\n  - channel: in_app\n  - channel: sms\n",
        "workflows/b.yaml": "steps:\n  - {channel: webhook}\n  - {channel: sms}\n",
        "templates/a/in_app.txt": "---\ntitle: Hello\n---\nHello!\n",
        "templates/a/sms.txt": "Hello!\n",
        "templates/b/sms.txt": "Hello!\n",
    }
    project = build(tmp_path, more)
    bare = await clarion("check", "--json", "--project", project)
    told = {(one["file"], one["line"], one["severity"]): one for one in bare.lines}
    assert (bare.code, list(told)) == (
        0,
        [("workflows/a.yaml", 3, "warning"), ("workflows/hello.yaml", 2, "warning")],
    )
    sms, mail = told.values()
    assert "text messages: what a and 1 more send on `sms` waits" in sms["message"]
    assert "mail: what hello sends on `email` waits" in mail["message"] and "CLARION_SMTP_URL" in mail["hint"]
    assert "2 warnings" in bare.err
    account = {"kind": "twilio", "account_sid": "AC" + "0" * 32, "auth_token": "1" * 32, "from": "+15017122661"}
    settings = {"CLARION_SMTP_URL": "smtp://127.0.0.1:25", "CLARION_PROVIDERS": json.dumps({"sms": account})}
    assert (await clarion("check", "--project", project, settings=settings)).out == ""


async def test_check_names_every_wrong_rate_on_its_line(tmp_path: Path) -> None:
    """In clarion.toml and in workflows, at once, and as JSON too."""
    (tmp_path / "workflows").mkdir()
    rates = ["20", "-5/s", "20/fortnight", "0/s", "{per_second: -1}", "{per_second: 20, burst: 0}", "{per_secnod: 20}"]
    for number, rate in enumerate(rates):
        text = f"rate: {rate}\nsteps:\n  - channel: in_app\n"
        (tmp_path / "workflows" / f"w{number}.yaml").write_text(text)
    (tmp_path / "clarion.toml").write_text(
        '[rates]\nemail = "20/s"\nin_app = 20\npublish = "-5/s"\nemial = "20/sec"\n\n'
        "[concurrency]\nemail = 0\nin_app = -1\nin-app = 5\nexpand = 2.5\n"
    )
    done = await clarion("check", cwd=tmp_path)
    assert done.code == 1
    told = [line for line in done.out.splitlines() if "template" not in line]
    wanted = [
        'clarion.toml:3: `rates`: in_app: a rate is written with its unit and in quotes, for example "20/s"',
        "clarion.toml:4: `rates`: publish: '-5/s' is not a rate: write for example 20/s",
        "clarion.toml:8: `concurrency`: email: expected a whole number from 1 to 10000",
        "clarion.toml:9: `concurrency`: in_app: expected a whole number from 1 to 10000",
        "clarion.toml:11: `concurrency`: expand: expected a whole number from 1 to 10000",
        "workflows/w0.yaml:1:7: `rate` needs a unit of time: 20 alone is none; did you mean 20/s?",
        "workflows/w1.yaml:1:7: `rate`: '-5/s' is not a rate: write for example 20/s",
        "workflows/w2.yaml:1:7: `rate`: '20/fortnight' is not a rate: write for example 20/s",
        "workflows/w3.yaml:1:7: `rate`: '0/s' is out of range: from 1/d to 1000000/s",
        "workflows/w4.yaml:1:20: `per_second` must be a number from 0.0001 to 1000000, not -1",
        "workflows/w5.yaml:1:31: `burst` must be a whole number from 1 to 1000000, not 0",
        "workflows/w6.yaml:1:7: `rate` needs `per_second`",
        "workflows/w6.yaml:1:8: unknown key `per_secnod`; did you mean `per_second`?",
    ]
    assert len(told) == len(wanted), told
    for line, start in zip(told, wanted, strict=True):
        assert line.startswith(start), line

    (tmp_path / "clarion.toml").write_text('[rates]\nemail = "20/s"\nemial = "20/s"\n[concurrency]\nin-app = 5\n')
    found = [one for one in (await clarion("check", "--json", cwd=tmp_path)).lines if one["file"] == "clarion.toml"]
    assert [(one["line"], one["message"], one["hint"]) for one in found] == [
        (3, "`rates`: there is no queue `emial`", "did you mean `email`?"),
        (5, "`concurrency`: there is no queue `in-app`", "did you mean `in_app`?"),
    ]
    for path in (tmp_path / "workflows").iterdir():
        path.unlink()
    refused = await clarion("check", cwd=tmp_path)
    assert (refused.code, len(refused.out.splitlines())) == (1, 3), "also where nothing else is wrong"
    in_environment = await clarion("check", "--project", HOTEL, settings={"CLARION_RATES": "emial=20/s"})
    assert in_environment.code == 2
    assert "CLARION_RATES: `rates`: there is no queue `emial`; did you mean `email`?" in in_environment.err


async def test_a_file_that_ends_too_soon_is_a_mistake_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "hello.yaml").write_text("key: hello\nsteps: [\n")
    done = await clarion("check", cwd=tmp_path)
    assert done.code == 1
    assert done.out.startswith("workflows/hello.yaml:3:1: it is not YAML: ")


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("fe80::1", "http://[fe80::1]:80"),
        ("a.example", "http://a.example:80"),
    ],
)
def test_an_address_is_one_that_can_be_asked(host: str, reached: str) -> None:
    assert address(host, 80) == reached


async def test_check_sees_the_settings_in_force(tmp_path: Path) -> None:
    settings = {"CLARION_EMAIL_FROM": "a@b.example", "CLARION_EMAIL_FROM_DOMAINS": "c.example"}
    done = await clarion("check", "--project", HOTEL, settings=settings)
    assert done.code == 2
    assert "not among email.from_domains" in done.err


async def test_people_see_colours_on_a_terminal_unless_they_want_none() -> None:
    words = ["doctor", "--project", str(HOTEL)]
    coloured = await asyncio.to_thread(_on_a_terminal, words, {})
    plain = await asyncio.to_thread(_on_a_terminal, words, {"NO_COLOR": "1"})
    assert b"\x1b[32m" in coloured
    assert b"\x1b[3" not in plain
    assert b"disk: " in plain


def _on_a_terminal(words: list[str], settings: dict[str, str]) -> bytes:
    """What a command writes to a terminal. The database it is given is away: it ends at once."""
    ours, theirs = pty.openpty()
    away = {"CLARION_DATABASE_URL": "postgresql://127.0.0.1:1/x", "TERM": "xterm", "NO_COLOR": "", "COLUMNS": "200"}
    env = {**environment(**away), **settings}
    process = subprocess.Popen([*CLARION, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
        process.wait(timeout=60)
    return said
