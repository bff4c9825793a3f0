"""Words of chat messages: what is read there, where it leads, and what no provider takes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.words import chat

from clarion.domain.content import ChatContent
from clarion.templates import RenderError


def test_all_that_it_can_say() -> None:
    matter = {
        "title": " Order {{ payload.order }} ",
        "url": "https://shop.example/{{ payload.order }}",
        "image": "https://cdn.example/{{ payload.order }}.png",
    }
    assert chat("\n *Hello* {{ recipient.name }} & <b>\n", matter) == ChatContent(
        text="*Hello* Ann & <b>",
        title="Order 12345",
        url="https://shop.example/12345",
        image="https://cdn.example/12345.png",
    )
    assert chat("x", {}) == chat("x", {"title": " ", "url": "", "image": ""}) == ChatContent(text="x")


@pytest.mark.parametrize(
    ("matter", "code", "says"),
    [
        ({"title": "a{{ payload.line }}b"}, "invalid_header", "the title has a line end"),
        ({"title": "x" * 151}, "too_large", "the title has more than 150 characters"),
        ({"url": "javascript:alert(1)"}, "invalid_url", "the url is not an address"),
        ({"url": "mailto:a@example.com"}, "invalid_url", "the url is not an address"),
        ({"url": "https://shop.example/|x>"}, "invalid_url", "the url is not an address"),
        ({"image": "http://cdn.example/a.png"}, "invalid_url", "the image is not an address"),
        ({"title": "{{ payload.half }}"}, "invalid_text", "half of a surrogate pair"),
        ({"title": "{{ payload.missing }}"}, "missing_variables", "payload.missing"),
    ],
)
def test_what_no_provider_takes(matter: Mapping[str, str], code: str, says: str) -> None:
    with pytest.raises(RenderError) as caught:
        chat("x", matter, {"line": "\n", "half": "\ud800"})
    assert caught.value.code == code
    assert says in caught.value.message


def test_without_words_there_is_no_message() -> None:
    with pytest.raises(RenderError) as caught:
        chat("{% if payload.nothing %}x{% endif %}", {"title": "x"})
    assert caught.value.code == "empty"
