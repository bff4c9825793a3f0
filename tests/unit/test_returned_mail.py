"""Mails that come back: whose they are, what they say, and that nothing in them can do harm."""

from __future__ import annotations

import base64
import random
import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.channels.bounces.reading import Reader
from clarion.channels.bounces.status import Said
from clarion.domain.address import parse_email
from clarion.domain.feedback import Feedback
from clarion.domain.return_path import ReturnPaths, parse_bounce_address
from clarion.domain.status import Status
from clarion.errors import Invalid

PATHS = ReturnPaths("bounces@mail.example.com", b"the secret of an installation")
ID = UUID("0192f0c1-2345-7abc-8def-0123456789ab")
HERE = PATHS.of(ID)


def report(fields: str, *, words: str = "It came back.", head: str = "", returned: str = "Subject: Hello\n") -> bytes:
    """A delivery status notification as Postfix writes it."""
    text = (
        f"From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\nTo: {HERE}\nSubject: Undelivered Mail\n"
        f"Auto-Submitted: auto-replied\nMessage-ID: <1@mx.example.net>\n{head}MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status;\n boundary="B0UNCE/1"\n\n'
        f"This is a MIME-encapsulated message.\n\n--B0UNCE/1\nContent-Type: text/plain\n\n{words}\n\n"
        "--B0UNCE/1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"{fields}\n--B0UNCE/1\nContent-Type: message/rfc822\n\n{returned}\n--B0UNCE/1--\n"
    )
    return text.replace("\n", "\r\n").encode()


def failed(status: str, diagnostic: str = "") -> bytes:
    return report(
        f"Final-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: {status}\n"
        + (f"Diagnostic-Code: smtp; {diagnostic}\n" if diagnostic else "")
    )


def test_the_address_is_one_that_every_server_takes_and_names_its_message() -> None:
    assert parse_email(HERE) == HERE
    local = HERE.partition("@")[0]
    assert len(local) <= 64 and local.islower()
    assert PATHS.read(HERE.encode()) == ID
    assert PATHS.read(HERE.upper().encode()) == ID, "servers on the way may change the case"
    longest = ReturnPaths(parse_bounce_address("a" * 23 + "@mail.example.com"), b"x" * 32)
    assert parse_email(longest.of(ID)) and longest.read(longest.of(ID).encode()) == ID


def test_an_address_of_an_old_secret_still_counts_and_one_of_another_does_not() -> None:
    other = ReturnPaths("bounces@mail.example.com", b"another secret")
    assert other.read(HERE.encode()) is None
    assert (
        ReturnPaths("bounces@mail.example.com", b"another", b"the secret of an installation").read(HERE.encode()) == ID
    )


def test_no_letter_of_an_address_can_be_another() -> None:
    local, _, domain = HERE.partition("@")
    head, token = local.split("+")
    for place in range(len(token)):
        for letter in random.Random(place).sample("abcdefghijklmnopqrstuvwxyz234567", 5):
            changed = token[:place] + letter + token[place + 1 :]
            found = PATHS.read(f"{head}+{changed}@{domain}".encode())
            assert found == (ID if changed == token else None)
    for wrong in (f"{head}@{domain}", f"{local}@mail.example.co", f"{local}x@{domain}", f"x{HERE}", "", f"<{HERE}>"):
        assert PATHS.read(wrong.encode()) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [("a" * 24 + "@mail.example.com", "23"), ("jörg@mail.example.com", "ASCII"), ("nobody", "@")],
)
def test_a_bounce_address_that_cannot_be_one_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        parse_bounce_address(text)


@pytest.mark.parametrize(
    ("raw", "status", "feedback", "reason"),
    [
        (
            failed("5.1.1", "550 5.1.1 <ann@example.org>: Recipient address rejected"),
            *(Status.BOUNCED, Feedback.HARD_BOUNCE, "550 5.1.1 <ann@example.org>: Recipient address rejected"),
        ),
        (failed("5.0.0", "550 5.1.10 no mail here"), Status.BOUNCED, Feedback.HARD_BOUNCE, "550 5.1.10 no mail here"),
        (failed("5.2.2 (full)"), Status.BOUNCED, Feedback.SOFT_BOUNCE, "5.2.2"),
        (failed("4.4.7", "delivery time expired"), Status.BOUNCED, Feedback.SOFT_BOUNCE, "4.4.7 delivery time expired"),
        (failed("5.7.26", "550 5.7.26 unauthenticated"), Status.BOUNCED, None, "550 5.7.26 unauthenticated"),
        (
            report("Final-Recipient: rfc822; ann@example.org\nAction: delivered (really)\nStatus: 2.0.0\n"),
            *(Status.DELIVERED, None, "2.0.0"),
        ),
        (
            report(
                "Final-Recipient: rfc822; a@example.org\nAction: delivered\nStatus: 2.0.0\n\n"
                "Final-Recipient: rfc822; b@example.org\nAction: FAILED\nStatus: 5.1.1\n"
            ),
            *(Status.BOUNCED, Feedback.HARD_BOUNCE, "5.1.1"),
        ),
    ],
    ids=["hard", "by its words", "full", "given up", "policy", "delivered", "several"],
)
def test_what_a_report_says(raw: bytes, status: Status, feedback: Feedback | None, reason: str) -> None:
    read = Reader(PATHS).read(raw)
    assert read.report is not None
    assert (read.report.message_id, read.report.status, read.report.feedback) == (ID, status, feedback)
    assert read.report.reason == reason
    assert Reader(PATHS).read(raw).report == read.report, "the same mail again is the same report"


