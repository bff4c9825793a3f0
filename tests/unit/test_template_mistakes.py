"""Mistakes in templates are all found before anything is sent."""

from __future__ import annotations

import json

import pytest
from tests.support.words import SHARED, bundle, faults

from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.templates import Bundle, RenderError, compile_bundle, variables


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("x\n{{ recipiant.name }}", 2, "there is no variable `recipiant`; did you mean `recipient`?"),
        ("{{ orderId }}", 1, "the trigger's own values are under `payload`: `payload.orderId`"),
        ("{{ recipient.seat }}", 1, "own fields are under `recipient.data`: `recipient.data.seat`"),
        ("{{ trigger.metdata }}", 1, "did you mean `metadata`?"),
        ("{{ payload.x | upcasee }}", 1, "there is no filter `upcasee`; did you mean `upcase`?"),
        ("{% foor x in payload.y %}{% endfor %}", 1, "there is no tag `foor` here; did you mean `for`?"),
        ("{% include 'x' %}", 1, "there is no tag `include`; use `render`"),
        ("a\n\n{% if payload.x %}", None, "endif"),
        ("a\n{{ payload.x ", 2, "{{ is never closed with }}"),
        ("{% render payload.x %}", 1, "expected an identifier, found a path"),
        ("{% render 'fot' %}", 1, "there is no layouts/fot.txt to render; did you mean `foot`?"),
        ("{% assign payload = 1 %}", 1, "`payload` cannot be used for a variable"),
        ("{% for recipient in payload.x %}{% endfor %}", 1, "`recipient` cannot be used for a variable"),
        ("{{ now }}", 1, "there is no variable `now`"),
        ("{{ content }}", 1, "there is no variable `content`"),
        ("{% for i in payload.x %}{% endfor %}{{ i }}", 1, "there is no variable `i`"),
    ],
)
def test_mistakes_are_told_with_file_line_and_hint(source: str, line: int | None, words: str) -> None:
    found = faults({"email.txt": (source, {"subject": "s"})}, {"foot.txt": "x"})
    where = "templates/booking/email.txt"
    assert any(words in detail and pointer.startswith(where) for pointer, detail in found), found
    if line is not None:
        assert found[0][0] == f"{where}:{line}"


def test_lines_count_from_the_top_of_the_file() -> None:
    files = bundle({"email.txt": ("a\n{{ nme }}", {"subject": "{{ x | y }}"})})
    data = json.loads(json.dumps(files.to_json()))
    data["templates"]["email"][0]["first_line"] = 5
    with pytest.raises(Invalid) as caught:
        compile_bundle(Bundle.from_json(data), "en")
    assert [fault.pointer for fault in caught.value.faults] == [
        "templates/booking/email.txt:6",
        "templates/booking/email.txt",
        "templates/booking/email.txt",
    ]


def test_all_mistakes_of_all_files_are_told() -> None:
    found = faults(
        {
            "email.html": ("{{ a }}", {"subject": "{{ b", "layout": "bse", "subjct": "x", "url": 3}),
            "in_app.txt": ("{% if %}", {"title": "t"}),
        },
        {"base.html": "{{ content }}{{ c }}{{ content | d }}", "other.html": ("{{ content }}", {"layout": "base"})},
    )
    assert len(found) == 8
    assert ("templates/booking/email.html", "there is no layouts/bse.html; did you mean `base`?") in found


def test_what_a_channel_needs_is_checked() -> None:
    compiled = compile_bundle(bundle({"email.txt": "x", "feed.html": ("x", {"title": "t"}), "sms.txt": "x"}), "en")
    assert [found.detail for found in compiled.check_channel("email", Channel.EMAIL)] == [
        "no `subject` in the front matter"
    ]
    assert [found.detail for found in compiled.check_channel("feed", Channel.IN_APP)] == [
        "a feed item needs a .txt file"
    ]
    assert [found.detail for found in compiled.check_channel("feed", Channel.SMS)] == [
        "a text message needs a .txt file"
    ]
    assert compiled.check_channel("sms", Channel.SMS) == []
    assert [found.detail for found in compiled.check_channel("push", Channel.EMAIL)] == ["there is no template `push`"]
    with pytest.raises(RenderError) as caught:
        compiled.for_trigger("email", Channel.EMAIL, SHARED)
    assert caught.value.code == "no_template"


def test_bundles_survive_json() -> None:
    files = bundle({"email.pt.html": ("ä{{ payload.x }}", {"subject": "s"}), "email.txt": "t"}, {"base.html": "x"})
    assert Bundle.from_json(json.loads(json.dumps(files.to_json()))).to_json() == files.to_json()


def test_a_layout_must_show_its_content() -> None:
    found = faults({"email.html": ("x", {"subject": "s", "layout": "base"})}, {"base.html": "<html></html>"})
    assert found == [("layouts/base.html", "a layout says `{{ content }}` where what it goes around belongs")]


def test_variables_are_listed() -> None:
    source = bundle(
        {
            "email.html": (
                "{{ recipient.data.seat }}{% for row in payload.rows %}{{ row.name }}{{ payload.names[row.id] }}"
                "{% endfor %}"
                "{% assign x = payload.a.b | plus: payload.c %}{{ x }}{% if payload.d == 'e' %}{% endif %}",
                {"subject": "{{ payload.order }}"},
            )
        }
    ).templates["email"]
    assert variables(source) == {
        *("recipient.data.seat", "payload.rows", "payload.names[row.id]", "payload.a.b", "payload.c", "payload.d"),
        "payload.order",
    }
