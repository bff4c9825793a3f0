"""What a message must not say: anything with a gap, a second header, or a dangerous link."""

from __future__ import annotations

import pytest
from tests.support.words import MESSAGE, RECIPIENT, SHARED, bundle, email, refused, sms, text

from clarion.domain.workflow import Channel
from clarion.templates import RenderError, compile_bundle


def test_all_missing_names_are_told_at_once() -> None:
    with pytest.raises(RenderError) as caught:
        email(
            {
                "email.html": (
                    "<p>{{ payload.a }}</p>\n{{ recipient.data.b }}\n{{ payload.guest.title }}"
                    "{% if payload.maybe %}{% endif %}",
                    {"subject": "Hello {{ recipient.name }}, {{ payload.nothing }}", "layout": "base"},
                ),
                "email.txt": "{{ payload.c.d }}{{ payload.e | upcase }}{% for x in payload.f %}{% endfor %}"
                "{{ payload.g | times: 2 }}",
            },
            {"base.html": "{{ content }}{{ trigger.transaction_id }}\n{% render 'p' %}", "p.html": "{{ payload.h }}"},
            name=None,
        )
    error = caught.value
    assert error.code == "missing_variables"
    assert sorted(error.names) == [
        *("payload.a", "payload.c.d", "payload.e", "payload.f", "payload.g", "payload.guest.title", "payload.h"),
        *("payload.nothing", "recipient.data.b", "recipient.name", "trigger.transaction_id"),
    ]
    assert "recipient.data.b (templates/booking/email.html:2)" in error.message
    assert "payload.h (layouts/p.html:1)" in error.message
    assert error.message.startswith("templates/booking/email.html [en] ")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{% if payload.x %}a{% else %}b{% endif %}", "b"),
        ("{% if payload.x == 'a' or payload.x.y > 3 or payload.x contains 'z' %}a{% else %}b{% endif %}", "b"),
        ("{% if payload.x == nil %}a{% endif %}{% if payload.nothing == nil %}b{% endif %}", "ab"),
        ("{% unless payload.nothing %}a{% endunless %}", "a"),
        ("{% case payload.x %}{% when 'a' %}a{% else %}b{% endcase %}", "b"),
        (
            "{{ payload.x | default: 'd' }}{{ payload.nothing | default: 'e' }}{{ recipient.data.y | default: 'f' }}",
            "def",
        ),
        ("{{ payload.x | default: payload.y | default: 'd' | upcase }}", "D"),
        ("{% assign x = payload.x %}{{ x | default: 'd' }}", "d"),
        ("{{ recipient.data.y | default: payload.order }}", "12345"),
        ("{% assign x = payload.rows | slice: 9, 1 | first %}[{{ x }}]", "[]"),
    ],
)
def test_presence_may_be_tested(source: str, shown: str) -> None:
    assert text(source) == shown


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ payload.x | upcase }}", "payload.x"),
        ("{{ payload.x | size }}", "payload.x"),
        ("{{ payload.x | date: '%Y' }}", "payload.x"),
        ("{{ 3 | plus: payload.x }}", "payload.x"),
        ("{{ 'a' | append: recipient.data.x }}", "recipient.data.x"),
        ("{% assign x = payload.x %}{{ x }}", "payload.x"),
        ("{% for i in payload.x %}{% endfor %}", "payload.x"),
        ("{% for i in (1..payload.x) %}{% endfor %}", "payload.x"),
        ("{% for i in payload.rows limit: payload.x %}{% endfor %}", "payload.x"),
        ("{% for row in payload.rows %}{{ row.price }}{% endfor %}", "row.price"),
        ("{% cycle payload.x, 'a' %}", "payload.x"),
        ("{{ payload[payload.x] }}", "payload.x"),
        ("{{ payload['a b'].c }}", "payload['a b'].c"),
        ("{{ recipient.data.y | default: payload.x }}", "payload.x"),
        ("{{ recipient.name | default: 'there' }}{{ recipient.data.y.z }}", "recipient.data.y.z"),
        ("{{ recipient.timezone }}", "recipient.timezone"),
    ],
)
def test_what_is_missing_cannot_be_used(source: str, name: str) -> None:
    error = refused(source)
    assert (error.code, error.names) == ("missing_variables", (name,))


