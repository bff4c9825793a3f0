"""MJML and inlined CSS: compiled before Liquid it says what it would after; mistakes are told in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mrml
import pytest
from liquid import Environment
from tests.support.project import build

from clarion.domain.content import EmailContent
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.project.load import load_project
from clarion.project.project import Project
from clarion.templates.compiled import compile_bundle
from clarion.templates.marks import Lines
from clarion.templates.mjml import compile_mjml
from clarion.templates.source import Bundle

MAIL = "templates/hello/email.mjml"
HEAD = "---\nsubject: Order {{ payload.id }}\n---\n"
WITHOUT = {"templates/hello/email.html": None, "templates/hello/email.txt": None, "layouts/base.html": None}
BODY = """\
<mj-section background-color="{{ payload.colour | default: "#ffffff" }}">
  <mj-column>
    <mj-text css-class="a">Dear {{ recipient.name }}, &nbsp;{% if payload.urgent %}hurry{% endif %}</mj-text>
    {% for line in payload.lines %}
    <mj-text>{{ forloop.index }}. {{ line.name | escape }}{% if line.price < 3 %} cheap{% endif %}</mj-text>
    {% endfor %}
    <mj-table>
      {% for line in payload.lines %}<tr><td>{{ line.name }}</td><td>{{ line.price }}</td></tr>{% endfor %}
    </mj-table>
    <mj-button href="https://shop.example/?id={{ payload.id | url_encode }}&amp;x=1">Order {{ payload.id }}</mj-button>
    <mj-image src="{{ payload.picture }}" alt="{{ payload.id }}" width="100px" />
  </mj-column>
</mj-section>
{% for line in payload.lines %}
<mj-section>
  {% for part in line.parts %}<mj-column width="50%"><mj-text>{{ part }}</mj-text></mj-column>{% endfor %}
</mj-section>
{% endfor %}
{% comment %} <mj-nothing> {{ x }} {% endcomment %}
"""
LAYOUT = """\
<mjml>
  <mj-head>
    <mj-title>{{ workflow.key }}</mj-title>
    <mj-preview>For {{ recipient.name }}</mj-preview>
    <mj-style>@media (max-width: 400px) { .a { color: blue } }</mj-style>
    <mj-style inline="inline">.a { color: red }</mj-style>
  </mj-head>
  <mj-body>
    {{ content }}
    <mj-include path="./footer.mjml" />
  </mj-body>
