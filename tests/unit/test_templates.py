"""What templates see, say and refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from tests.support.words import MESSAGE, RECIPIENT, SHARED, Files, bundle

from clarion.domain.content import EmailContent, InAppContent
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.templates import Bundle, RenderError, TemplateFault, compile_bundle, variables


def email(
    files: Files,
    layouts: Files | None = None,
    *,
    payload: Mapping[str, object] | None = None,
    default: str = "en",
    **recipient: object,
) -> EmailContent:
    """The mail that *files* give, with *payload* and *recipient* changed as said."""
    shared = {**SHARED, "payload": payload} if payload is not None else SHARED
    prepared = compile_bundle(bundle(files, layouts), default).for_trigger("email", Channel.EMAIL, shared)
    content = prepared.render({**RECIPIENT, **recipient}, MESSAGE)
    assert isinstance(content, EmailContent)
    return content


def text(source: str, payload: Mapping[str, object] | None = None, name: str | None = "Ann") -> str:
    """What the text *source* gives."""
    return email({"email.txt": (source, {"subject": "s"})}, payload=payload, name=name).text


def html(source: str, payload: Mapping[str, object] | None = None) -> str:
    """What the HTML *source* gives."""
    return email({"email.html": (source, {"subject": "s"})}, payload=payload).html or ""


def refused(source: str, payload: Mapping[str, object] | None = None) -> RenderError:
    """The error that the text *source* gives."""
    with pytest.raises(RenderError) as caught:
        text(source, payload)
    return caught.value


def faults(files: Files, layouts: Files | None = None) -> list[tuple[str, str]]:
    """Where and what the mistakes in *files* are."""
    with pytest.raises(Invalid) as caught:
        compile_bundle(bundle(files, layouts), "en")
    assert all(isinstance(fault, TemplateFault) for fault in caught.value.faults)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


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


def test_surrogates_are_refused() -> None:
    assert refused("{{ payload.x }}", {"x": "\ud800"}).code == "invalid_text"


def test_errors_name_file_and_line() -> None:
    error = refused("a\nb {{ payload.order | divided_by: 0 }}")
    assert (error.code, error.file, error.line) == ("render_failed", "templates/booking/email.txt", 2)
    assert refused("{% break %}").code == "render_failed"
    assert refused("{{ payload.rows | sort: 'a' | date }}{{ 'x' | truncate: 'y' }}").code == "render_failed"


def test_templates_and_layouts_fall_back_each_by_itself() -> None:
    files: dict[str, str | tuple[str, Mapping[str, object]]] = {
        "email.html": ("hello", {"subject": "Hello", "layout": "base"}),
        "email.pt.html": ("olá", {"subject": "Olá"}),
        "email.pt-BR.html": ("oi", {"subject": "Oi", "layout": None}),
    }
    layouts = {"base.html": "[{{ content }} {% render 'foot' %}]", "foot.html": "bye", "foot.pt-BR.html": "tchau"}
    expected = {
        "fr": "[hello bye]",
        "pt": "[olá bye]",
        "pt-PT": "[olá bye]",
        "pt_br": "oi",
        None: "[hello bye]",
        "?": "[hello bye]",
    }
    for locale, body in expected.items():
        assert email(files, layouts, locale=locale).html == body
    layouts["base.pt-BR.html"] = "({{ content }} {% render 'foot' %})"
    files.pop("email.pt-BR.html")
    assert email(files, layouts, locale="pt-BR").html == "(olá tchau)"
    assert email(files, layouts, locale="pt-BR").subject == "Olá"


def test_a_file_named_after_the_default_locale_will_do() -> None:
    assert text_in({"email.en.txt": ("en", {"subject": "s"}), "email.de.txt": ("de", {"subject": "s"})}, "fr") == "en"
    assert text_in({"email.en.txt": ("en", {"subject": "s"}), "email.txt": ("any", {"subject": "s"})}, "fr") == "en"
    found = faults({"email.de.txt": ("de", {"subject": "s"})})
    assert "no words for the default locale en" in found[0][1]


def text_in(files: Files, locale: str) -> str:
    return email(files, locale=locale).text


def test_text_goes_without_a_layout_when_there_is_none_for_text() -> None:
    files = {"email.html": ("h", {"subject": "s", "layout": "base"}), "email.txt": ("t", {"layout": "base"})}
    content = email(files, {"base.html": "<{{ content }}>"})
    assert (content.html, content.text) == ("<h>", "t")
    content = email(files, {"base.html": "<{{ content }}>", "base.txt": "-{{ content }}-"})
    assert (content.html, content.text) == ("<h>", "-t-")


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
    compiled = compile_bundle(bundle({"email.txt": "x", "feed.html": ("x", {"title": "t"})}), "en")
    assert [found.detail for found in compiled.check_channel("email", Channel.EMAIL)] == [
        "no `subject` in the front matter"
    ]
    assert [found.detail for found in compiled.check_channel("feed", Channel.IN_APP)] == [
        "a feed item needs a .txt file"
    ]
    assert [found.detail for found in compiled.check_channel("sms", Channel.EMAIL)] == ["there is no template `sms`"]
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


def test_recipients_may_be_given_as_they_are() -> None:
    files = bundle({"email.txt": ("{{ recipient.name }} {{ recipient.data.x }}", {"subject": "s"})})
    prepared = compile_bundle(files, "en").for_trigger("email", Channel.EMAIL, SHARED)
    content = prepared.render(Recipient(id="u", name="Ann", data={"x": 1}), MESSAGE)
    assert isinstance(content, EmailContent)
    assert content.text == "Ann 1"


AT = "2026-03-09T15:04:05Z"


@pytest.mark.parametrize(
    ("source", "locale", "timezone", "shown"),
    [
        ("{{ payload.at | date: '%Y-%m-%d %H:%M' }}", None, None, "2026-03-09 15:04"),
        ("{{ payload.at | date: '%H:%M %z' }}", None, "Europe/Helsinki", "17:04 +0200"),
        ("{{ payload.at | date: '%H:%M', timezone: 'Asia/Tokyo' }}", None, "Europe/Helsinki", "00:04"),
        ("{{ payload.local | date: '%H:%M' }}", None, "Asia/Tokyo", "08:30"),
        ("{{ payload.day | date: '%A %-d %B %Y' }}", None, None, "Monday 9 March 2026"),
        ("{{ payload.day | date: '%A %-d %B %Y' }}", "pt", None, "segunda-feira 9 março 2026"),
        ("{{ payload.day | date: 'long' }}", "de", None, "9. März 2026"),
        ("{{ payload.at | date: 'short' }}", "de", "Europe/Berlin", "09.03.26, 16:04"),
        ("{{ payload.seconds | date: '%F %T' }}", None, None, "1970-01-02 00:00:00"),
        ("{{ payload.word | date: '%Y' }}", None, None, "soon"),
        ("{{ payload.n | number }}", "de", None, "1.234,5"),
        ("{{ payload.n | number: 2 }}", None, None, "1,234.50"),
        ("{{ payload.n | money: 'EUR' }}", "de", None, "1.234,50\xa0€"),
        ("{{ payload.word | money: 'EUR' }}", None, None, "soon"),
    ],
)
def test_dates_and_numbers_speak_the_language(
    source: str, locale: str | None, timezone: str | None, shown: str
) -> None:
    payload = {
        "at": AT,
        "local": "2026-03-09T08:30:00",
        "day": "2026-03-09",
        "seconds": 86400,
        "word": "soon",
        "n": 1234.5,
    }
    files = {f"email.{tag}.txt": (source, {"subject": "s"}) for tag in ("en", "pt", "de")}
    assert email(files, payload=payload, locale=locale, timezone=timezone).text == shown


@pytest.mark.parametrize(
    "source",
    [
        "{{ payload.at | date: '%Q' }}",
        "{{ payload.at | date: '%H', timezone: 'Mars/X' }}",
        "{{ payload.at | date: payload.long }}",
        "{{ 1 | money: '€' }}",
        "{{ 1 | number: 99 }}",
        "{{ payload.at | date: '%H', timezone: '../../etc/passwd' }}",
    ],
)
def test_nonsense_about_dates_is_refused(source: str) -> None:
    assert refused(source, {"at": AT, "long": "%Y" * 200}).code == "render_failed"
