"""Words of chat messages: what is read there, where it leads, and what no provider takes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.words import chat

from clarion.domain.content import ChatButton, ChatContent, ChatField
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


FIELDS = {
    "fields.1.label": "Room",
    "fields.1.value": " {{ payload.order }} ",
    "fields.2.label": "Late",
    "fields.2.value": "{% if payload.late %}yes{% endif %}",
    "fields.10.label": "{{ recipient.name }}'s",
    "fields.10.value": "*a*\nb",
}
BUTTONS = {
    "buttons.1.text": " Open {{ payload.order }}",
    "buttons.1.url": "https://shop.example/{{ payload.order }} ",
    "buttons.2.text": "Pay",
    "buttons.2.url": "{{ payload.pay | default: '' }}",
}


def test_what_stands_under_the_text_in_its_order_and_without_what_is_empty() -> None:
    content = chat("x", {**FIELDS, **BUTTONS}, {"order": 7, "late": False})
    assert content.fields == (ChatField(label="Room", value="7"), ChatField(label="Ann's", value="*a*\nb"))
    assert content.buttons == (ChatButton(text="Open 7", url="https://shop.example/7"),)
    both = chat("x", BUTTONS, {"order": 7, "pay": "http://pay.example/"}).buttons
    assert [one.text for one in both] == ["Open 7", "Pay"]


@pytest.mark.parametrize(
    ("part", "value", "code", "says"),
    [
        ("fields.1.label", "{{ payload.x }}", "empty", "the field whose value is `12345` has no label"),
        ("fields.1.label", "{{ payload.long }}", "too_large", "has 257 characters, where 256 are allowed"),
        ("fields.1.label", "a{{ payload.line }}b", "invalid_header", "the label of a field has a line end"),
        ("fields.1.value", "{{ payload.half }}", "invalid_text", "half of a surrogate pair"),
        ("fields.1.value", "{{ payload.long }}" * 4, "too_large", "the value of the field `Room` has 1,028 characters"),
        ("fields.1.value", "{{ payload.missing }}", "missing_variables", "payload.missing"),
        ("buttons.1.text", "{{ payload.x }}", "empty", "leads to `https://shop.example/12345` has no text"),
        ("buttons.1.text", "{{ payload.long }}", "too_large", "where 75 are allowed; shorten it"),
        ("buttons.1.text", "a{{ payload.line }}b", "invalid_header", "the text of a button has a line end"),
        ("buttons.1.url", "javascript:alert({{ payload.order }})", "invalid_url", "the url of the button `Open 12345`"),
        ("buttons.1.url", "https://shop.example/{{ payload.line }}", "sent", ""),
        ("buttons.1.url", "https://shop.example/a{{ payload.line }}b", "invalid_url", "is not an address"),
        ("buttons.1.url", "https://shop.example/" + "{{ payload.long }}" * 8, "too_large", "where 1,998 are allowed"),
    ],
)
def test_what_not_every_provider_takes(part: str, value: str, code: str, says: str) -> None:
    payload = {"order": "12345", "late": "", "x": "", "long": "x" * 257, "line": "\n", "half": "\ud800"}
    matter = {**FIELDS, **BUTTONS, "fields.10.label": "z", part: value}
    if code == "sent":
        assert chat("x", matter, payload).buttons[0].url == "https://shop.example/"
        return
    with pytest.raises(RenderError) as caught:
        chat("x", matter, payload)
    assert (caught.value.code, says in caught.value.message) == (code, True), caught.value.message
