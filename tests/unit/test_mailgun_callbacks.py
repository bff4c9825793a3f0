"""What claims to come from Mailgun is believed when it is signed and recent, and never else (BAD-INPUT 64)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clarion import ids
from clarion.channels.base import Callback, Report
from clarion.channels.email.mailgun_callbacks import MailgunCallbacks
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import Forged

KEY = "0123456789abcdef" * 2
ID = ids.new()
TAKEN_AS = f"msg_{ID.hex}@shop.example"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TOKEN = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"


def _signed(*, token: str = TOKEN, age_s: float = 0, key: str = KEY, at: object = None) -> dict[str, object]:
    """As Mailgun's page on webhooks describes it."""
    stamp = str(int(NOW.timestamp() - age_s)) if at is None else at
    proof = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": stamp, "token": token, "signature": proof}


def _event(kind: str = "delivered", **more: Any) -> dict[str, Any]:
    return {
        "event": kind,
        "id": "hK7mQVt1QtqRiOfQXta4sw",
        "message": {"headers": {"message-id": TAKEN_AS}},
        "user-variables": {"clarion": f"msg_{ID.hex}"},
        **more,
    }


def _callback(event: object = None, signature: object = None, body: bytes | None = None) -> Callback:
    said = {
        "signature": _signed() if signature is None else signature,
        "event-data": _event() if event is None else event,
    }
    return Callback(url="", headers={}, body=json.dumps(said).encode() if body is None else body)


def _read(callback: Callback) -> list[Report]:
    return list(MailgunCallbacks(KEY).read(callback, NOW))


def _failed(why: str = "bounce", severity: str = "permanent", **status: Any) -> dict[str, Any]:
    return _event("failed", severity=severity, reason=why, **{"delivery-status": status})


def test_a_genuine_one_is_believed() -> None:
    assert _read(_callback()) == [
        Report(message_id=ID, provider_id=TAKEN_AS, status=Status.DELIVERED, reason=None, key=TOKEN)
    ]


@pytest.mark.parametrize(
    ("kind", "status", "feedback"),
    [
        ("accepted", Status.SENT, None),
        ("delivered", Status.DELIVERED, None),
        ("complained", Status.DELIVERED, Feedback.COMPLAINT),
        ("unsubscribed", Status.DELIVERED, Feedback.UNSUBSCRIBE),
        ("rejected", Status.FAILED, None),
    ],
)
def test_each_event_has_its_own(kind: str, status: Status, feedback: Feedback | None) -> None:
    (report,) = _read(_callback(_event(kind)))
    assert (report.status, report.feedback) == (status, feedback)