</mjml>
"""
FOOTER = "<mj-section><mj-column><mj-text>Yours, {{ payload.shop }}</mj-text></mj-column></mj-section>\n"
DATA: dict[str, Any] = {
    "id": "7&8",
    "urgent": True,
    "colour": "#eeeeee",
    "picture": "https://shop.example/a.png?b=1&c=2",
    "shop": "Shop & Sons",
    "lines": [{"name": "Tea <b>", "price": 2, "parts": ["x", "y"]}, {"name": "Pot", "price": 20, "parts": ["z"]}],
}
PERSON: dict[str, Any] = {
    "id": "ada",
    "name": "Ada <3",
    "email": "ada@x.example",
    "phone": None,
    "locale": None,
    "timezone": None,
    "data": {},
}
WHOLE = {
    MAIL: f"---\nsubject: Order {{{{ payload.id }}}}\nlayout: main\n---\n{BODY}",
    "layouts/main.mjml": LAYOUT,
    "layouts/footer.mjml": FOOTER,
}


def loaded(folder: Path, files: Mapping[str, str | None]) -> tuple[Project | None, list[str]]:
    project, mistakes = load_project(build(folder, {**WITHOUT, **files}))
    return project, [str(mistake) for mistake in mistakes]


def rendered(bundle: Bundle, payload: Mapping[str, Any] = DATA, template: str = "email") -> EmailContent:
    shared = {"payload": payload, "workflow": {"key": "hello"}, "trigger": {}}
    prepared = compile_bundle(bundle, "en").for_trigger(template, Channel.EMAIL, shared)
    content = prepared.render(PERSON, {"id": "msg_1", "channel": "email", "unsubscribe_url": None})
    assert isinstance(content, EmailContent)
    return content


def usual(html: str) -> str:
    """*html* without what makes no difference to who sees it."""
    return re.sub(r"\s+", " ", re.sub(r">\s+<", "><", html)).strip()


def test_compiled_before_is_what_compiled_after_would_be(tmp_path: Path) -> None:
    project, mistakes = loaded(tmp_path, WHOLE)
    assert project is not None, mistakes
    assert mistakes == []
    (draft,) = project.workflows
    content = rendered(draft.bundle)
    filled = LAYOUT.replace("{{ content }}", BODY).replace('<mj-include path="./footer.mjml" />', FOOTER)
    context = {"payload": DATA, "workflow": {"key": "hello"}, "recipient": PERSON}
    after = Environment(autoescape=True).from_string(filled).render(**context)
    options = mrml.RenderOptions(fonts={})
    expected = mrml.to_html(after, mrml.ParserOptions(mrml.noop_loader()), options).content
    assert content.html is not None
    assert usual(content.html) == usual(expected)
    assert content.subject == "Order 7&8"
    for words in (
        "Dear Ada <3",
        "1. Tea <b> cheap",
        "2. Pot",
        "Yours, Shop & Sons",
        "https://shop.example/?id=7%268&x=1",
    ):
        assert words in content.text
    assert "color: red" in content.html
    assert "@media (max-width: 400px) { .a { color: blue } }" in content.html
    assert "fonts.googleapis.com" not in content.html
    assert Bundle.from_json(draft.bundle.to_json()) == draft.bundle


def test_a_missing_variable_is_told_at_its_line_of_the_mjml(tmp_path: Path) -> None:
    project, _ = loaded(tmp_path, WHOLE)
    assert project is not None
    (draft,) = project.workflows
    with pytest.raises(Invalid) as caught:
        rendered(draft.bundle, {key: DATA[key] for key in DATA if key not in ("shop", "picture")})
    assert "payload.picture (templates/hello/email.mjml:15)" in caught.value.message
    assert "payload.shop (layouts/footer.mjml:1)" in caught.value.message


def page(body: str, head: str = "") -> str:
    return f"{HEAD}<mjml>\n<mj-head>{head}</mj-head>\n<mj-body>\n{body}\n</mj-body>\n</mjml>\n"


def column(body: str) -> str:
    return f"<mj-section><mj-column>\n{body}\n</mj-column></mj-section>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (page("<mj-sectoin></mj-sectoin>"), ":7: there is no element `mj-sectoin`; did you mean `mj-section`?"),
        (page(column("<mj-text>x")), ":9: </mj-column> comes before `mj-text` of line 8 is closed"),
        (f"{HEAD}<mjml><mj-body>\n<mj-section>", ":5: `mj-section` is never closed"),
        (page("<mj-section></mj-column></mj-section>"), ":7: </mj-column> comes before `mj-section` of line 7"),
        (f"{HEAD}<mj-section></mj-section>", ":4: `mj-section` stands outside of <mjml>"),
        (f"{HEAD}<mjml><mj-head></mj-head></mjml>", ":4: a document of MJML is <mjml>, with <mj-body> in it"),
        (page("Hello"), ":7: words cannot stand right inside `mj-body`: put them into an mj-text"),
        (page("<mj-section><p>x</p></mj-section>"), ":7: `p` cannot stand right inside `mj-section`: put it"),
        (page(column("{{ recipient.name }}")), ":8: `{{ recipient.name }}` cannot stand right inside `mj-column`"),
        (page("<mj-wrapper>{% if true %}<mj-section></mj-section>{% endif %}</mj-wrapper>"),
         ":7: `{% if true %}` cannot stand right inside `mj-wrapper`: only inside"),
        (page(column("<mj-raw>{% if true %}</mj-raw><mj-text>x</mj-text><mj-raw>{% endif %}</mj-raw>")),
         ":8: an mj-raw inside `mj-column` comes before all else there: leave it out"),
        (page(column("<mj-text>x</mj-text>"), "<mj-title>{% if true %}x{% endif %}</mj-title>"),
         ":5: `{% if true %}` cannot stand here: what it goes around would be elsewhere"),
        (page(column('<mj-image width="{{ payload.width }}" src="x" alt="" />')),
         ":8: `{{ payload.width }}` cannot stand here: what comes of it would not be in the mail"),
        (page(column("<mj-text>{{ payload.x | nofilter }}</mj-text>")), ":8: "),
        (page(column("<mj-text>\n{% fi %}</mj-text>")), ":9: there is no tag `fi` here"),
        (page(column("<mj-text>{{ nothing }}</mj-text>")), ":8: "),
        (page("<mj-include path='nowhere.mjml' />"), ":7: there is no layouts/nowhere.mjml to include"),
        (page("<mj-include path='../../etc/passwd' />"), ":7: only files of layouts/ are included"),
        (page("<mj-include path='https://x.example/a.mjml' />"), ":7: only files of layouts/ are included"),
        (page("<mj-include path='round.mjml' />"), "layouts/round.mjml:2: includes itself: round → round"),
        (f"---\nsubject: x\nlayout: nowhere\n---\n{column('')}", ":3:9: there is no layout `nowhere`"),
        (page(column("<mj-text>x</mj-text>\n<mj-button href='https://x.example/?\"q\"'>x</mj-button>")),
         ":9: a value of `mj-button` has double quotes within: write &quot; for them"),
        (page("", '<mj-style inline="inline">.a { color: red }\na:hover { color: blue }</mj-style>'),
         ":6: `:hover` cannot be put into elements: write it in an mj-style without `inline`"),
        (page("", '<mj-style inline="inline">@media print { .a { color: red } }</mj-style>'), ":5: `@media` cannot be"),
        ("---\nsubject: x\ncss: inline\n---\n<mjml><mj-body></mj-body></mjml>", ":3:6: MJML says by itself"),
        (page(column("<mj-text>" + "<b>" * 3_000 + "</b>" * 3_000 + "</mj-text>")), ":8: elements are nested deeper"),
    ],
)  # fmt: skip
def test_mistakes_are_told_where_they_are(tmp_path: Path, text: str, said: str) -> None:
    round = {"layouts/round.mjml": "<mj-section></mj-section>\n<mj-include path='round.mjml' />"}
    project, mistakes = loaded(tmp_path, {MAIL: text, **(round if "round" in text else {})})
    assert project is None
    expected = said if said.startswith("layouts") else MAIL + said
    assert [one for one in mistakes if one.startswith(expected)], mistakes


def test_two_files_for_one_locale_are_one_too_many(tmp_path: Path) -> None:
    _, mistakes = loaded(tmp_path, {**WHOLE, "templates/hello/email.html": f"{HEAD}<p>x</p>"})
    assert any("there are two files for this locale" in one for one in mistakes)


def test_a_layout_of_ones_own_locale_comes_first(tmp_path: Path) -> None:
    german = {
        "templates/hello/email.de.mjml": f"{HEAD.replace('Order', 'Bestellung')}{BODY}",
        "layouts/footer.de.mjml": FOOTER.replace("Yours", "Ihre"),
    }
    project, mistakes = loaded(tmp_path, {**WHOLE, **german})
    assert project is not None, mistakes
    texts = {part.locale: part.text for part in project.workflows[0].bundle.templates["email"].parts}
    assert "Ihre, {{ payload.shop }}" in texts["de"]
    assert "Yours, {{ payload.shop }}" in texts[None]


def test_the_compiler_is_never_given_what_ends_the_process() -> None:
    lines = Lines()
    lines.add("<mjml><mj-body>" + "<mj-section><mj-column>" * 20_000, "a.mjml", 1)
    found = compile_mjml(lines)
    assert isinstance(found, list)
    assert "deeper" in found[0].detail


HTML = {
    "templates/hello/email.html": "---\nsubject: Hi\nlayout: page\ncss: inline\n---\n"
    '<p class="a">Dear {{ recipient.name }}</p>\n<table>{% for line in payload.lines %}<tr class="{{ line.name }}">'
    '<td class="b" title="{{ line.name }}">{{ line.name }}</td></tr>{% endfor %}</table>\n',
    "layouts/page.html": "<!DOCTYPE html><html><head><title>{{ workflow.key }}</title><style>.a { color: red }\n"
    ".b { padding: 1px } @media (max-width: 400px) { .a { color: blue } } a:hover { color: green }\n"
    ".c::before { content: 'x' }</style>"
    '<style media="print">.a { color: black }</style><style media="screen">.b { margin: 2px }</style></head>'
    "<body>{{ content }}<p>{{ payload.shop }}</p></body></html>\n",
    "templates/hello/email.txt": None,
}


def test_styles_are_put_into_the_elements_that_they_are_for(tmp_path: Path) -> None:
    project, mistakes = loaded(tmp_path, HTML)
    assert project is not None, mistakes
    assert mistakes == []
    html = rendered(project.workflows[0].bundle).html
    assert html is not None
    assert '<p class="a" style="color: red;">Dear Ada &lt;3</p>' in html
    cells = re.findall(r'<td class="b"[^>]*style="padding: 1px;\s*margin: 2px;?">([^<]*)</td>', html)
    assert cells == ["Tea &lt;b&gt;", "Pot"]
    assert "@media (max-width: 400px)" in html
    assert ".b {" not in html
    for stays in ("a:hover { color: green", ".c::before", '<style media="print">.a { color: black }</style>'):
        assert stays in html
    assert "color: black" not in html.replace(".a { color: black }", "")
    assert html.count("<style") == 2, "none is empty"
    assert "<title>hello</title>" in html
    assert html.index("<p>Shop &amp; Sons</p>") > html.index("</table>")


def test_a_tag_in_a_style_that_is_inlined_is_a_mistake(tmp_path: Path) -> None:
    spoilt = HTML["layouts/page.html"] or ""
    files = {**HTML, "layouts/page.html": spoilt.replace("color: red", "color: {{ payload.colour }}")}
    project, mistakes = loaded(tmp_path, files)
    if project is not None:  # a value may be carried over
        assert "#eeeeee" in (rendered(project.workflows[0].bundle).html or "")
    broken = spoilt.replace(".a { color: red }", "{% if payload.x %}.a { color: red }{% endif %}")
    project, mistakes = loaded(tmp_path / "b", {**HTML, "layouts/page.html": broken})
    assert project is None
    assert any(one.startswith("layouts/page.html:1: `{% if payload.x %}` cannot stand here") for one in mistakes)


def test_what_mail_programs_make_of_it_is_a_warning(tmp_path: Path) -> None:
    html = (
        '<img src="/a.png">\n<img src="https://x.example/a.png" alt="">\n<script>x</script>\n'
        '<link rel="stylesheet" href="https://x.example/a.css">\n'
        '<a href="shop/">x</a> <a href="{{ payload.url }}">y</a>\n'
        '<a href="HTTPS://X.EXAMPLE/">x</a> <a href="sms:+31612345678">y</a> <a href="Tel:+31612345678">z</a>\n'
    )
    project, mistakes = loaded(tmp_path, {"templates/hello/email.html": HEAD + html})
    assert project is not None
    said = "\n".join(mistakes)
    at = "templates/hello/email.html"
    for line, words in (
        (4, "a picture without `alt` is nothing"),
        (4, "`/a.png` leads nowhere from within a mail"),
        (6, "mail programs take `script` out"),
        (7, "mail programs do not fetch style sheets"),
        (8, "`shop/` leads nowhere from within a mail"),
    ):
        assert f"{at}:{line}: warning: {words}" in said
    assert len(mistakes) == 5
    long = {"templates/hello/email.html": HEAD + "<p>" + "words " * 20_000 + "</p>"}
    project, mistakes = loaded(tmp_path / "long", long)
    assert project is not None
    assert mistakes == [
        f"{at}: warning: its HTML has 117 KiB before anything is filled in: Gmail cuts off what is above 102; "
        "shorten it, or move pictures out of it"
    ]
