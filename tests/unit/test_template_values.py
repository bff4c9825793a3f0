"""What templates show: values, escaped where they must be, and nothing of Python."""

from __future__ import annotations

import json

import pytest
from tests.support.words import MESSAGE, RECIPIENT, SHARED, bundle, email, html, refused, text

from clarion.domain.content import EmailContent, InAppContent
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel
from clarion.templates import compile_bundle


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    name = "<script>alert('x') & \"y\"</script>"
    content = email({"email.html": ("<b>{{ recipient.name }}</b>", {"subject": "Hi {{ recipient.name }}"})}, name=name)
    assert content.html == "<b>&lt;script&gt;alert(&#39;x&#39;) &amp; &#34;y&#34;&lt;/script&gt;</b>"
    assert content.subject == f"Hi {name}"
    assert content.text == name
    files = bundle({"in_app.txt": ("{{ recipient.name }}\n", {"title": "{{ recipient.name }}"})})
    prepared = compile_bundle(files, "en").for_trigger("in_app", Channel.IN_APP, SHARED)
    assert prepared.render({**RECIPIENT, "name": name}, MESSAGE) == InAppContent(title=name, body=name)


def test_values_are_never_templates() -> None:
    assert text("{{ recipient.name }} {{ payload.a }}", {"a": "{% assign x = 1 %}"}, name="{{ 7*7 }}") == (
        "{{ 7*7 }} {% assign x = 1 %}"
    )


def test_escaping_survives_filters_and_variables() -> None:
    source = (
        "{% assign a = payload.x | append: '<b>' %}{% capture c %}{{ payload.x }}{% endcapture %}"
        "{{ a }} {{ c }} {{ payload.x | upcase | replace: 'I', 'j' }} {{ payload.x | strip_html }} "
        "{{ payload.l | join: '<br>' }}"
    )
    assert html(source, {"x": "<i>&amp;lt;", "l": ["<p>", "q"]}) == (
        "&lt;i&gt;&amp;amp;lt;<b> &lt;i&gt;&amp;amp;lt; &lt;j&gt;&amp;AMP;LT; &amp;amp;lt; &lt;p&gt;<br>q"
    )
    assert html("{{ payload.x | safe }}", {"x": "<i>"}) == "<i>"


@pytest.mark.parametrize(
    "source",
    [
        "{{ payload.__class__ }}",
        "{{ payload.__class__.__mro__ }}",
        "{{ recipient.data['__class__'] }}",
        "{{ payload.order.__len__ }}",
        "{{ payload.rows.append }}",
        "{{ payload.items }}",
        "{{ recipient.data.keys }}",
    ],
)
def test_nothing_of_python_can_be_reached(source: str) -> None:
    assert refused(source).code == "missing_variables"


def test_values_are_shown_as_json_or_liquid_would() -> None:
    payload = {"t": True, "f": False, "n": 3, "d": 1.5, "l": [1, "a", [2]], "o": {"k": [None, "é"]}}
    assert (
        text("{{ payload.t }} {{ payload.f }} {{ payload.n }} {{ payload.d }} {{ payload.l }}", payload)
        == "true false 3 1.5 1a2"
    )
    assert json.loads(text("{{ payload.o }}", payload)) == payload["o"]
    assert text("{{ payload.t | append: payload.o }}", payload) == 'true{"k": [null, "é"]}'


def test_recipients_may_be_given_as_they_are() -> None:
    files = bundle({"email.txt": ("{{ recipient.name }} {{ recipient.data.x }}", {"subject": "s"})})
    prepared = compile_bundle(files, "en").for_trigger("email", Channel.EMAIL, SHARED)
    content = prepared.render(Recipient(id="u", name="Ann", data={"x": 1}), MESSAGE)
    assert isinstance(content, EmailContent)
    assert content.text == "Ann 1"
