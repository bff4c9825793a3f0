"""Words of push messages: what people see and what the application is told; and what no push service takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from tests.support.words import push

from clarion.domain.content import PushContent
from clarion.domain.push_size import MOST_BYTES, is_data_key, measure
from clarion.errors import Invalid
from clarion.templates import RenderError

TITLE = {"title": "Order {{ payload.order }}"}


def test_all_that_it_can_say() -> None:
    matter = {
        **TITLE,
        "url": " https://shop.example/{{ payload.order }} ",
        "image": "https://cdn.example/{{ payload.order }}.png",
        "collapse_key": "order-{{ payload.order }}",
        "ttl": "{{ payload.order | slice: 0 }}h",
        "data.orderId": "{{ payload.order }}",
        "data.seat": "{{ recipient.data.seat }}",
    }
    assert push("\n Hello {{ recipient.name }} & <b>\n", matter) == PushContent(
        title="Order 12345",
        body="Hello Ann & <b>",
        url="https://shop.example/12345",
        image="https://cdn.example/12345.png",
        collapse_key="order-12345",
        ttl=timedelta(hours=1),
        data={"orderId": "12345", "seat": "4 A"},
    )


def test_most_of_it_may_be_left_out() -> None:
    assert push("x", TITLE) == PushContent(title="Order 12345", body="x")
    empty = {**TITLE, "url": "{% if payload.nothing %}x{% endif %}", "image": " ", "ttl": "", "collapse_key": ""}
    assert push("x", empty) == PushContent(title="Order 12345", body="x")
    assert push("x", {**TITLE, "ttl": "90d"}).ttl == timedelta(days=28), "no service keeps it for longer"


@pytest.mark.parametrize(
    ("matter", "code", "says"),
    [
        ({"title": "a\nb"}, "invalid_header", "the title has a line end"),
        ({"title": "x", "url": "javascript:alert(1)"}, "invalid_url", "the url is neither"),
        ({"title": "x", "image": "http://cdn.example/a.png"}, "invalid_url", "the image is not an address"),
        ({"title": "x", "image": "https://cdn.example/a b.png"}, "invalid_url", "the image is not an address"),
        ({"title": "x", "ttl": "soon"}, "invalid_ttl", "the ttl: 'soon' is not a length of time"),
        ({"title": "x", "collapse_key": "k" * 65}, "invalid_header", "the collapse_key is not one line of at most 64"),
        ({"title": "x", "collapse_key": "a\nb"}, "invalid_header", "the collapse_key"),
        ({"title": "x", "data.a": "{{ payload.missing }}"}, "missing_variables", "payload.missing"),
    ],
)
def test_what_no_service_takes(matter: Mapping[str, str], code: str, says: str) -> None:
    given = {key: value.replace("\n", "{{ payload.line }}") for key, value in matter.items()}
    with pytest.raises(RenderError) as caught:
        push("x", given, {"line": "\n"})
    assert caught.value.code == code
    assert says in caught.value.message


def test_half_a_character_is_none() -> None:
    with pytest.raises(RenderError) as caught:
        push("x", {"title": "x", "data.a": "{{ payload.half }}"}, {"half": "\ud800"})
    assert caught.value.code == "invalid_text"


def test_what_is_too_large_is_told_before_anybody_is_asked() -> None:
    spare = MOST_BYTES - measure(PushContent(title="x", body="", data={"a": ""}))
    assert measure(push("x" * (spare - 20), {"title": "x"})) < MOST_BYTES
    for data, body in (("y" * 4_000, "{{ payload.body }}"), ("y", "😀" * 1_100)):
        with pytest.raises(RenderError) as caught:
            push(body, {"title": "x", "data.a": "{{ payload.a }}"}, {"a": data, "body": "x" * 200})
        assert caught.value.code == "too_large"
        assert f"where {MOST_BYTES:,} are allowed" in caught.value.message


def test_names_of_values_are_those_that_providers_pass_on() -> None:
    for good in ("orderId", "a", "order_id", "a.b-c", "_x", "fromage"):
        assert is_data_key(good)
    for bad in (
        "",
        "from",
        "message_type",
        "google",
        "google.x",
        "gcm.n",
        "gcm",
        "clarion_id",
        "a b",
        "1a",
        "ä",
        "a" * 65,
    ):
        assert not is_data_key(bad)


def test_a_title_is_needed() -> None:
    with pytest.raises(Invalid) as caught:
        push("x", {"url": "https://shop.example/"})
    assert "no `title`" in caught.value.message
