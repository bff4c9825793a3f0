"""The language of the words: which files are used, and how dates and numbers are written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.words import Files, email, faults, refused


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
