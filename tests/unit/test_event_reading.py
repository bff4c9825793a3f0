"""What a message of a broker says: plain JSON, CloudEvents in both modes, and why one is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from clarion.domain.event import Event
from clarion.domain.event_reading import LARGEST, Unreadable, read_event

CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/orders",
    "type": "order.created",
    "subject": "order/7",
    "time": "2026-11-25T20:00:00+01:00",
    "tier": "gold",
    "data": {"orderId": "7"},
}


def read(body: bytes | object, **headers: str) -> Event | Unreadable:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("__", "-"): value for name, value in headers.items()}
    return read_event(id="m-1", body=raw, subject="order:created", headers=given, source="nats:nats/orders/clarion")


def event(body: bytes | object, **headers: str) -> Event:
    found = read(body, **headers)
    assert isinstance(found, Event), found
    return found


def test_plain_json_is_called_by_what_it_was_sent_to() -> None:
    found = event({"orderId": "7"}, trace="x")
    assert found == Event(
        id="m-1",
        type="order:created",
        source="nats:nats/orders/clarion",
        subject="order:created",
        data={"orderId": "7"},
        headers={"trace": "x"},
    )
    assert event(b"[1]").data == [1]


@pytest.mark.parametrize("headers", [{}, {"Content__Type": "application/cloudevents+json; charset=utf-8"}])
def test_a_cloud_event_in_structured_mode(headers: dict[str, str]) -> None:
    found = event(CLOUD, **headers)
    assert (found.id, found.source, found.type, found.subject) == ("e-1", "/orders", "order.created", "order/7")
    assert found.time == datetime(2026, 11, 25, 19, tzinfo=UTC)
    assert found.data == {"orderId": "7"}
    assert found.headers["ce-tier"] == "gold"


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents:", "cloudEvents_"])
def test_a_cloud_event_in_binary_mode(prefix: str) -> None:
    headers = {prefix + name: value for name, value in CLOUD.items() if name != "data"}
    found = event(CLOUD["data"], **headers)
    assert (found.id, found.source, found.type, found.subject) == ("e-1", "/orders", "order.created", "order/7")
    assert found.data == {"orderId": "7"}
    text = event(b"gr\xc3\xbcn", **headers, **{f"{prefix}datacontenttype": "text/plain"})
    assert text.data == "grün"
    assert event(b"", **headers).data is None


def test_data_in_base64_and_escapes_in_headers() -> None:
    packed = {**CLOUD, "data_base64": "eyJhIjogMX0="}
    del packed["data"]
    assert event(packed).data == {"a": 1}
    found = event(
        b"1",
        **{
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-source": "s",
            "ce-type": "gr%C3%BCn%FF",
            "ce-subject": "gr%C3%BCn",
        },
    )
    assert found.subject == "grün"
    assert found.type == "grün%FF"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{} {}", "invalid_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b"{" + b",".join(b'"%d":1' % i for i in range(1_001)) + b"}", "too_many_keys"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": NaN}', "invalid_number"),
        (b'{"a": 1e400}', "invalid_number"),
        (b'{"a": "\\ud800"}', "invalid_unicode"),
        (b'{"a": "\\u0000"}', "nul"),
        (b" " * LARGEST + b"1", "too_large"),
        ({**CLOUD, "specversion": "0.3"}, "unsupported_version"),
        ({**CLOUD, "type": ""}, "missing"),
        ({**CLOUD, "time": "yesterday"}, "invalid_time"),
        ({**CLOUD, "time": "2026-11-25T20:00:00"}, "invalid_time"),
        ({**CLOUD, "type": {"a": 1}}, "type"),
        ({**CLOUD, "data_base64": "§"}, "invalid_base64"),
        ({**CLOUD, "data_base64": "eyI=", "datacontenttype": "image/png"}, "unsupported_media_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_event_says_why(body: bytes | object, reason: str) -> None:
    found = read(body)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith(f"{reason}: "), found.reason


def test_kinds_of_content_that_cannot_be_read() -> None:
    assert isinstance(read([CLOUD], content__type="application/cloudevents-batch+json"), Unreadable)
    assert isinstance(read([CLOUD], content__type="application/cloudevents+json"), Unreadable)
    binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    assert isinstance(read(b"<a/>", content__type="application/xml", **binary), Unreadable)
    assert isinstance(read(b"a\0b", content__type="text/plain", **binary), Unreadable)
    assert isinstance(read(b"a\xff", content__type="text/plain", **binary), Unreadable)


def test_names_and_headers_can_be_stored() -> None:
    found = read_event(id="a\0b", body=b"1", subject="\ud800x", headers={"h\0": "v\0"}, source="s")
    assert isinstance(found, Event)
    assert (found.id, found.subject, found.headers) == ("a\ufffdb", "\ufffdx", {"h\ufffd": "v\ufffd"})