@pytest.mark.parametrize(
    ("why", "said", "status", "feedback"),
    [
        ("bounce", {"code": 550, "enhanced-code": "5.1.1"}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("generic", {"code": 550, "bounce-code": "5.1.1"}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("generic", {"code": 550, "message": "5.1.10 null MX"}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("generic", {"code": 554, "message": "smtp; 554-5.2.1 closed"}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("bounce", {"code": 550, "message": "No such mailbox"}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("bounce", {}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        # What is wrong with us, or with the words, is not the address's fault.
        ("generic", {"code": 550, "message": "go away"}, Status.BOUNCED, None),
        ("bounce", {"code": 550, "enhanced-code": "5.7.1"}, Status.BOUNCED, None),
        ("espblock", {"code": 550, "message": "5.7.26 unauthenticated"}, Status.BOUNCED, None),
        ("bounce", {"code": 550, "enhanced-code": "5.1.8"}, Status.BOUNCED, None),
        ("generic", {"code": 552, "enhanced-code": "5.3.4"}, Status.BOUNCED, None),
        ("generic", {"code": 550, "message": "our address is 10.5.1.1"}, Status.BOUNCED, None),
        # It was tried, and may work another day.
        ("generic", {"code": 552, "enhanced-code": "5.2.2"}, Status.BOUNCED, Feedback.SOFT_BOUNCE),
        ("generic", {"code": 452, "enhanced-code": "4.2.2"}, Status.BOUNCED, Feedback.SOFT_BOUNCE),
        ("old", {"code": 602, "description": "Too old"}, Status.BOUNCED, Feedback.SOFT_BOUNCE),
        # Mailgun did not even try.
        ("suppress-bounce", {"code": 605}, Status.FAILED, Feedback.HARD_BOUNCE),
        ("suppress-complaint", {"code": 607}, Status.FAILED, Feedback.COMPLAINT),
        ("suppress-unsubscribe", {"code": 606}, Status.FAILED, Feedback.UNSUBSCRIBE),
    ],
)
def test_a_permanent_failure_says_what_it_says_of_the_address(
    why: str, said: dict[str, Any], status: Status, feedback: Feedback | None
) -> None:
    (report,) = _read(_callback(_failed(why, **said)))
    assert (report.status, report.feedback) == (status, feedback)
    assert report.reason is not None
    assert report.reason.startswith(why)


def test_the_last_temporary_failure_is_the_end_of_it() -> None:
    """Mailgun has been seen to give up with a failure that it calls temporary, whose reason is `old`."""
    (report,) = _read(_callback(_failed("generic", "temporary", code=498, message="No MX")))
    assert (report.status, report.feedback, report.reason) == (Status.SENT, None, None)
    (report,) = _read(_callback(_failed("old", "temporary", code=498, message="No MX")))
    assert (report.status, report.feedback) == (Status.BOUNCED, Feedback.SOFT_BOUNCE)
    assert report.reason == "old, 498: No MX"


@pytest.mark.parametrize("kind", ["opened", "clicked", "stored", "list_uploaded", "", "?"])
def test_others_say_that_it_was_taken_and_use_their_token_up(kind: str) -> None:
    (report,) = _read(_callback(_event(kind)))
    assert (report.status, report.feedback, report.key) == (Status.SENT, None, TOKEN)


def test_the_reason_is_one_line() -> None:
    (report,) = _read(_callback(_failed("bounce", code=550, message="no\r\nsuch\x00 user " + "x" * 1_000)))
    assert report.reason is not None
    assert report.reason.startswith("bounce, 550: no such user x")
    assert report.reason.isprintable()
    assert len(report.reason) <= 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"signature": []}',
        b'{"signature": {"timestamp": null, "token": null, "signature": null}}',
        json.dumps({"event-data": _event()}).encode(),
    ],
)
def test_what_is_not_signed_is_refused(body: bytes) -> None:
    with pytest.raises(Forged):
        _read(_callback(body=body))


@pytest.mark.parametrize(
    "signature",
    [
        _signed(key="f" * 32),
        _signed() | {"signature": ""},
        _signed() | {"signature": "é"},
        _signed() | {"signature": str(_signed()["signature"])[:-1]},
        _signed() | {"signature": str(_signed()["signature"]).upper()},
        _signed() | {"token": "another" * 5},
        _signed() | {"timestamp": str(int(NOW.timestamp()) + 1)},
        _signed(age_s=9 * 3600 + 1),
        _signed(age_s=-301),
        _signed(at="0"),
        _signed(at="9" * 400),
        _signed(at="soon"),
        _signed(at=""),
        # A digit that wanders from the one to the other signs the same, and would make a token look new.
        _signed(at=str(int(NOW.timestamp())) + TOKEN[0], token=TOKEN[1:]),
        _signed(at=str(int(NOW.timestamp()))[:-1], token=str(int(NOW.timestamp()))[-1] + TOKEN),
        _signed(token=""),
        _signed(token="x" * 10_000),
        _signed(token="a b" * 10),
    ],
)
def test_what_is_not_signed_so_or_not_just_now_is_refused(signature: dict[str, object]) -> None:
    with pytest.raises(Forged):
        _read(_callback(signature=signature))


@pytest.mark.parametrize("age_s", [-299, 0, 9 * 3600 - 1])
@pytest.mark.parametrize("at", [str, int])
def test_a_little_late_is_not_too_late(age_s: int, at: type) -> None:
    assert _read(_callback(signature=_signed(at=at(int(NOW.timestamp()) - age_s))))


def test_how_late_is_a_setting() -> None:
    late = _callback(signature=_signed(age_s=8 * 3600))
    assert list(MailgunCallbacks(KEY, age=timedelta(hours=9)).read(late, NOW))
    with pytest.raises(Forged):
        MailgunCallbacks(KEY, age=timedelta(hours=7)).read(late, NOW)


def test_a_token_is_one_report_whatever_stands_beside_it() -> None:
    """The body is not signed: other words beside the same token are a repetition."""
    assert _read(_callback())[0].key == _read(_callback(_failed(code=550)))[0].key


def test_our_id_is_the_variable_or_else_stands_in_the_message_id() -> None:
    assert _read(_callback(_event() | {"user-variables": {}}))[0].message_id == ID
    other = ids.new()
    told = _event() | {"user-variables": {"clarion": f"msg_{other.hex}"}}
    assert _read(_callback(told))[0].message_id == other


@pytest.mark.parametrize(
    "more",
    [
        {"message": {}},
        {"message": None},
        {"message": {"headers": {"message-id": 7}}},
        {"message": {"headers": {"message-id": "no address"}}},
        {"message": {"headers": {"message-id": "20180622.1@shop.example"}}, "user-variables": {}},
        {"message": {"headers": {"message-id": "20180622.1@shop.example"}}, "user-variables": {"clarion": 7}},
        {"message": {"headers": {"message-id": "20180622.1@shop.example"}}, "user-variables": "no"},
    ],
)
def test_a_genuine_one_that_names_no_mail_of_ours_says_nothing(more: dict[str, Any]) -> None:
    assert _read(_callback(_event(**more))) == []


@pytest.mark.parametrize("event", [[], "text", 7, {"event": 7}, {"event": "failed"}, {"event": ["failed"]}])
def test_an_event_of_another_shape_says_nothing(event: object) -> None:
    assert _read(_callback(event)) == []


def test_the_key_is_not_shown() -> None:
    with pytest.raises(Forged) as caught:
        _read(_callback(signature=_signed(key="f" * 32)))
    assert KEY not in caught.value.message + repr(MailgunCallbacks(KEY))
