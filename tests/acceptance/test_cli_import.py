"""``clarion import handlebars`` as people use it: files in, files or standard output out, and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import clarion


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "email.hbs").write_text("Dear {{name}},\r\n{{#if note}}{{note}}{{/if}}\n{{> footer}}\n", newline="")
    (tmp_path / "footer.handlebars").write_text("Bye, {{name}}")
    (tmp_path / "sms.txt.hbs").write_text("{{{code}}}")
    (tmp_path / "hard.hbs").write_text("{{#each rows}}\n  {{money total}}\n{{/each}}\n{{#if}}")
    return tmp_path


async def test_several_files_go_to_a_folder_and_are_not_replaced(folder: Path) -> None:
    names = [str(folder / name) for name in ("email.hbs", "footer.handlebars", "sms.txt.hbs")]
    done = await clarion("import", "handlebars", *names, "--out", str(folder / "out"), "--strict")
    assert done.code == 0, done.err
    written = {path.name: path.read_bytes().decode() for path in (folder / "out").iterdir()}
    assert written == {
        "email.html": "Dear {{ payload.name }},\r\n"
        "{% if payload.note and payload.note != 0 and payload.note != empty %}{{ payload.note }}{% endif %}\n"
        "{% render 'footer' %}",
        "footer.html": "Bye, {{ payload.name }}",
        "sms.txt": "{{ payload.code }}",
    }
    again = await clarion("import", "handlebars", *names, "--out", str(folder / "out"))
    assert (again.code, "is there already" in again.err) == (2, True)
    forced = await clarion("import", "handlebars", *names, "--out", str(folder / "out"), "--force")
    assert forced.code == 0


async def test_one_file_goes_to_standard_output(folder: Path) -> None:
    done = await clarion("import", "handlebars", str(folder / "footer.handlebars"), "--root", "data")
    assert (done.code, done.out) == (0, 'Bye, {{ data.name | default: "", allow_false: true }}')


async def test_what_is_left_is_listed_with_its_line(folder: Path) -> None:
    hard = folder / "hard.hbs"
    hard.write_text(hard.read_text().replace("{{#if}}", "{{@user}}"))
    done = await clarion("import", "handlebars", str(hard))
    assert done.code == 1
    told = done.err.splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"{hard}:2:3", f"{hard}:4:1"]
    assert "money" in told[0]
    assert "not converted: money total" in done.out


async def test_what_cannot_be_used_is_said(folder: Path) -> None:
    several = await clarion("import", "handlebars", str(folder / "email.hbs"), str(folder / "hard.hbs"))
    assert (several.code, "--out" in several.err) == (2, True)
    nowhere = await clarion("import", "handlebars", str(folder / "none.hbs"))
    assert (nowhere.code, "cannot be read" in nowhere.err) == (2, True)
    root = await clarion("import", "handlebars", str(folder / "email.hbs"), "--root", "a.b")
    assert (root.code, "--root" in root.err) == (2, True)
    unclosed = await clarion("import", "handlebars", str(folder / "hard.hbs"))
    assert (unclosed.code, unclosed.out, f"{folder / 'hard.hbs'}:4:1" in unclosed.err) == (1, "", True)
