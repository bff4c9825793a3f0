"""Bindings: what becomes of an event, what a binding must not say, and what happens when the data does not fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clarion.domain.action import CancelTimer, Publish, SetTimer, Trigger
from clarion.domain.binding import Binding
from clarion.domain.binding_compiled import Compiled
from clarion.domain.binding_value import PlacedFault
from clarion.domain.event import Event
from clarion.domain.own_event import OwnEvent
from clarion.domain.source import BullSource, NatsSource, RabbitSource
from clarion.errors import Invalid
from clarion.flows.bindings import make_ready

ID = f"att_{'0' * 64}"
NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
ON = BullSource(queue="mailer-queue", jobs=("email-producer",))
DATA = {
    "orderId": "o-7",
    "total": 10.5,
    "to": "Ada@example.com",
    "expiresAt": "2026-05-01T12:00:00Z",
    "tags": ["a", "b"],
    "nested": {"x": None},
}
EVENT = Event(id="e-1", type="order", source="s", subject="orders", time=NOW, data=DATA, headers={"x-trace": "t"})


def compiled(*do: Any, when: str | None = None) -> Compiled:
    return make_ready(Binding(key="b", on=ON, when=when, do=do))


def actions(*do: Any, when: str | None = None, event: Event = EVENT) -> Any:
    return compiled(*do, when=when).actions(event, NOW)


def test_values_are_expressions_and_texts_are_liquid() -> None:
    (made,) = actions(
        {
            "trigger": {
                "workflow": "booking-confirmed",
                "recipients": [{"email": "data.to", "data": {"vip": "data.total > 10.0"}}, "'ana'"],
                "payload": {
                    "order": "data.orderId",
                    "twice": "data.total * 2.0",
                    "all": "data",
                    "n": 7,
                    "yes": True,
                    "nothing": None,
                    "list": ["data.tags[0]", 1, {"deep": "headers['x-trace']"}],
                    "at": "timestamp(data.expiresAt) - duration('3h')",
                    "long": "duration('90m')",
                    "type": "event.type + '/' + event.data.orderId",
                },
                "metadata": "{'id': event.id}",
                "channels": ["email", "{{ 'in' }}_app"],
                "transaction_id": "order {{ data.orderId | upcase }}",
                "send_at": "now + duration('10m')",
                "expires_at": "data.expiresAt",
                "priority": "high",
            }
        }
    )
    assert made == Trigger(
        workflow="booking-confirmed",
        recipients=[{"email": "Ada@example.com", "data": {"vip": True}}, "ana"],
        payload={
            "order": "o-7",
            "twice": 21.0,
            "all": DATA,
            "n": 7,
            "yes": True,
            "nothing": None,
            "list": ["a", 1, {"deep": "t"}],
            "at": "2026-05-01T09:00:00Z",
            "long": "5400s",
            "type": "order/o-7",
        },
        metadata={"id": "e-1"},
        channels=["email", "in_app"],
        transaction_id="order O-7",
        priority="high",
        send_at=NOW + timedelta(minutes=10),
        expires_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
    )


def test_a_timer_carries_what_was_so_when_it_was_set() -> None:
    publish = {"kind": "nats", "subject": "expiration.complete", "body": {"orderId": "data.orderId"}}
    set_timer = {"key": "order-{{ data.orderId }}", "at": "data.expiresAt", "do": [{"publish": publish}]}
    assert actions({"timer.set": set_timer}, {"timer.cancel": {"key": "x-{{ event.id }}"}}) == [
        SetTimer(
            key="order-o-7",
            at=datetime(2026, 5, 1, 12, tzinfo=UTC),
            actions=[Publish(kind="nats", target={"subject": "expiration.complete"}, body={"orderId": "o-7"})],
        ),
        CancelTimer(key="x-e-1"),
    ]


def test_a_message_names_where_it_goes_by_texts() -> None:
    written = {
        "kind": "rabbitmq",
        "broker": "main",
        "exchange": "results",
        "routing_key": "booking.{{ data.orderId }}",
        "headers": {"x-order": "{{ data.orderId }}"},
        "id": "r-{{ event.id }}",
        "body": "data.tags",
    }
    assert actions({"publish": written}) == [
        Publish(
            kind="rabbitmq",
            broker="main",
            target={"exchange": "results", "routing_key": "booking.o-7"},
            headers={"x-order": "o-7"},
            id="r-e-1",
            body=["a", "b"],
        )
    ]


def test_nothing_is_done_where_the_condition_is_false() -> None:
    cancel = {"timer.cancel": {"key": "x"}}
    assert actions(cancel, when="data.total > 100.0") == ()
    assert actions(cancel, when="data.total > 1.0") == [CancelTimer(key="x")]


@pytest.mark.parametrize("when", ["data.nope == 1", "data.total", "'x'"])
def test_a_condition_that_cannot_be_told_is_a_fault(when: str) -> None:
    """It would be a message that is lost in silence."""
    with pytest.raises(Invalid) as raised:
        actions({"timer.cancel": {"key": "x"}}, when=when)
    assert [fault.pointer for fault in raised.value.faults] == ["/when"]


def test_every_part_that_cannot_be_worked_out_is_named() -> None:
    with pytest.raises(Invalid) as raised:
        actions(
            {"trigger": {"workflow": "{{ data.nope }}", "recipients": "data.total", "payload": {"a/b": "data.x"}}},
            {"timer.set": {"key": "k", "at": "data.orderId", "do": [{"timer.cancel": {"key": "{{ data.no }}"}}]}},
            {"timer.set": {"key": "k", "at": "data.nested.x", "do": [{"timer.cancel": {"key": "k"}}]}},
            {"publish": {"kind": "nats", "subject": "a", "body": "1.0 / 0.0"}},
            {"trigger": {"workflow": "w", "recipients": ["'a'"], "payload": "data.tags", "metadata": "data.orderId"}},
        )
    told = {fault.pointer: fault.code for fault in raised.value.faults}
    assert told == {
        "/do/0/trigger/workflow": "missing_variables",
        "/do/0/trigger/recipients": "type",
        "/do/0/trigger/payload/a~1b": "expression_failed",
        "/do/1/timer.set/at": "invalid_time",
        "/do/1/timer.set/do/0/timer.cancel/key": "missing_variables",
        "/do/2/timer.set/at": "invalid_time",
        "/do/3/publish/body": "type",
        "/do/4/trigger/payload": "type",
        "/do/4/trigger/metadata": "type",
    }
    assert "/do/0/trigger/payload/a~1b: there is no 'x' in the data" in raised.value.message


def test_what_may_be_left_out_may_come_to_null() -> None:
    (made,) = actions(
        {"trigger": {"workflow": "w", "recipients": "data.to", "payload": "null", "send_at": "data.nested.x"}}
    )
    assert made == Trigger(workflow="w", recipients=["Ada@example.com"])


@pytest.mark.parametrize(
    ("do", "pointer", "says"),
    [
        ([], "/do", "must be a list of actions"),
        (["trigger"], "/do/0", "a table with one key"),
        ([{"triger": {}}], "/do/0", "did you mean `trigger`?"),
        ([{"trigger": {"workflow": "w"}}], "/do/0/trigger", "needs `recipients`"),
        ([{"trigger": {"workflow": "w", "recipients": ["'a'"], "pay_load": 1}}], "/do/0/trigger/pay_load", "`payload`"),
        ([{"trigger": {"workflow": "w", "recipients": ["guests"]}}], "/do/0/trigger/recipients/0", "\"'guests'\""),
        ([{"trigger": {"workflow": "w", "recipients": ["payload.x"]}}], "/do/0/trigger/recipients/0", "not known here"),
        ([{"trigger": {"workflow": "w", "recipients": ["event.tipe"]}}], "/do/0/trigger/recipients/0", "`type`"),
        ([{"trigger": {"workflow": "{{ order }}", "recipients": ["'a'"]}}], "/do/0/trigger/workflow", "`data.order`"),
        ([{"trigger": {"workflow": "{{ data", "recipients": ["'a'"]}}], "/do/0/trigger/workflow", "never closed"),
        ([{"trigger": {"workflow": ["w"], "recipients": ["'a'"]}}], "/do/0/trigger/workflow", "must be text"),
        ([{"publish": {"kind": "natz", "subject": "a"}}], "/do/0/publish/kind", "did you mean `nats`?"),
        ([{"publish": {"kind": "nats"}}], "/do/0/publish", "needs `subject`"),
        ([{"publish": {"kind": "nats", "subject": "a", "queue": "q"}}], "/do/0/publish/queue", "means nothing to nats"),
        ([{"publish": {"kind": "nats", "subject": "a", "headers": "x"}}], "/do/0/publish/headers", "a table of names"),
        ([{"timer.set": {"key": "k", "at": "now", "do": "x"}}], "/do/0/timer.set/do", "must be a list of actions"),
        ([{"timer.set": {"key": "k", "at": 5, "do": []}}], "/do/0/timer.set/at", "an expression that comes to a time"),
    ],
)
def test_what_a_binding_must_not_say(do: list[Any], pointer: str, says: str) -> None:
    with pytest.raises(Invalid) as raised:
        compiled(*do)
    assert any(fault.pointer == pointer and says in fault.detail for fault in raised.value.faults), raised.value.faults


def test_a_fault_in_an_expression_tells_its_column() -> None:
    with pytest.raises(Invalid) as raised:
        compiled({"trigger": {"workflow": "w", "recipients": ["data.a ++ 1"]}}, when="data.b == tru")
    places = {fault.pointer: fault.place for fault in raised.value.faults if isinstance(fault, PlacedFault)}
    assert places["/when"] == "1:11"
    assert places["/do/0/trigger/recipients/0"].startswith("1:")


def test_timers_are_not_set_by_timers_without_end() -> None:
    do: dict[str, Any] = {"timer.cancel": {"key": "k"}}
    for _ in range(4):
        do = {"timer.set": {"key": "k", "at": "now", "do": [do]}}
    with pytest.raises(Invalid, match="at most 3 deep"):
        compiled(do)


@pytest.mark.parametrize(
    "on",
    [
        ON,
        RabbitSource(queue="bookings", exchange="events", routing_keys=("booking.*",), prefetch=50),
        NatsSource(stream="orders", subjects=("order.created",), durable="clarion"),
        OwnEvent(type="message.sent", workflow="hello", channel="email"),
        OwnEvent(type="timer.fired"),
    ],
)
def test_a_binding_is_read_back_as_it_was_written(on: Any) -> None:
    do = [{"timer.cancel": {"key": "k"}}]
    binding = Binding(key="b", on=on, when="true", do=do)
    again = Binding.from_json(binding.to_json())
    assert (again.on, again.to_json()) == (on, binding.to_json())
    assert again.content_hash == binding.content_hash
    assert again.content_hash != Binding(key="b", on=on, do=do).content_hash
    assert (again.source is None) == isinstance(on, OwnEvent)


def test_an_own_event_may_be_narrowed() -> None:
    assert OwnEvent(type="message.sent").hears(workflow="a", channel="email")
    assert OwnEvent(type="message.sent", workflow="a").hears(workflow="a", channel="email")
    assert not OwnEvent(type="message.sent", workflow="b").hears(workflow="a", channel="email")
    assert not OwnEvent(type="job.failed", queue="email").hears(queue="sms")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("{{ data.orderId }}", "o-7"),
        (" {{data.orderId}}-{{ event.id }} ", "o-7-e-1"),
        ("{{ event.id | upcase }}/{{ event.time }}/{{ now }}", "E-1/2026-05-01T09:30:00Z/2026-05-01T09:30:00Z"),
        ("{{ data.total }}", "10.5"),
        ("{{ data.tags.size }} {{ data.tags.first }}", "2 a"),
        ("{{ headers['x-trace'] }}", "t"),
        ("{% if data.total > 10 %}big{% endif %}", "big"),
        ("{{ data.nested.x | default: 'none' }}", "none"),
        ("{% raw %}{{ data.orderId }}{% endraw %}", "{{ data.orderId }}"),
        ("{{ data.orderId }} }}", "o-7 }}"),
    ],
)
def test_texts(text: str, wanted: str) -> None:
    assert actions({"timer.cancel": {"key": text}}) == [CancelTimer(key=wanted)]


@pytest.mark.parametrize(
    "text", ["{{ data.nope }}", "{{ data.nested.x }}", "a-{{ data.orderId.x }}", "{{ headers.q }}"]
)
def test_a_text_whose_value_is_missing_is_a_fault(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        actions({"timer.cancel": {"key": text}})
    assert raised.value.code == "missing_variables"


@pytest.mark.parametrize(
    "expression",
    [
        *("data", "data.nested", "data.tags", "data.orderId", "data.nested.x", "data.nope", "data.orderId.x"),
        *("data.tags.x", "headers", "data.nested.x.y"),
    ],
)
def test_a_path_comes_to_what_its_expression_comes_to(expression: str) -> None:
    """It takes a way of its own, which must lead to the same."""

    def outcome(written: str) -> Any:
        try:
            return actions({"publish": {"kind": "nats", "subject": "a", "body": {"v": written}}})
        except Invalid as error:
            return [(fault.pointer, fault.code) for fault in error.faults]

    assert outcome(expression) == outcome(f"({expression})")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("has(data.nope) ? 1 : 2", 2),
        ("has(data.orderId) && data.total > 1.0", True),
        ("size(data)", 6),
        ("data.size()", 6),
        ("data['orderId'] + data.orderId", "o-7o-7"),
        ("data.tags.map(data, data + '!')", ["a!", "b!"]),
        ("event.data.orderId + event.id", "o-7e-1"),
        ("[data.total, data.nested].size()", 2),
        ("'data' in data", False),
        ("'total' in data", True),
    ],
)
def test_only_what_is_read_is_converted_and_nothing_else_is_missed(expression: str, wanted: object) -> None:
    (made,) = actions({"publish": {"kind": "nats", "subject": "a", "body": expression}})
    assert made.body == wanted


def test_files_are_texts_or_an_expression() -> None:
    def files(written: Any) -> Any:
        (made,) = actions({"trigger": {"workflow": "w", "recipients": "data.to", "attachments": written}})
        return made.attachments

    assert files([{"url": "https://x.example/{{ data.orderId }}.pdf", "name": "{{ data.to }}.pdf"}, {"id": ID}]) == [
        {"url": "https://x.example/o-7.pdf", "name": "Ada@example.com.pdf"},
        {"id": ID},
    ]
    assert files("data.tags.map(tag, {'url': 'https://x.example/' + tag})") == [
        {"url": "https://x.example/a"},
        {"url": "https://x.example/b"},
    ]
    assert files("data.nested.x") == ()
    for wrong, pointer in (("data.to", ""), ([{"url": "https://x.example/{{ data.no }}"}], "/0/url")):
        with pytest.raises(Invalid) as raised:
            files(wrong)
        assert [fault.pointer for fault in raised.value.faults] == [f"/do/0/trigger/attachments{pointer}"]


@pytest.mark.parametrize(
    ("written", "pointer", "said"),
    [
        ({"url": "x"}, "", "must be a list"),
        (["x"], "", "must be a list"),
        ([{}], "/0", "either `id` or `url`"),
        ([{"url": "x", "nam": "y"}], "/0/nam", "did you mean `name`"),
        ([{"url": "https://x.example/", "inline": "a b"}], "/0/inline", "letters"),
        ([{"id": "att_1"}], "/0/id", "not an id"),
        ([{"url": "{{ data."}], "/0/url", ""),
        ("data.", "", ""),
    ],
)
def test_files_that_a_binding_cannot_name(written: Any, pointer: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        compiled({"trigger": {"workflow": "w", "recipients": "data.to", "attachments": written}})
    assert [fault.pointer for fault in raised.value.faults] == [f"/do/0/trigger/attachments{pointer}"]
    assert said in raised.value.faults[0].detail
