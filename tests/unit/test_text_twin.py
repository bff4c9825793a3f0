"""HTML as plain text: what it looks like, that it costs time in proportion, and that its short cut changes nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.words import MESSAGE, RECIPIENT, SHARED, bundle

from clarion.domain.content import EmailContent
from clarion.domain.workflow import Channel
from clarion.templates import Limits, RenderError, compile_bundle, to_text
from clarion.templates.html_text import strip_tags
from clarion.templates.words import fill


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>Hello</h1><p>One <b>two</b>\n three</p><p>four</p>", "Hello\n\nOne two three\n\nfour"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("Tom &amp; Jerry &lt;3 &eacute; &#233; &#xE9; &nbsp;!", "Tom & Jerry <3 é é é !"),
        ('<a href="https://a.b/c?d=1&amp;e=2">the page</a>', "the page (https://a.b/c?d=1&e=2)"),
        ('<a href="https://a.b/">a.b</a> <a href="https://a.b">https://a.b</a>', "a.b https://a.b"),
        ('<a href="mailto:x@y.z?subject=Hi">write</a> <a href="mailto:x@y.z">x@y.z</a>', "write (x@y.z) x@y.z"),
        ('<a href="javascript:alert(1)">no</a> <a href="#top">top</a>', "no top"),
        ('<a href="https://a.b"><img src="x" alt="Logo"></a>', "Logo (https://a.b)"),
        ('<a href="https://a.b"><img src="x"></a>', "https://a.b"),
        ("<ul><li>one<li>two<ol><li>a</li><li>b</li></ol></li></ul>end", "- one\n- two\n  1. a\n  2. b\n\nend"),
        (
            "<table><tr><th>Room</th><th>Nights</th></tr><tr><td>Double</td><td></td><td>3</td></tr></table>",
            "Room | Nights\nDouble | 3",
        ),
        ("<blockquote>he said<br>so</blockquote>", "> he said\n> so"),
        ("x<pre>a\n  b\n\nc</pre>y", "x\n\na\n  b\n\nc\n\ny"),
        ("a<hr>b", "a\n\n---\n\nb"),
        ("<head><title>t</title></head><style>p{}</style><script>if (a<b) x()</script><p>yes</p>", "yes"),
        ('<div style="display: none">pre <div>header</div></div><p hidden>x</p>yes', "yes"),
        ("<head><title>t</title><body>shown", "shown"),
        ("<!-- a <b> comment -->yes<![CDATA[x]]><!doctype html>", "yes"),
        ("1 < 2 and <3 and <", "1 < 2 and <3 and <"),
        ("&#" + "9" * 5000 + ";x", "\ufffdx"),
        ("", ""),
    ],
)
def test_html_reads_well_as_text(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "</",
        "<!--",
        "<!",
        "<![",
        "<?",
        "<a ",
        "<a b='",
        "<a '>'",
        "<script>",
        "<style>x",
        "&#",
        "&#9",
        "&amp",
        "<svg>",
        "<a href='http://x'>",
        "<ul>",
        "<li>",
        "<blockquote>",
        "<blockquote><ul>",
        "<td>x",
        "<pre>\n",
        "<p hidden>",
        "<div style='",
        "<a href=http://a>x</a>",
        "</ul>",
        "<ol><li>x",
    ],
)
def test_hostile_html_takes_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        html = piece * (size // len(piece))
        start = time.process_time()
        to_text(html)
        strip_tags(html)
        return time.process_time() - start

    few = max(min(seconds(20_000) for _ in range(5)), 0.0005)
    # Ten times the input: a quadratic way would take a hundred times as long, however often it is tried.
    assert any(seconds(200_000) < 35 * few for _ in range(5))


@given(st.text(alphabet="<>/!-?&#;='\" \nabpliu09[]", max_size=80))
def test_any_text_is_converted(html: str) -> None:
    to_text(html)
    strip_tags(html)


VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            " ",
            "a  b",
            " x",
            "<b>",
            "&",
            "amp;",
            "b>",
            "--",
            "-",
            "https://x/1",
            "u1",
            "x\ny",
            "1",
            "/b",
            "\ue0001\ue001",
            "\u00a0",
            "style",
            "p",
            "http",
        ]
    ),
)
HTML = st.lists(
    st.sampled_from(
        [
            "{{ recipient.name }}",
            "{{ recipient.id }}",
            "{{ recipient.data.x }}",
            "{{ recipient.name | default: 'you' }}",
            "{{ recipient.name | default: payload.order }}",
            "{{ payload.order }}",
            " ",
            "\n",
            "a",
            "word",
            "<p>",
            "</p>",
            "<b>",
            "<ul><li>",
            "</ul>",
            "<pre>",
            "</pre>",
            "<td>",
            "<tr>",
            "<br>",
            "&",
            "&am",
            "p;",
            "<",
            "</",
            ">",
            "->",
            "--",
            "<!--",
            "-->",
            "<a href='https://x/",
            '<a href="',
            "<a href=",
            "'>",
            '">',
            "</a>",
            "https://x/",
            "mailto:",
            "<img alt='",
            "<i title='",
            "<div style='",
            "<script>",
            "</script>",
            "<h",
            "<h1>",
            "{{ recipient.email }}",
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=300)
@example(html="<a href='https://x/{{ recipient.id }}'>{{ recipient.name }}</a>", name="https://x/1", id="1", x="")
@example(html="<a href='https://x/{{ recipient.id }}'>https://x/1</a>", name="", id="1", x="")
@example(html="<a href='https://x/{{ recipient.id }}'>x/{{ recipient.name }}</a>", name="1", id="1", x="")
@given(html=HTML, name=VALUES, id=VALUES, x=VALUES)
def test_the_twin_made_from_marks_is_the_twin_made_from_the_html(html: str, name: str, id: str, x: str) -> None:
    compiled = compile_bundle(bundle({"email.html": (html, {"subject": "s"})}), "en")
    prepared = compiled.for_trigger("email", Channel.EMAIL, SHARED)
    recipient = {**RECIPIENT, "name": name, "id": id, "data": {"x": x}, "email": f"{id}@x"}
    try:
        content = prepared.render(recipient, MESSAGE)
    except RenderError as error:
        assert error.code == "missing_variables" or any("\ud800" <= c <= "\udfff" for c in name + id + x)
        return
    assert isinstance(content, EmailContent)
    assert content.text == to_text(content.html or "")


def test_a_usual_mail_is_not_converted_again_for_each_recipient() -> None:
    html = (
        "<h1>Hello {{ recipient.name | default: payload.order }}</h1><p>{{ payload.order }}, "
        "seat {{ recipient.data.seat }}.</p>"
        '<p><a href="https://x.example/{{ recipient.id }}">Open it</a></p>'
    )
    compiled = compile_bundle(bundle({"email.html": (html, {"subject": "s"})}), "en")
    words = fill(compiled.choose("email", None), SHARED, Limits())
    assert words.twin is not None
    assert words.twin.parts == ("Hello ", 0, "\n\n12345, seat ", 1, ".\n\nOpen it (https://x.example/", 2, ")")