def test_a_report_in_base64_and_one_with_bare_line_feeds_are_read_too() -> None:
    fields = base64.encodebytes(b"Final-Recipient: rfc822; a@b.example\n\nAction: failed\nStatus: 5.1.1\n").decode()
    raw = report("").replace(
        b"Content-Type: message/delivery-status\r\n\r\n",
        b"Content-Type: message/delivery-status"
        b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + fields.encode() + b"\r\n--B0UNCE/1\r\n\r\n",
    )
    for one in (raw, failed("5.1.1").replace(b"\r\n", b"\n")):
        found = Reader(PATHS).read(one).report
        assert found is not None and found.feedback is Feedback.HARD_BOUNCE


def test_a_complaint_is_one_and_other_feedback_is_none() -> None:
    def feedback(kind: str) -> bytes:
        return (
            f"From: <fbl@isp.example>\r\nTo: <abuse@example.com>\r\nMessage-ID: <2@isp.example>\r\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="x"\r\n\r\n'
            "--x\r\n\r\nThis is a complaint.\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\n"
            f"Feedback-Type: {kind}\r\nUser-Agent: Some/1.0\r\nVersion: 1\r\n"
            "--x\r\nContent-Type: message/rfc822\r\n\r\n"
            f"Return-Path: <{HERE}>\r\nSubject: Hello\r\n\r\nHello\r\n--x--\r\n"
        ).encode()

    read = Reader(PATHS).read(feedback("abuse"))
    assert read.report is not None
    assert (read.report.message_id, read.report.status, read.report.feedback) == (
        *(ID, Status.DELIVERED),
        Feedback.COMPLAINT,
    )
    assert Reader(PATHS).read(feedback("not-spam")).report is None


def mail(head: str, body: str) -> bytes:
    return f"To: {HERE}\r\n{head}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (report("Final-Recipient: rfc822; a@b.example\nAction: delayed\nStatus: 4.4.1\n"), Said.DELAYED),
        (report("Final-Recipient: rfc822; a@b.example\nAction: relayed\nStatus: 2.0.0\n"), Said.PASSED_ON),
        (report("Final-Recipient: rfc822; a@b.example\nAction: exploded\nStatus: 2.0.0\n"), Said.PASSED_ON),
        (mail("From: ann@example.org\r\nAuto-Submitted: auto-replied", "5.1.1 I am away, no such user"), Said.ANSWER),
        (mail("From: ann@example.org\r\nSubject: Re: Hello", "550 5.1.1 user unknown, you wrote?"), Said.ANSWER),
        (mail("From: MAILER-DAEMON@mx.example\r\nAuto-Submitted: auto-replied (vacation)", "away"), Said.ANSWER),
        (mail("From: <Mailer-Daemon@mx.example>", "Message delayed: 4.2.0; it will be retried."), Said.DELAYED),
        (mail("From: MAILER-DAEMON@mx.example", "Welcome to our new mail server."), Said.UNCLEAR),
        (b"", Said.ANSWER),
    ],
)
def test_what_is_no_bounce_does_nothing(raw: bytes, said: Said) -> None:
    read = Reader(PATHS).read(raw)
    assert (read.said, read.report) == (said, None)


@pytest.mark.parametrize(
    ("head", "body", "feedback"),
    [
        ("From: MAILER-DAEMON@mx.example", "<ann@example.org>:\r\n550 5.1.1 no such user\r\n", Feedback.HARD_BOUNCE),
        ("From: Mail <postmaster@mx.example>", "Sorry:\r\n ann@example.org: user unknown", Feedback.SOFT_BOUNCE),
        ("From: a@b.example\r\nX-Failed-Recipients: ann@example.org", "It went wrong.", Feedback.SOFT_BOUNCE),
        # As Exim writes it where it makes no report:
        (
            "From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nX-Failed-Recipients: ann@example.org\r\n"
            "Auto-Submitted: auto-replied",
            "A message that you sent could not be delivered to one or more of its\r\nrecipients. This is a permanent "
            "error.\r\n\r\n  ann@example.org\r\n    host mx [192.0.2.1]\r\n    550 5.1.1 No such user here\r\n",
            Feedback.HARD_BOUNCE,
        ),
    ],
)
def test_a_bounce_in_words_alone_is_known_where_it_is_unmistakable(head: str, body: str, feedback: Feedback) -> None:
    found = Reader(PATHS).read(mail(head, body)).report
    assert found is not None
    assert (found.message_id, found.status, found.feedback) == (ID, Status.BOUNCED, feedback)


def test_a_bounce_of_nothing_of_ours_does_nothing() -> None:
    forged = ReturnPaths("bounces@mail.example.com", b"a guess").of(ID)
    read = Reader(PATHS).read(failed("5.1.1").replace(HERE.encode(), forged.encode()), [forged.encode()])
    assert (read.report, read.message_id, read.said) == (None, None, Said.FAILED)


@given(st.binary(max_size=2_000), st.integers(0, 2_000))
def test_no_octets_whatever_break_the_reader(junk: bytes, place: int) -> None:
    raw = failed("5.1.1")
    for one in (junk, raw[:place] + junk + raw[place:], raw[:place]):
        Reader(PATHS).read(one)


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(20_000)),
        b"Content-Type: multipart/report; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 100_000,
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Action: failed\r\n\r\n" * 50_000,
        b"A: " + b" \r\n " * 200_000,
        b"Content-Type: x" + b";a=" * 300_000,
        HERE.replace("a", "b").encode() * 10_000,
        b"From: mailer-daemon@x\r\n\r\n" + b"5." * 400_000,
        b"\r\n \t" * 250_000,
    ],
    ids=["nested", "parts", "recipients", "folds", "parameters", "addresses", "digits", "blanks"],
)
def test_a_mail_made_to_be_slow_is_not(raw: bytes) -> None:
    began = time.perf_counter()
    Reader(PATHS).read(raw)
    assert time.perf_counter() - began < 1.0
