"""How the command line reads what people give it, and writes what they get."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from clarion.cli.audience import read_payload, recipient
from clarion.cli.people import chunks, read_ids, read_people
from clarion.cli.story.play import as_text
from clarion.cli.table import Column, show, write_list, write_one
from clarion.cli.watch import done, note, whole
from clarion.errors import Invalid


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ada", "ada"),
        ("ada@example.com", {"email": "ada@example.com"}),
        ("topic:guests", {"topic": "guests"}),
        ("id:ada@example.com", "ada@example.com"),
        ("email:ada", {"email": "ada"}),
        ("+31 6 12345678", {"phone": "+31 6 12345678"}),
        ("phone:+31612345678", {"phone": "+31612345678"}),
        ("id:+31612345678", "+31612345678"),
        ("other:thing", "other:thing"),
    ],
)
def test_who_is_meant(text: str, named: object) -> None:
    assert recipient(text) == named


@pytest.mark.parametrize(
    ("assignments", "payload"),
    [
        (["a=1"], {"a": 1}),
        (["a=x"], {"a": "x"}),
        (['a="1"'], {"a": "1"}),
        (["a="], {"a": ""}),
        (["a=b=c"], {"a": "b=c"}),
        (
            ["order.id=42", "order.paid=true", "order.lines=[1, 2]"],
            {"order": {"id": 42, "paid": True, "lines": [1, 2]}},
        ),
        (["a=1", "a=2"], {"a": 2}),
        (["a=01"], {"a": "01"}),
        (["n=1e999"], {"n": "1e999"}),
        (["n=NaN"], {"n": "NaN"}),
    ],
)
def test_values_of_the_payload(assignments: list[str], payload: dict[str, object]) -> None:
    assert read_payload(None, assignments) == payload


@pytest.mark.parametrize("assignment", ["a", "=1", ".a=1", "a.=1", "a..b=1"])
def test_what_is_no_assignment(assignment: str) -> None:
    with pytest.raises(Invalid, match="--set"):
        read_payload(None, [assignment])


def test_a_payload_from_a_file_or_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"order": {"id": 1, "paid": false}}')
    assert read_payload(str(file), ["order.id=2"]) == {"order": {"id": 2, "paid": False}}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": "é"}'))
    assert read_payload("-", []) == {"a": "é"}
    file.write_text('{\n "a": }')
    with pytest.raises(Invalid, match=r"payload\.json:2:7: it is not JSON"):
        read_payload(str(file), [])
    file.write_text("[]")
    with pytest.raises(Invalid, match="a payload is a JSON object"):
        read_payload(str(file), [])
    file.write_bytes(b"\xff")
    with pytest.raises(Invalid, match="is not UTF-8"):
        read_payload(str(file), [])


def test_people_in_files(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text('\ufeffemail,id,plan,phone\na@example.com,a,"gold, old",+31612345678\n,b,,\n', encoding="utf-8")
    assert list(read_people(str(table))) == [
        {"id": "a", "email": "a@example.com", "phone": "+31612345678", "data": {"plan": "gold, old"}},
        {"id": "b"},
    ]
    lines = tmp_path / "people.jsonl"
    lines.write_text('{"id": "a"}\n\n{"id": "b", "data": {"x": [1]}}\n')
    assert list(read_people(str(lines))) == [{"id": "a"}, {"id": "b", "data": {"x": [1]}}]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.csv", "name,email\nx,y\n", "p.csv:1: there is no column `id`"),
        ("p.csv", "id,name\na\n", "p.csv:2: it has not as many columns"),
        ("p.csv", "id,name\na,b,c\n", "p.csv:2: it has not as many columns"),
        ("p.jsonl", '{"id": 1}\n{\n', "p.jsonl:2:"),
        ("p.jsonl", "[1]\n", "p.jsonl:1: it is no JSON object"),
    ],
)
def test_files_that_cannot_be_read_say_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Invalid) as error:
        list(read_people(name))
    assert error.value.message.startswith(said)


def test_ids_in_files(tmp_path: Path) -> None:
    file = tmp_path / "ids.csv"
    for text, found in (
        ("a\nb\n\nc\n", ["a", "b", "c"]),
        ("name,id\nx,a\ny,b\n", ["a", "b"]),
        ("", []),
        ("a,x\nb,y", ["a", "b"]),
    ):
        file.write_text(text)
        assert list(read_ids(str(file))) == found


def test_chunks() -> None:
    assert list(chunks(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks(iter(()), 2)) == []


def _trigger(total: int | None, expanded: int, **messages: int) -> dict[str, Any]:
    return {"recipients": {"total": total, "expanded": expanded}, "messages": messages}


@pytest.mark.parametrize(
    ("trigger", "ended", "expected"),
    [
        (_trigger(10, 0), 0, 10),
        (_trigger(None, 0), 0, 0),
        (_trigger(10, 5, queued=4, sent=6), 6, 20),  # two each: those to come have as many
        (_trigger(10, 10, sent=10, delivered=9, skipped=1), 20, 20),
        (_trigger(10, 10, sending=1, sent=19), 19, 20),
    ],
)
def test_how_far_a_trigger_is(trigger: dict[str, Any], ended: int, expected: int) -> None:
    assert (done(trigger), whole(trigger)) == (ended, expected)


def test_what_went_well_is_said_first() -> None:
    assert note({"queued": 0, "failed": 2, "sent": 1_500, "skipped": 1}) == "1,500 sent, 2 failed, 1 skipped"


def test_tables_for_programs_and_people(capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"id": "a" * 120, "n": 12345, "x": None}, {"id": "[b]", "n": 1, "x": "é\x1b[31m\n"}]
    columns = [Column("id", "id"), Column("n", "n", right=True), Column("x", "x")]
    write_list(items, columns, as_json=True, empty="")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == items
    write_list(items, columns, as_json=False, empty="")
    out = capsys.readouterr().out
    assert "a" * 120 in out  # never folded where nobody looks
    assert "[b]" in out
    assert "\x1b" not in out  # what others wrote cannot steer the terminal
    assert "12,345" in out
    assert all(line == line.rstrip() for line in out.splitlines())
    write_list([], columns, as_json=False, empty="None.")
    assert capsys.readouterr() == ("", "None.\n")
    write_one(items[0], columns, as_json=False)
    assert "x" not in {line.split()[0] for line in capsys.readouterr().out.splitlines()}  # nothing to say of it


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (True, "yes"), (1234, "1,234"), (0.25, "0.2"), ({"a": "é"}, '{"a": "é"}')]
)
def test_values_for_people(value: object, shown: str) -> None:
    assert show(value) == shown


def test_a_mail_as_text() -> None:
    mail = {"from": "A <a@x.example>", "to": "b@x.example", "subject": "Héllo", "text": "One\n\nTwo  \n"}
    assert as_text(mail) == "\n  From: A <a@x.example>\n  To: b@x.example\n  Subject: Héllo\n\n  One\n\n  Two\n"
