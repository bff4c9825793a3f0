"""What SES tells of a mail, event by event, in our words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clarion import ids
from clarion.channels.base import Report
from clarion.channels.email.ses_events import report_of
from clarion.dev.fakes.ses_events import Taken
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status

ID = ids.new()
OURS = f"msg_{ID.hex}"


def _taken(**more: Any) -> Taken:
    values: dict[str, Any] = {"id": "0102-000000", "to": ["a@example.com"], "sender": "shop@shop.example"}
    values |= {"subject": "Hi", "message": "", "tags": {"clarion": [OURS]}, "headers": []}
    return Taken(**values | more)


def _report(kind: str, **more: Any) -> Report | None:
    return report_of(json.loads(_taken().event(kind, **more)), key="k")


@pytest.mark.parametrize(
    ("kind", "more", "status", "feedback"),
    [
        ("Send", {}, Status.SENT, None),
        ("Delivery", {}, Status.DELIVERED, None),
        ("Bounce", {}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("Bounce", {"bounceSubType": "NoEmail"}, Status.BOUNCED, Feedback.HARD_BOUNCE),
        ("Bounce", {"bounceSubType": "Suppressed"}, Status.FAILED, Feedback.HARD_BOUNCE),
        ("Bounce", {"bounceSubType": "OnAccountSuppressionList"}, Status.FAILED, Feedback.HARD_BOUNCE),
        ("Bounce", {"bounceSubType": "UnsubscribedRecipient"}, Status.FAILED, Feedback.UNSUBSCRIBE),
        ("Bounce", {"bounceType": "Transient"}, Status.BOUNCED, Feedback.SOFT_BOUNCE),
        (
            "Bounce",
            {"bounceType": "Transient", "bounceSubType": "MailboxFull", "recipient": {}},
            Status.BOUNCED,
            Feedback.SOFT_BOUNCE,
        ),
        ("Bounce", {"bounceType": "Transient", "bounceSubType": "ContentRejected"}, Status.BOUNCED, None),
        ("Bounce", {"bounceType": "Undetermined", "bounceSubType": "Undetermined"}, Status.BOUNCED, None),
        ("Bounce", {"bounceType": None}, Status.BOUNCED, None),
        ("Complaint", {}, Status.DELIVERED, Feedback.COMPLAINT),
        ("Complaint", {"complaintSubType": "OnAccountSuppressionList"}, Status.FAILED, Feedback.COMPLAINT),
        ("Reject", {}, Status.FAILED, None),
        ("Rendering Failure", {}, Status.FAILED, None),
        ("Subscription", {}, Status.DELIVERED, Feedback.UNSUBSCRIBE),
    ],
)
def test_each_event_comes_to_something(
    kind: str, more: dict[str, Any], status: Status, feedback: Feedback | None
) -> None:
    report = _report(kind, **more)
    assert report is not None
    assert (report.message_id, report.provider_id, report.key) == (ID, "0102-000000", "k")
    assert (report.status, report.feedback) == (status, feedback)
    assert (report.reason is not None) == (status in (Status.BOUNCED, Status.FAILED))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("DeliveryDelay", {}),
        ("Open", {}),
        ("Click", {}),
        ("Something", {}),
        ("Complaint", {"complaintFeedbackType": "not-spam"}),
        ("Subscription", {"newTopicPreferences": {"unsubscribeAll": False}}),
    ],
)
def test_others_say_nothing(kind: str, more: dict[str, Any]) -> None:
    assert _report(kind, **more) is None


def test_an_automatic_answer_is_no_bounce() -> None:
    """SES calls "out of office" a transient bounce, too; but nobody gave the mail up, so there is no status."""
    assert _report("Bounce", bounceType="Transient", recipient={}) is None


def test_reasons_say_what_the_other_server_said() -> None:
    report = _report("Bounce", recipient={"status": "5.1.1", "diagnosticCode": "smtp; 550 no\r\nsuch user"})
    assert report is not None
    assert report.reason == "Permanent, General, 5.1.1: smtp; 550 no such user"


def test_without_tags_the_own_message_id_says_whose_it_is() -> None:
    headers = [{"name": "Message-ID", "value": f"<{OURS}@shop.example>"}]
    for named in ("eventType", "notificationType"):
        event = json.loads(_taken(tags={}, headers=headers).event("Delivery"))
        event[named] = event.pop("eventType")
        report = report_of(event, key="k")
        assert report is not None
        assert (report.message_id, report.status) == (ID, Status.DELIVERED)


@pytest.mark.parametrize(
    "mail",
    [None, [], {}, {"tags": []}, {"tags": {"clarion": OURS}}, {"headers": [None, {"name": 1}]}, {"messageId": 7}],
)
def test_what_names_no_mail_of_ours_says_nothing(mail: object) -> None:
    event = json.loads(_taken(tags={}).event("Delivery"))
    event["mail"] = event["mail"] | mail if isinstance(mail, dict) else mail
    assert report_of(event, key="k") is None
