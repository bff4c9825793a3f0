"""Mails as other servers send them back."""

from __future__ import annotations

ADDRESS = "bounces@mail.example.com"


def bounce(to: str, status: str, words: str = "", *, action: str = "failed", id: str = "<1@mx.example.net>") -> bytes:
    """A delivery status notification (RFC 3464) about the mail whose return path is *to*."""
    said = f"Diagnostic-Code: smtp; {words}\r\n" if words else ""
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {to}\r\nSubject: Undelivered Mail\r\nMessage-ID: {id}\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b0"\r\n\r\n'
        "--b0\r\n\r\nIt came back.\r\n--b0\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; somebody@example.org\r\n"
        f"Action: {action}\r\nStatus: {status}\r\n{said}--b0--\r\n"
    ).encode()


def complaint(to: str) -> bytes:
    """A report of abuse (RFC 5965) about the mail whose return path is *to*, sent to somebody else."""
    return (
        "From: fbl@isp.example\r\nTo: abuse@example.com\r\nMessage-ID: <9@isp.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b1"\r\n\r\n'
        "--b1\r\n\r\nThis is spam, they say.\r\n--b1\r\nContent-Type: message/feedback-report\r\n\r\n"
        "Feedback-Type: abuse\r\nUser-Agent: Isp/1.0\r\nVersion: 1\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n"
        f"Return-Path: <{to}>\r\nSubject: Hello\r\n\r\nHello\r\n--b1--\r\n"
    ).encode()
