"""Which message a broker's delivery is: the rules for ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiormq.abc import DeliveredMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from clarion.brokers.identity import plain, publishers_id
from clarion.brokers.nats.incoming import delivery_of
from clarion.brokers.rabbitmq.incoming import Expected, Ids, headers_of


def id_of(
    given: str | None = None, headers: Mapping[str, str] | None = None, content_type: str = "", body: bytes = b"{}"
) -> str | None:
    return publishers_id(given, headers=headers or {}, content_type=content_type, body=body)


def test_the_brokers_id_is_the_message() -> None:
    assert id_of("order-1") == "order-1"
    assert id_of(None) is None
    assert id_of("") is None


@pytest.mark.parametrize("names", [("cloudEvents:source", "cloudEvents:id"), ("ce-source", "ce-id")])
def test_an_event_is_known_by_its_source_and_id(names: tuple[str, str]) -> None:
    headers = dict(zip(names, ("/orders", "17"), strict=True))
    assert id_of("stamped-by-the-library", headers) == "/orders 17"


def test_an_event_in_one_piece_says_what_it_is_in_its_body() -> None:
    body = json.dumps({"source": "/orders", "id": "17", "data": {}}).encode()
    assert id_of("x", content_type="application/cloudevents+json; charset=utf-8", body=body) == "/orders 17"
    assert id_of("x", content_type="application/json", body=body) == "x"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": "1"}', b'{"source": 1, "id": 2}', b"[" * 100_000])
def test_what_is_no_event_has_the_brokers_id(body: bytes) -> None:
    assert id_of("x", content_type="application/cloudevents+json", body=body) == "x"


def test_an_id_that_cannot_be_stored_or_shown_is_known_by_its_hash() -> None:
    assert plain("a" * 200) == "a" * 200
    for odd in ("a" * 201, "a\0b", "a\nb", "\ud800"):
        assert plain(odd).startswith("sha256:")
    assert plain("a\0b") != plain("a\0c")


def amqp(
    body: bytes = b"{}", *, redelivered: bool = False, count: int | None = None, **properties: Any
) -> DeliveredMessage:
    headers: dict[str, Any] = {"shop": "corner"} | ({"x-delivery-count": count} if count else {})
    return DeliveredMessage(
        delivery=Basic.Deliver("c", 1, redelivered, "orders", "order.created"),
        header=ContentHeader(properties=Basic.Properties(headers=headers, **properties)),
        body=body,
        channel=None,  # type: ignore[arg-type]
    )


def named(ids: Ids, message: DeliveredMessage) -> str:
    return ids.of(message, headers_of(message), bytes(message.body))


def test_equal_messages_without_an_id_are_two() -> None:
    ids = Ids(Expected())
    assert named(ids, amqp()) != named(ids, amqp())
    assert named(ids, amqp(message_id="a")) == named(ids, amqp(message_id="a")) == "a"


def test_one_that_comes_again_after_its_connection_was_lost_has_its_id() -> None:
    expected = Expected()
    before = Ids(expected)
    first, other = named(before, amqp(b"1")), named(before, amqp(b"2"))
    before.disconnected()
    after = Ids(expected)
    assert named(after, amqp(b"2", redelivered=True, count=1)) == other
    assert named(after, amqp(b"1", redelivered=True, count=1)) == first
    assert named(after, amqp(b"1", redelivered=True, count=1)) not in (first, other)


def test_a_new_message_never_has_the_id_of_an_equal_one() -> None:
    expected = Expected()
    before = Ids(expected)
    first = named(before, amqp())
    before.disconnected()
    after = Ids(expected)
    assert named(after, amqp()) != first


def test_equal_messages_that_come_again_share_out_their_ids() -> None:
    expected = Expected()
    before = Ids(expected)
    given = {named(before, amqp()) for _ in range(3)}
    before.disconnected()
    after = Ids(expected)
    assert {named(after, amqp(redelivered=True)) for _ in range(3)} == given


def test_one_that_was_given_back_keeps_its_id() -> None:
    ids = Ids(Expected())
    first = named(ids, amqp())
    ids.come_again(first)
    assert named(ids, amqp(redelivered=True)) == first


def test_what_may_come_again_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Expected()
    before = Ids(expected)
    first = named(before, amqp())
    before.disconnected()
    monkeypatch.setattr("clarion.brokers.rabbitmq.incoming._KNOWN_S", 0.0)
    late = Ids(expected)
    second = named(late, amqp(b"2"))
    late.disconnected()
    assert named(late, amqp(b"2", redelivered=True)) != second
    assert named(late, amqp(redelivered=True)) == first


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.brokers.rabbitmq.incoming._MOST", 2)
    expected = Expected()
    ids = Ids(expected)
    given = [named(ids, amqp(b"%d" % n)) for n in range(4)]
    ids.disconnected()
    again = [named(ids, amqp(b"%d" % n, redelivered=True)) for n in range(4)]
    assert again[2:] == given[2:]
    assert not set(again[:2]) & set(given)


@pytest.mark.parametrize("place", ["$JS.ACK.orders.clarion", "$JS.ACK._.ACCOUNT.orders.clarion"])
def test_a_message_of_jetstream_is_its_number_and_when_it_was_stored(place: str) -> None:
    def message(deliveries: int, stored: int = 1_700_000_000_123_456_789, **more: Any) -> Msg:
        tail = ".0" if place.count(".") == 3 else ".0.token"
        reply = f"{place}.{deliveries}.42.7.{stored}{tail}"
        return Msg(_client=Client(), subject="orders.created", reply=reply, data=b"{}", **more)

    first, again = delivery_of(message(1)), delivery_of(message(2))
    assert first.id == again.id == "seq:42-1700000000123456789"
    assert (first.redelivered, again.redelivered) == (False, True)
    assert delivery_of(message(1, stored=1)).id != first.id
    assert delivery_of(message(1, headers={"Nats-Msg-Id": "order-1"})).id == "order-1"
    event = delivery_of(message(1, headers={"Nats-Msg-Id": "x", "ce-source": "/orders", "ce-id": "17"}))
    assert event.id == "/orders 17"
