"""Templates and data that ask for too much are stopped early, with a word that says why."""

from __future__ import annotations

import resource
import time  # process_time: the wall's clock would measure the neighbours, too
from collections.abc import Mapping

import pytest
from tests.support.machine import usual
from tests.support.words import MESSAGE, RECIPIENT, SHARED, Files, bundle

from clarion.domain.content import EmailContent
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.templates import Limits, RenderError, compile_bundle

BOMBS = {
    "doubling by append": "{% assign s = 'x' %}" + "{% assign s = s | append: s %}" * 60,
    "doubling in a loop": "{% assign s = 'x' %}{% for i in (1..1000) %}{% assign s = s | append: s %}{% endfor %}",
    "doubling by capture": "{% assign s = 'x' %}" + "{% capture s %}{{ s }}{{ s }}{% endcapture %}" * 60,
    "replacing with itself": "{% assign s = 'aaaaaaaaaaaaaaaa' %}" + "{% assign s = s | replace: 'a', s %}" * 12,
    "joining with itself": "{% assign s = 'a,a,a,a,a,a,a,a' %}" + "{% assign s = s | split: ',' | join: s %}" * 20,
    "doubling a list": "{% assign l = payload.rows %}" + "{% assign l = l | concat: l %}" * 60,
    "squaring a number": "{% assign n = 99999 %}" + "{% assign n = n | times: n %}" * 40,
    "nested loops": "{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}",
    "loops in loops in loops": "{% for a in (1..99) %}" * 9 + "{{ a }}" + "{% endfor %}" * 9,
    "an endless range": "{% for a in (1..99999999999999) %}x{% endfor %}",
    "an endless range, reversed": "{% for a in (1..99999999999) reversed %}x{% endfor %}",
    "an endless range, filtered": "{{ (1..99999999999) | reverse | join: ',' }}",
    "a range beyond machine words": "{% for a in (1..99999999999999999999999999) %}x{% endfor %}",
    "loops after loops": "{% for a in (1..40000) %}x{% endfor %}" * 400,
    "empty loops with work in them": "{% for a in (1..40000) %}" + "{% if a %}{% endif %}" * 300 + "{% endfor %}",
    "rows of a table": "{% tablerow a in (1..10000000) cols: 2 %}x{% endtablerow %}",
    "partials in loops": "{% for a in (1..40000) %}{% render 'p' %}{% endfor %}",
    "comparing each with each": "{% assign l = payload.many | uniq %}" * 3,
    "many variables": "".join(f"{{% assign v{i} = payload.big %}}" for i in range(60)),
    "splitting into letters": "{% assign l = payload.big | split: '' %}{{ l | size }}",
    "nested lists": "{% assign l = payload.objects %}" + "{% assign l = l | concat: l %}" * 9
    + "{% assign m = l | map: 'list' | reverse | reverse %}",
    "a list of long texts": "{% assign l = payload.big | split: 'zz' %}" + "{% assign l = l | concat: l %}" * 14
    + "{% assign m = l | sort_natural %}",
    "hidden in a condition": "{% if payload.order %}{% for a in (1..300000) %}{{ a }}{% endfor %}{% endif %}",
    "per recipient": "{% for a in recipient.data.list %}{% for b in (1..5000) %}{{ a }}{% endfor %}{% endfor %}",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_stopped(name: str) -> None:
    payload = {
        "order": "1",
        "rows": [1, 2],
        "many": [f"item {i}" for i in range(6000)],
        "big": "z" * 100_000 if "letters" in name or "variables" in name else "y" * 250_000,
        "objects": [{"list": list(range(900))} for _ in range(50)],
    }
    recipient = {**RECIPIENT, "data": {"list": list(range(100))}}
    files = bundle(
        {"email.html": (BOMBS[name], {"subject": "s"}), "email.txt": "t"}, {"p.html": "{% if true %}x{% endif %}" * 9}
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    prepared = compile_bundle(files, "en").for_trigger("email", Channel.EMAIL, {**SHARED, "payload": payload})
    with pytest.raises(RenderError) as caught:
        prepared.render(recipient, MESSAGE)
    assert caught.value.code == "resource_limit"
    assert "templates/booking/email.html" in caught.value.message or "layouts/p.html" in caught.value.message
    assert time.process_time() - start < usual(2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_what_fails_for_all_is_not_tried_again_for_each() -> None:
    files = bundle({"email.html": (BOMBS["nested loops"], {"subject": "s"})})
    prepared = compile_bundle(files, "en").for_trigger("email", Channel.EMAIL, SHARED)
    start = time.process_time()
    errors = []
    for _ in range(1000):
        with pytest.raises(RenderError) as caught:
            prepared.render(RECIPIENT, MESSAGE)
        errors.append(caught.value)
    assert time.process_time() - start < usual(2)
    assert len(set(map(id, errors))) == 1000


def test_a_usual_invoice_is_far_from_the_limits() -> None:
    row = (
        "<td>{{ forloop.index }}</td><td>{{ row.name | capitalize }}</td><td>{{ row.price | times: 2 | round: 2 }}</td>"
    )
    files = bundle({"email.html": ("{% for row in payload.rows %}" + row + "{% endfor %}", {"subject": "s"})})
    rows = [{"name": f"item {i}", "price": i / 7} for i in range(5000)]
    prepared = compile_bundle(files, "en").for_trigger("email", Channel.EMAIL, {**SHARED, "payload": {"rows": rows}})
    content = prepared.render(RECIPIENT, MESSAGE)
    assert isinstance(content, EmailContent)
    assert "<td>5000</td><td>Item 4999</td><td>1428.29</td>" in (content.html or "")


@pytest.mark.parametrize(
    "body",
    ["{{ payload.big }}" * 60, "{{ recipient.data.big }}" * 60, "{% for i in (1..60) %}{{ payload.big }}{% endfor %}"],
)
def test_a_mail_that_is_too_large_is_refused(body: str) -> None:
    big = "ä" * 500_000
    prepared = compile_bundle(bundle({"email.txt": (body, {"subject": "s"})}), "en").for_trigger(
        "email", Channel.EMAIL, {**SHARED, "payload": {"big": big}}
    )
    with pytest.raises(RenderError) as caught:
        prepared.render({**RECIPIENT, "data": {"big": big}}, MESSAGE)
    assert caught.value.code == "too_large"


def test_sizes_are_counted_in_bytes_over_all_parts() -> None:
    files = bundle({"email.html": ("{{ payload.big }}", {"subject": "s"}), "email.txt": "{{ payload.big }}"})
    compiled = compile_bundle(files, "en", limits=Limits(output=1000))

    def code(big: str) -> str | None:
        try:
            compiled.for_trigger("email", Channel.EMAIL, {**SHARED, "payload": {"big": big}}).render(RECIPIENT, MESSAGE)
        except RenderError as error:
            return error.code
        return None

    assert code("x" * 499) is None
    assert code("x" * 500) == "too_large"
    assert code("ä" * 249) is None
    assert code("ä" * 250) == "too_large"
    assert code("x" * 400 + "ä") is None


@pytest.mark.parametrize(
    ("layouts", "code"),
    [
        ({"base.html": ("{{ content }}", {"layout": "base"})}, "include_cycle"),
        (
            {"base.html": ("{{ content }}", {"layout": "b"}), "b.html": ("{{ content }}", {"layout": "base"})},
            "include_cycle",
        ),
        ({"base.html": "{{ content }}{% render 'base' %}"}, "include_cycle"),
        (
            {"base.html": "{{ content }}{% render 'a' %}", "a.html": "{% render 'b' %}", "b.html": "{% render 'a' %}"},
            "include_cycle",
        ),
        (
            {f"l{i}.html": ("{{ content }}", {"layout": f"l{i + 1}"}) for i in range(11)}
            | {"l11.html": "{{ content }}", "base.html": ("{{ content }}", {"layout": "l0"})},
            "include_depth",
        ),
    ],
)
def test_layouts_that_lead_nowhere_are_refused(layouts: Files, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_bundle(bundle({"email.html": ("x", {"subject": "s", "layout": "base"})}, layouts), "en")
    assert caught.value.code == code


def test_layouts_may_be_nested_ten_deep() -> None:
    depth = 10
    layouts: dict[str, tuple[str, Mapping[str, object]]] = {
        f"l{i}.html": ("<{{ content }}>", {"layout": f"l{i + 1}"} if i < depth else {}) for i in range(1, depth + 1)
    }
    files = bundle(
        {"email.html": ("{{ recipient.name }}", {"subject": "s", "layout": "l1"}), "email.txt": "t"}, layouts
    )
    content = compile_bundle(files, "en").for_trigger("email", Channel.EMAIL, SHARED).render(RECIPIENT, MESSAGE)
    assert isinstance(content, EmailContent)
    assert content.html == "<" * depth + "Ann" + ">" * depth


@pytest.mark.parametrize(
    "source",
    [
        "{{" * 100_000,
        "{%" * 100_000,
        "{% raw %}" * 20_000,
        "{% doc %}" * 20_000,
        "{% if a %}" * 20_000,
        "{{ " + "a." * 80_000 + "a }}",
        "{{ a" + "[a" * 20_000 + " }}",
        "{{ a " + "| upcase " * 20_000 + "}}",
        "{% if a" + " and a" * 20_000 + " %}{% endif %}",
        "{{ }}" * 40_000,
        "{{ '" + "x" * 200_000,
        "x" * 256_001,
    ],
)
def test_hostile_sources_are_refused_quickly(source: str) -> None:
    start = time.process_time()
    with pytest.raises(Invalid):
        compile_bundle(bundle({"email.html": (source, {"subject": "s"})}), "en")
    assert time.process_time() - start < usual(2)
