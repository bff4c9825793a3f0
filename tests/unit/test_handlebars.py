"""Handlebars turned into Liquid shows the same text from the same data, and says what it could not turn."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support import words
from tests.support.handlebars_cases import COUNT, FILE

from clarion.errors import Invalid
from clarion.project.handlebars.convert import Converted, convert
from clarion.project.mistake import Severity
from clarion.templates import RenderError

_CASES = json.loads(FILE.read_text(encoding="utf-8"))


def _liquid(source: str, **options: Any) -> str:
    converted = convert(source, "mail.hbs", **options)
    assert [str(mistake) for mistake in converted.mistakes] == []
    return converted.liquid


def _shown(source: str, data: dict[str, Any]) -> str:
    """What the converted *source* shows, with characters for their references: both sides write some otherwise."""
    return html.unescape(words.html(convert(source, "mail.hbs").liquid, data))


def _errors(converted: Converted) -> list[tuple[int | None, str]]:
    return [(m.line, m.message) for m in converted.mistakes if m.severity is Severity.ERROR]


def test_random_templates_show_what_handlebars_itself_shows() -> None:
    """Every one is turned whole, and shows the same from data with holes, zeros, empty lists and markup."""
    assert len(_CASES) == COUNT
    for case in _CASES:
        source, data = case["template"], case["data"]
        assert _errors(convert(source, "mail.hbs")) == [], source
        assert _shown(source, data) == html.unescape(case["rendered"]), f"{source!r} with {data!r}"
    assert sum("{{#each" in case["template"] or "{{~#each" in case["template"] for case in _CASES) > 100
    assert len({case["rendered"] for case in _CASES}) > 300


@pytest.mark.parametrize(
    ("source", "liquid"),
    [
        ("Dear {{name}}!", "Dear {{ payload.name }}!"),
        ("{{a.b.c}} {{a/b}} {{a.[odd key]}} {{items.[0].x}}", None),
        ("{{{html}}}{{&html}}", "{{ payload.html | safe }}{{ payload.html | safe }}"),
        ("{{! a }}{{!-- b }} --}}x", "x"),
        ("{{#if a}}x{{else if b}}y{{else}}z{{/if}}", None),
        ("{{#each rows}}{{name}} {{../name}} {{@index}}{{else}}none{{/each}}", None),
        ("{{#with guest as |g|}}{{g.name}}{{/with}}", None),
        ("\\{{name}}", "{% raw %}{{{% endraw %}name}}"),
        ("{{> footer}}", "{% render 'footer' %}"),
        ("{{> card guest}}", "{% render 'card', payload: payload.guest %}"),
    ],
)
def test_the_plain_form(source: str, liquid: str | None) -> None:
    made = _liquid(source, strict=True)
    expected = {
        "{{a.b.c}}": '{{ payload.a.b.c }} {{ payload.a.b }} {{ payload.a["odd key"] }} {{ payload.items[0].x }}',
        "{{#if a}}": "{% if payload.a and payload.a != 0 and payload.a != empty %}x"
        "{% elsif payload.b and payload.b != 0 and payload.b != empty %}y{% else %}z{% endif %}",
        "{{#each ": "{% for item in payload.rows %}{{ item.name }} {{ payload.name }} {{ forloop.index0 }}"
        "{% else %}none{% endfor %}",
        "{{#with ": "{% if payload.guest and payload.guest != empty %}{{ payload.guest.name }}{% endif %}",
    }
    assert made == (liquid or next(text for start, text in expected.items() if source.startswith(start)))


def test_missing_values_show_nothing_unless_they_should_fail() -> None:
    assert _shown("[{{name}}]", {}) == "[]"
    with pytest.raises(RenderError, match="name"):
        words.html(_liquid("[{{name}}]", strict=True), {"other": 1})


@pytest.mark.parametrize("nothing", [0, "", [], None, False, 0.0])
def test_if_is_false_for_what_javascript_takes_for_nothing(nothing: object) -> None:
    assert _shown("{{#if x}}yes{{else}}no{{/if}}", {"x": nothing}) == "no"
    assert _shown("{{#unless x}}yes{{else}}no{{/unless}}", {"x": nothing}) == "yes"


@pytest.mark.parametrize("something", [1, "0", " ", [0], True, {"a": 1}, "false", -1])
def test_if_is_true_for_anything_else(something: object) -> None:
    assert _shown("{{#if x}}yes{{else}}no{{/if}}", {"x": something}) == "yes"


def test_partials_see_what_they_are_given() -> None:
    card, mail = convert("<i>{{name}}</i>", "card.hbs"), convert("{{> card}}{{#each l}}{{> card}}{{/each}}", "m.hbs")
    assert card.mistakes == mail.mistakes == []
    files = {"email.html": (mail.liquid, {"subject": "s"})}
    content = words.email(files, {"card.html": card.liquid}, payload={"name": "A", "l": [{"name": "B"}, {"name": "C"}]})
    assert content.html == "<i>A</i><i>B</i><i>C</i>"


def test_a_name_that_no_layout_can_have_is_told() -> None:
    converted = convert("{{> shared/Footer}}", "m.hbs")
    assert converted.liquid == "{% render 'shared-footer' %}"
    assert [(m.severity, "`shared-footer`" in m.message) for m in converted.mistakes] == [(Severity.WARNING, True)]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{formatDate at 'short'}}", "formatDate"),
        ("{{link url text='x'}}", "link"),
        ("{{#if (eq a b)}}x{{/if}}", "more than a path"),
        ("{{lookup map key}}", "lookup"),
        ("{{#list rows}}x{{/list}}", "#list rows"),
        ("{{#rows}}x{{/rows}}", "#rows"),
        ("{{^rows}}x{{/rows}}", "^rows"),
        ("{{#*inline 'a'}}x{{/inline}}", "#*inline"),
        ("{{#> layout}}x{{/layout}}", "#> layout"),
        ("{{* decorate}}", "decorate"),
        ("{{> (which) }}", "the partial"),
        ("{{> card title='x'}}", "the partial"),
        ("{{{{raw}}}} {{x}} {{{{/raw}}}}", "raw"),
        ("{{../name}}", "leads out"),
        ("{{@index}}", "outside of an each"),
        ("{{@user.name}}", "set by a program"),
        ("{{'text'}}", "literal"),
        ("{{12}}", "literal"),
    ],
)
def test_what_cannot_be_turned_is_told_and_marked_where_it_stood(source: str, says: str) -> None:
    converted = convert(f"before\n  {source}\nafter", "mail.hbs")
    ((line, message),) = _errors(converted)
    assert line == 2
    assert says in message
    assert all(mistake.hint for mistake in converted.mistakes)
    assert "not converted" in converted.liquid
    assert converted.liquid.startswith("before\n")
    assert converted.liquid.endswith("after")
    try:  # and what is left is Liquid all the same
        words.html(converted.liquid, {"rows": []})
    except Invalid as error:
        pytest.fail(error.message)
    except RenderError:
        pass


def test_all_that_cannot_be_turned_is_told_at_once() -> None:
    converted = convert("{{#each rows}}\n{{money total}}\n{{/each}}\n{{date at}}", "mail.hbs")
    assert [line for line, _ in _errors(converted)] == [2, 4]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x\n{{name", 2),
        ("{{#if a}}\n{{/each}}", 2),
        ("\n\n{{#if a}}", 3),
        ("{{/if}}", 1),
        ("{{else}}", 1),
        ("{{#if a}}{{else}}{{else}}{{/if}}", 1),
        ("{{a..b}}", 1),
        ("{{a b=}}", 1),
        ("{{}}", 1),
        ("{{! never", 1),
        ('{{a "b}}', 1),
        ("{{#if a}}" * 60, 1),
        ("{{#if a}}" + "{{else if a}}" * 200 + "{{/if}}", 1),
        ("{{{{raw}}}}", 1),
    ],
)
def test_what_is_no_handlebars_is_told_with_its_line(source: str, line: int) -> None:
    converted = convert(source, "mail.hbs")
    assert converted.liquid == ""
    assert [told for told, _ in _errors(converted)] == [line]


def test_what_looks_like_liquid_stays_text() -> None:
    source = "{% if x %} {{name}} {%- raw -%} {% endraw %} {"
    assert _shown(source, {"name": "A"}) == source.replace("{{name}}", "A")


def test_text_is_not_escaped(tmp_path: Path) -> None:
    assert _liquid("{{{a}}} {{b}}", html=False, strict=True) == "{{ payload.a }} {{ payload.b }}"


def test_another_root() -> None:
    assert _liquid("{{a}}{{@root.b}}", root="data", strict=True) == "{{ data.a }}{{ data.b }}"


def test_loops_in_loops_have_variables_of_their_own() -> None:
    source = "{{#each a}}{{#each this}}{{this}}{{@../index}}{{/each}}{{/each}}"
    made = _liquid(source, strict=True)
    assert "{% for item in payload.a %}{% for item_2 in item %}{{ item_2 }}{{ forloop.parentloop.index0 }}" in made
    assert _shown(source, {"a": [["x", "y"], ["z"]]}) == "x0y0z1"