@pytest.mark.parametrize("bad", ["\n", "\r\nBcc: x@y.z", "\x00", "\t", "\x85", "\u2028", "\x1b"])
def test_subjects_and_titles_are_one_line(bad: str) -> None:
    for files, channel in (
        ({"t.txt": ("x", {"subject": "Hi {{ recipient.name }}"})}, Channel.EMAIL),
        ({"t.txt": ("x", {"title": "Hi {{ recipient.name }}"})}, Channel.IN_APP),
    ):
        prepared = compile_bundle(bundle(files), "en").for_trigger("t", channel, SHARED)
        with pytest.raises(RenderError) as caught:
            prepared.render({**RECIPIENT, "name": f"Ann{bad}"}, MESSAGE)
        assert caught.value.code == "invalid_header"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://x.example/{{ payload.order }}", None),
        ("/orders/1?a=b#c", None),
        ("mailto:x@y.z", None),
        ("{{ payload.link }}", "invalid_url"),
        ("//evil.example", "invalid_url"),
        ("/\\evil.example", "invalid_url"),
        ("https://x.example/a b", "invalid_url"),
    ],
)
def test_feed_items_lead_somewhere_safe(url: str, code: str | None) -> None:
    files = bundle({"in_app.txt": ("x", {"title": "t", "url": url})})
    shared = {**SHARED, "payload": {"link": "javascript:alert(1)", "order": "1"}}
    prepared = compile_bundle(files, "en").for_trigger("in_app", Channel.IN_APP, shared)
    if code is None:
        prepared.render(RECIPIENT, MESSAGE)
        return
    with pytest.raises(RenderError) as caught:
        prepared.render(RECIPIENT, MESSAGE)
    assert caught.value.code == code


def test_a_text_message_is_its_body() -> None:
    assert sms("\n  Hello {{ recipient.name }}, <b>&\nyour code: {{ payload.order }}  \n\n") == (
        "Hello Ann, <b>&\nyour code: 12345"
    )
    assert sms("{{ recipient.phone }} {{ message.channel }}") == "+31612345678 sms"


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        ("{{ payload.much }}", None, ""),
        ("{{ payload.much }}.", "too_large", "11 segments in GSM 03.38, where 10 are allowed; shorten it"),
        ("“{{ payload.much }}”", "too_large", "23 segments in UCS-2, where 10 are allowed"),
        ("{{ payload.white }}", "empty", "a text message without any words"),
        ("{{ payload.half }}", "invalid_text", "half of a surrogate pair"),
        ("{{ payload.missing }}", "missing_variables", "payload.missing"),
    ],
)
def test_no_provider_is_given_a_text_message_that_it_cannot_take(source: str, code: str | None, says: str) -> None:
    payload = {"much": "x" * 1_530, "white": " \n", "half": "\ud83d"}
    if code is None:
        sms(source, payload)
        return
    with pytest.raises(RenderError) as caught:
        sms(source, payload)
    assert (caught.value.code, says in caught.value.message) == (code, True), caught.value.message


def test_surrogates_are_refused() -> None:
    assert refused("{{ payload.x }}", {"x": "\ud800"}).code == "invalid_text"


def test_errors_name_file_and_line() -> None:
    error = refused("a\nb {{ payload.order | divided_by: 0 }}")
    assert (error.code, error.file, error.line) == ("render_failed", "templates/booking/email.txt", 2)
    assert refused("{% break %}").code == "render_failed"
    assert refused("{{ payload.rows | sort: 'a' | date }}{{ 'x' | truncate: 'y' }}").code == "render_failed"
