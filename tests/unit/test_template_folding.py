"""What is rendered once per trigger is what would have been rendered for each recipient."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError
from tests.support.words import MESSAGE, RECIPIENT, SHARED, bundle, plainly

from clarion.domain.content import EmailContent
from clarion.domain.workflow import Channel
from clarion.templates import Limits, RenderError, compile_bundle
from clarion.templates.words import fill

NAMES = st.sampled_from(["a", "b"])
#: Paths that are there, mostly; what is missing anywhere makes the whole message fail, which would hide the rest.
READ = st.sampled_from(
    [
        *("payload.word", "payload.list", "payload.object", "payload.object.k", "payload.markup", "payload.n"),
        *("payload['word']", "payload.list[0]", "payload.list.size", "payload.list.first", "message.id"),
        *("recipient.name", "recipient.name", "recipient.name", "recipient.data.x", "recipient.data.x"),
        *("recipient.data.list", "recipient.email", "recipient.data.list.first", "recipient.data"),
        *("recipient.data[payload.word]", "a", "b", "a", "b"),
    ]
)
#: Paths to be tested only.
MAYBE = st.one_of(
    READ,
    st.sampled_from(["payload.no", "payload.gone", "recipient.data.no", "recipient.data.x.size", "recipient.data.y.z"]),
)
FILTER = st.sampled_from(
    [
        *("", "", "", " | upcase", " | default: 'd<i>'", " | default: payload.word", " | default: recipient.name"),
        *(
            " | default: payload.no",
            " | default: payload.markup",
            " | default: a",
            " | size",
            " | escape",
            " | join: ', '",
        ),
        *(
            " | append: recipient.id",
            " | append: '<b>'",
            " | plus: 1",
            " | first",
            " | safe",
            " | date: '%Y'",
            " | default: 1",
        ),
        *(" | default: '&lt;'", " | split: ''", " | default: 'x', allow_false: true", " | strip_html"),
    ]
)
OUTPUT = st.one_of(
    st.builds("{{{{ {}{} }}}}".format, READ, FILTER),
    st.builds("{{{{ {}{} }}}}".format, READ, FILTER),
    st.builds("{{{{ {} | default: {} }}}}".format, MAYBE, READ),
)
LEAF = st.one_of(
    OUTPUT,
    OUTPUT,
    st.sampled_from(
        ["text ", "<p>", "\n", "{{- 'x' -}}", "{% raw %}{{ x }}{% endraw %}", "{# #}", "{% comment %}x{% endcomment %}"]
    ),
    st.builds("{{% assign {} = {}{} %}}".format, NAMES, READ, FILTER),
    st.builds("{{% increment {} %}}".format, st.sampled_from(["a", "c"])),
    st.builds("{{% decrement {} %}}".format, st.sampled_from(["a", "c"])),
    st.builds("{{% cycle {}, 'y' %}}".format, READ),
    st.builds("{{% cycle 'g': 'x', {} %}}".format, READ),
    st.builds("{{% echo {}{} %}}".format, READ, FILTER),
    st.builds("{{% render 'p', who: {} %}}".format, READ),
    st.builds("{{% render 'p' for {} as who %}}".format, READ),
    st.builds("{{% render 'static', who: {} %}}".format, READ),
)
TEST = st.sampled_from(["", "== 'w'", "!= blank", "> 1", "contains 'A'", "and recipient.name", "== payload.no"])
CONDITION = st.builds("{} {}".format, MAYBE, TEST)
#: What every template begins with.
KNOWN = "{% assign a = 'A' %}{% assign b = payload.word %}"


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=3).map("".join)
    return st.one_of(
        st.builds("{{% capture {} %}}{}{{% endcapture %}}".format, NAMES, body),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, CONDITION, body, body),
        st.builds("{{% unless {} %}}{}{{% endunless %}}".format, CONDITION, body),
        st.builds("{{% for i in {} %}}{}{{{{ i }}}}{{% endfor %}}".format, READ, body),
        st.builds("{{% for i in payload.list limit: 1 offset: continue %}}{}{{% endfor %}}".format, body),
        st.builds("{{% for i in (1..3) %}}{{% if i == 2 %}}{{% break %}}{{% endif %}}{}{{% endfor %}}".format, body),
        st.builds("{{% case {} %}}{{% when 'w' %}}{}{{% else %}}{}{{% endcase %}}".format, READ, body, body),
        st.builds("{{% ifchanged %}}{}{{% endifchanged %}}".format, body),
        st.builds("{{% tablerow i in {} cols: 2 %}}{}{{% endtablerow %}}".format, READ, body),
    )


NODES = st.lists(st.recursive(LEAF, _blocks, max_leaves=5), max_size=8).map("".join)
CONTENT = st.sampled_from(
    [
        "{{ content }}",
        "[{{ content }}]",
        "{% if payload.word %}{{ content }}{% endif %}",
        "{{ content | size }}",
        "{% if recipient.name %}{{ content }}{% endif %}",
        "{{ content }}{{ content }}",
        "{% assign a = content %}{{ a }}",
        "{% render 'frame' %}",
        "{{ content | upcase }}",
    ]
)
PAYLOAD: Mapping[str, object] = {
    "word": "w",
    "markup": "<i>&",
    "n": 3,
    "gone": None,
    "list": ["x", "<y>", 2],
    "object": {"k": "v", "q": '"'},
}
VALUES = st.sampled_from(
    [
        "",
        "Ann",
        "<b>A</b>",
        "<i>",
        "{{ 7*7 }}",
        None,
        False,
        True,
        0,
        1.5,
        [],
        ["p", "<q>"],
        {"k": 1},
        {},
        "a  b",
        "w",
        "&lt;",
    ]
)


@settings(max_examples=200, deadline=None)
@given(body=NODES, layout=st.tuples(NODES, CONTENT, NODES).map("".join), line=NODES, name=VALUES, x=VALUES)
@example(
    body="{% assign a = 'x' %}{{ recipient.id | append: a }}{% assign a = 'y' %}{{ recipient.id | append: a }}",
    layout="{{ content }}",
    line="s",
    name="n",
    x="x",
)
@example(body="{{ recipient.name }}", layout="{{ content }}", line="s", name="<b>", x="x")
@example(
    body="{{ payload.no }}{{ recipient.data.no }}", layout="{{ content }}", line="{{ payload.gone }}", name="", x=""
)
@example(
    body="{% assign a = recipient.name %}{% assign b = a %}{{ b }}{{ a }}",
    layout="{{ content }}",
    line="s",
    name="n",
    x=1,
)
def test_folding_changes_nothing(body: str, layout: str, line: str, name: object, x: object) -> None:
    body, layout, line = KNOWN + body, KNOWN + layout, KNOWN + line
    files = {"email.html": (body, {"subject": line, "layout": "base"}), "email.txt": (body, {"layout": "base"})}
    partials = "{{ who }}{% assign a = recipient.id %}{{ a }}"
    layouts = {
        **dict.fromkeys(("p.html", "p.txt"), partials),
        **dict.fromkeys(("static.html", "static.txt"), "{{ payload.word }}{{ who | default: 'nobody' }}"),
        **dict.fromkeys(("frame.html", "frame.txt"), "<{{ content | default: 'none' }}>"),
        **dict.fromkeys(("base.html", "base.txt"), layout),
    }
    compiled = compile_bundle(bundle(files, layouts), "en")
    recipient = {**RECIPIENT, "name": name, "data": {"x": x, "list": ["l", x], "w": name}}
    shared = {**SHARED, "payload": PAYLOAD}
    whole = {**shared, "recipient": recipient, "message": MESSAGE}
    expected, missing, failed = dict[str, str](), list[str](), False
    try:
        expected, missing = plainly(compiled, "email", whole)
    except (LiquidError, ValueError, ArithmeticError):
        failed = True
    prepared = compiled.for_trigger("email", Channel.EMAIL, shared)
    for _ in range(2):
        try:
            content = prepared.render(recipient, MESSAGE)
        except RenderError as error:
            if error.code == "invalid_header":
                assert any(ord(char) < 32 for char in expected["subject"])
            else:
                assert failed or missing
                assert failed or set(error.names) == set(missing)
            continue
        assert not failed
        assert not missing
        assert isinstance(content, EmailContent)
        event("compared")
        assert {"subject": content.subject, "html": content.html, "text": content.text} == expected


@pytest.mark.parametrize(
    ("body", "parts", "holes"),
    [
        ("<p>{{ payload.order }}</p>{{ recipient.name }}!", ("<p>12345</p>", "", "!"), 1),
        ("{% assign a = payload.order %}{{ a }}{% for r in payload.rows %}{{ r }}{% endfor %}", ("12345123",), 0),
        (
            "{% if payload.order %}{% render 'foot' %}{% endif %}{{ recipient.data.a | default: payload.order }}",
            ("foot 12345", ""),
            1,
        ),
    ],
)
def test_what_is_the_same_for_all_is_rendered_before(body: str, parts: tuple[str, ...], holes: int) -> None:
    files = bundle({"email.html": (body, {"subject": "s"})}, {"foot.html": "foot {{ payload.order }}"})
    words = fill(compile_bundle(files, "en").choose("email", None), SHARED, Limits())
    assert words.html is not None
    assert words.html.parts == parts
    assert len(words.html.holes) == holes
    assert not words.html.steps


def test_a_layout_is_folded_around_its_content() -> None:
    files = bundle(
        {"email.html": ("Hi {{ recipient.name }}", {"subject": "s", "layout": "inner"})},
        {
            "inner.html": ("<i>{{ content }}</i>", {"layout": "outer"}),
            "outer.html": "<html>{{ content }} {{ message.id }}</html>",
        },
    )
    words = fill(compile_bundle(files, "en").choose("email", None), SHARED, Limits())
    assert words.html is not None
    assert "".join(words.html.parts) == "<html><i>Hi </i> </html>"
    assert [hole.name for _, hole in words.html.holes] == ["recipient.name", "message.id"]
    assert words.html.inner is None
