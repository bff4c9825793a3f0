"""What claims to come from Twilio is believed when the account's token has signed it, and never else (BAD-INPUT 64)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from clarion import ids
from clarion.channels.base import Callback, Report
from clarion.channels.sms.twilio_callbacks import TwilioCallbacks
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import Forged

TOKEN = "0123456789abcdef" * 2
ID = ids.new()
URL = f"https://notify.example/v1/callbacks/twilio/main?message={ids.show(ids.Prefix.MESSAGE, ID)}"
SID = "SM" + "a" * 32
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
FIELDS = {"MessageSid": SID, "MessageStatus": "delivered", "AccountSid": "AC" + "b" * 32, "To": "+15558675310"}


def _sign(url: str, fields: dict[str, str], token: str = TOKEN) -> str:
    """As Twilio's page on security describes it, in its own example's way."""
    text = url + "".join(key + fields[key] for key in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _callback(
    fields: dict[str, str] | None = None,
    *,
    url: str = URL,
    signature: str | None = None,
    body: bytes | None = None,
    kind: str = "application/x-www-form-urlencoded; charset=UTF-8",
) -> Callback:
    fields = FIELDS if fields is None else fields
    headers = {"content-type": kind, "x-twilio-signature": _sign(url, fields) if signature is None else signature}
    return Callback(url=url, headers=headers, body=urlencode(fields).encode() if body is None else body)


def _read(callback: Callback) -> list[Report]:
    return list(TwilioCallbacks(TOKEN).read(callback, NOW))


def test_a_genuine_one_is_believed() -> None:
    assert _read(_callback()) == [
        Report(message_id=ID, provider_id=SID, status=Status.DELIVERED, reason=None, key=f"{SID}:delivered")
    ]


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (
            b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309",
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ],
)
def test_examples_that_twilio_has_published(body: bytes, signature: str) -> None:
    """Of its pages on security and of its libraries, with what they come to; a name that comes twice among them."""
    callback = _callback(url="https://mycompany.com/myapp.php?foo=1&bar=2", signature=signature, body=body)
    assert TwilioCallbacks("12345").read(callback, NOW) == ()
    with pytest.raises(Forged):
        TwilioCallbacks("12346").read(callback, NOW)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("read", Status.DELIVERED),
        ("undelivered", Status.BOUNCED),
        ("failed", Status.FAILED),
        ("canceled", Status.FAILED),
    ],
)
def test_each_status_has_its_own(told: str, status: Status) -> None:
    (report,) = _read(_callback(FIELDS | {"MessageStatus": told}))
    assert report.status is status
    assert report.key == f"{SID}:{told}"


@pytest.mark.parametrize(
    ("told", "code", "feedback"),
    [
        ("undelivered", "30005", Feedback.HARD_BOUNCE),
        ("undelivered", "30003", Feedback.SOFT_BOUNCE),
        ("undelivered", "30006", Feedback.SOFT_BOUNCE),
        ("failed", "21610", Feedback.UNSUBSCRIBE),
        ("failed", "21614", Feedback.HARD_BOUNCE),
        ("failed", "21211", None),
        ("undelivered", "30007", None),
        ("undelivered", "", None),
        ("undelivered", "3000\u0665", None),
        ("delivered", "30005", None),
    ],
)
def test_some_codes_say_something_of_the_number(told: str, code: str, feedback: Feedback | None) -> None:
    (report,) = _read(_callback(FIELDS | {"MessageStatus": told, "ErrorCode": code}))
    assert report.feedback is feedback


@pytest.mark.parametrize(
    "told", ["accepted", "scheduled", "queued", "sending", "receiving", "partially_delivered", "", "?"]
)
def test_others_say_nothing(told: str) -> None:
    assert _read(_callback(FIELDS | {"MessageStatus": told})) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("30005", "undelivered, 30005: nobody has this number"),
        ("39999", "undelivered, 39999"),
        ("", "undelivered"),
        ("1\r\n2", "undelivered, 1 2"),
    ],
)
def test_the_code_is_in_the_reason(code: str, reason: str) -> None:
    (report,) = _read(_callback(FIELDS | {"MessageStatus": "undelivered", "ErrorCode": code}))
    assert report.reason == reason


def test_the_same_twice_has_the_same_key() -> None:
    assert _read(_callback())[0].key == _read(_callback(FIELDS | {"RawDlrDoneDate": "2611251200"}))[0].key


@pytest.mark.parametrize(
    "callback",
    [
        _callback(signature=""),
        _callback(signature="é\udc80"),
        _callback(signature=_sign(URL, FIELDS, "f" * 32)),
        _callback(signature=_sign(URL, FIELDS) + "x"),
        _callback(signature=_sign(URL, FIELDS | {"MessageStatus": "failed"})),
        _callback(signature=_sign(URL, {})),
        _callback(signature=_sign(URL.replace("notify", "evil"), FIELDS)),
        _callback(signature=_sign(URL.replace("https", "http"), FIELDS)),
        _callback(signature=_sign(URL[:-1] + "0", FIELDS) if not URL.endswith("0") else "x"),
        _callback(body=urlencode(FIELDS).encode() + b"&MessageStatus=failed"),
        _callback(body=urlencode(FIELDS).encode() + b"&x=1"),
        _callback(body=b""),
        _callback(body=b"\xff\xfe"),
        _callback(body=b"a=%ff"),
        _callback(body=b"&".join(b"a%d=1" % n for n in range(10_000))),
        # Not a form: then the address must hold the hash of the body.
        _callback({}, body=b'{"MessageStatus": "failed"}', kind="application/json"),
        _callback({}, body=b'{"MessageStatus": "failed"}', kind=""),
        _callback({}, url=f"{URL}&bodySHA256=", body=b"{}", kind="application/json"),
        _callback(
            {}, url=f"{URL}&bodySHA256={hashlib.sha256(b'{}').hexdigest()}", body=b"{ }", kind="application/json"
        ),
    ],
)
def test_what_is_not_signed_so_is_refused(callback: Callback) -> None:
    with pytest.raises(Forged):
        _read(callback)


def test_a_callback_without_any_header_is_refused() -> None:
    with pytest.raises(Forged):
        _read(Callback(url=URL, headers={}, body=b""))


def test_a_form_cannot_pass_as_something_else() -> None:
    """The signature of an address alone, which somebody saw, opens no form; nor a form's one something else."""
    hashed = f"{URL}&bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
    assert _read(_callback({}, url=hashed, body=b"{}", kind="application/json")) == []
    with pytest.raises(Forged):
        _read(_callback(FIELDS, url=hashed, signature=_sign(hashed, {})))
    with pytest.raises(Forged):
        _read(_callback(FIELDS, kind="application/json"))


@pytest.mark.parametrize(
    "query", ["", "?message=", "?message=msg_1", "?message=trg_" + "0" * 32, f"?{URL.partition('?')[2]}&message=x"]
)
def test_a_genuine_one_that_names_no_message_of_ours_says_nothing(query: str) -> None:
    assert _read(_callback(url=URL.partition("?")[0] + query)) == []


def test_a_json_body_is_read_like_a_form() -> None:
    body = b'{"MessageSid": "%s", "MessageStatus": "failed", "ErrorCode": 30007}' % SID.encode()
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    (report,) = _read(_callback({}, url=url, body=body, kind="application/json"))
    assert (report.status, report.message_id) == (Status.FAILED, ID)
    assert report.reason == "failed, 30007: a carrier or Twilio filtered it"


def test_the_token_is_not_shown() -> None:
    with pytest.raises(Forged) as caught:
        _read(_callback(signature="no"))
    assert TOKEN not in caught.value.message + repr(TwilioCallbacks(TOKEN))
