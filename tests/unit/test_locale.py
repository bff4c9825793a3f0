"""Language tags and what they fall back to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.locale import choose, fallbacks, normalise
from clarion.errors import Invalid


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("pt_br", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("en", "en"),
        ("zh_hant_tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de_DE.UTF-8", "de-DE"),
        ("sr_RS@latin", "sr-RS"),
        (" fr ", "fr"),
        ("de-DE-1996", "de-DE-1996"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("en-u-ca-buddhist", "en-u-ca-buddhist"),
    ],
)
def test_tags_are_written_one_way(tag: str, written: str) -> None:
    assert normalise(tag) == written


@pytest.mark.parametrize("tag", ["", "e", "english", "en--GB", "../../etc", "pt BR", "en-" + "a" * 40, "é", "C.UTF-8"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(Invalid) as caught:
        normalise(tag)
    assert caught.value.code == "invalid_locale"


@pytest.mark.parametrize(
    ("locale", "default", "tried"),
    [
        ("pt-BR", "en", ["pt-BR", "pt", "en"]),
        ("pt_br", "pt", ["pt-BR", "pt"]),
        ("zh-Hant-TW", "en-GB", ["zh-Hant-TW", "zh-Hant", "zh", "en-GB", "en"]),
        (None, "en", ["en"]),
        ("not a locale", "en", ["en"]),
        ("en-u-ca-buddhist", "de", ["en-u-ca-buddhist", "en-u-ca", "en", "de"]),
    ],
)
def test_fallbacks_go_from_the_nearest_to_the_default(locale: str | None, default: str, tried: list[str]) -> None:
    assert fallbacks(locale, default) == tried


def test_the_first_available_is_chosen() -> None:
    assert choose("pt-BR", {"pt", "en"}, "en") == "pt"
    assert choose("fr", {"pt", "en"}, "en") == "en"
    assert choose("fr", {"pt"}, "en") is None


@given(st.text(max_size=40))
def test_any_text_leads_to_the_default_at_last(locale: str) -> None:
    assert fallbacks(locale, "en")[-1] == "en"


@given(st.text(alphabet="abzAZ019-_.@ ", max_size=20))
def test_normalising_again_changes_nothing(tag: str) -> None:
    try:
        once = normalise(tag)
    except Invalid:
        return
    assert normalise(once) == once
