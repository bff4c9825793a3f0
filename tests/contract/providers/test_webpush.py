"""Web Push: what goes over the wire, what other libraries make of it, and where it does not go."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import http_ece
import jwt
import pytest
import pywebpush
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from tests.support.command import clarion
from tests.support.endpoint import Answer, EndpointServer, status
from tests.support.providers import push_message
from tests.support.push import SUBJECT, VAPID_KEY, subscribed, webpush_account

from clarion import clock, ids
from clarion.channels.base import Push
from clarion.channels.open_provider import open_provider
from clarion.channels.push.encryption import MOST_BODY, MOST_BYTES, encrypt
from clarion.channels.push.subscription import decode, parse_subscription
from clarion.channels.push.vapid import Vapid, load_key, new_key, private_text, public_text
from clarion.channels.push.webpush import WebPush
from clarion.channels.push.webpush_account import WEBPUSH
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.pushes import PushesFake
from clarion.dev.fakes.webpush import WebPushFake
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.workflow import Priority
from clarion.errors import Invalid
from clarion.project.providers import read_accounts

PUBLIC = public_text(load_key(VAPID_KEY))


@pytest.fixture
async def fake() -> AsyncIterator[WebPushFake]:
    async with WebPushFake() as fake:
        yield fake


async def _send(fake: WebPushFake, *items: Push) -> list[Outcome]:
    provider = open_provider("push", webpush_account(base_url=fake.url))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


def test_the_example_of_rfc_8291_comes_out_octet_for_octet() -> None:
    """Its appendix A."""
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        decode("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        decode("BTBZMqHH6r4Tts7J_aSIgg"),
        salt=decode("DGv6ra1nlYgDCS1FRnbzlw"),
        key=load_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
    )
    assert body == decode("DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml") + _octets(
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("length", [0, 1, 200, MOST_BYTES])
def test_what_is_encrypted_another_library_reads(length: int) -> None:
    browser, auth, said = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef", b"x" * length
    body = encrypt(said, decode(public_text(browser)), auth)
    assert len(body) <= MOST_BODY == 4_096
    read = http_ece.decrypt(body, private_key=browser, auth_secret=auth, version="aes128gcm")
    assert read == said
    assert encrypt(said, decode(public_text(browser)), auth) != body, "no salt or key serves twice"


async def test_a_message_says_what_it_was_given(fake: WebPushFake) -> None:
    item = push_message(
        subscribed(fake),
        title="Grüße",
        body="It is ready 😀",
        image="https://cdn.example/a.png",
        url="https://shop.example/orders/1",
        data={"orderId": "12345"},
        collapse_key="order-1",
    )
    (outcome,) = await _send(fake, item)
    (taken,) = fake.taken
    assert outcome == Sent(taken.id)
    assert taken.headers == {"ttl": "3600", "urgency": "normal", "topic": "order-1"}
    id = ids.show(ids.Prefix.MESSAGE, item.message_id)
    assert taken.message == {
        "web_push": 8030,
        "notification": {
            "title": "Grüße",
            "body": "It is ready 😀",
            "tag": id,
            "image": "https://cdn.example/a.png",
            "navigate": "https://shop.example/orders/1",
            "data": {"url": "https://shop.example/orders/1", "orderId": "12345", "clarion_id": id},
        },
    }


async def test_urgency_is_that_of_the_workflow_and_every_topic_can_be_one(fake: WebPushFake) -> None:
    def item(priority: Priority, key: str | None) -> Push:
        given = push_message(subscribed(fake), collapse_key=key, url="shop://orders/1")
        return Push(message_id=given.message_id, to=given.to, content=given.content, ttl=given.ttl, priority=priority)

    items = [
        item(Priority.CRITICAL, "a key with blanks"),
        item(Priority.HIGH, "k" * 33),
        item(Priority.LOW, None),
        item(Priority.LOW, None),
    ]
    assert all(isinstance(one, Sent) for one in await _send(fake, *items))
    found = {taken.browser: taken for taken in fake.taken}
    taken = [found[parse_subscription(one.to).to.path.rpartition("/")[2]] for one in items]
    assert [one.headers["urgency"] for one in taken] == ["high", "high", "low", "low"]
    assert len({one.headers["topic"] for one in taken}) == 4
    message: Any = taken[0].message
    assert "web_push" not in message, "a declarative message leads to a page"


async def test_the_assertion_is_one_that_others_verify_and_is_made_once_for_each_service(fake: WebPushFake) -> None:
    now = clock.now()
    vapid = Vapid(load_key(VAPID_KEY), SUBJECT)
    first = vapid.authorization("https://push.example", now)
    assert Vapid02.verify(first)
    claims = jwt.decode(first.split("t=")[1].split(",")[0], options={"verify_signature": False})
    assert (claims["aud"], claims["sub"]) == ("https://push.example", SUBJECT)
    assert timedelta(hours=1) < timedelta(seconds=claims["exp"] - now.timestamp()) <= timedelta(hours=24)
    assert vapid.authorization("https://push.example", now + timedelta(hours=10)) == first
    assert vapid.authorization("https://push.example", now + timedelta(hours=11)) != first
    assert vapid.authorization("https://other.example", now) != first
    for number in range(300):
        vapid.authorization(f"https://{number}.example", now)
    assert len(vapid._made) <= 200, "anybody may name a push service"
    vapid.forget("https://299.example")
    assert "https://299.example" not in vapid._made


async def test_keys_of_other_tools_are_taken_and_theirs_take_ours() -> None:
    key = new_key()
    text = private_text(key)
    other = Vapid02.from_string(text)
    assert public_text(load_key(other.private_pem().decode())) == public_text(load_key(text)) == public_text(key)
    for wrong in ("", "AQID", "x" * 44, "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----", "A" * 43):
        with pytest.raises(Invalid):
            load_key(wrong)


async def test_each_refusal_has_its_code_and_tells_of_the_device(fake: WebPushFake) -> None:
    gone, unknown, other, large = (subscribed(fake) for _ in range(4))
    fake.gone.add(_id_of(gone))
    del fake.browsers[_id_of(unknown)]
    fake.browsers[_id_of(other)].key = public_text(new_key())
    outcomes = await _send(
        fake,
        push_message(gone),
        push_message(unknown),
        push_message(other),
        push_message(large, data={"x": "y" * 5_000}),
        push_message("no-subscription"),
    )
    assert [(o.code, o.feedback) for o in outcomes if isinstance(o, Reject)] == [
        ("unregistered", Feedback.DEAD_TOKEN),
        ("unregistered", Feedback.DEAD_TOKEN),
        ("sender_refused", None),
        ("too_large", None),
        ("invalid_recipient", None),
    ]
    assert fake.asked == 3, "what cannot be taken is not posted"
    fake.faults.add(Fault(how=How.ANSWER, status=413))
    fake.faults.add(Fault(how=How.ANSWER, status=400, body='{"reason": "VapidPkHashMismatch"}'))
    outcomes = [(await _send(fake, push_message(subscribed(fake))))[0] for _ in range(2)]
    assert [o.code for o in outcomes if isinstance(o, Reject)] == ["too_large", "sender_refused"]


def _id_of(token: str) -> str:
    return parse_subscription(token).to.path.rpartition("/")[2]


async def test_no_reason_repeats_an_endpoint(fake: WebPushFake) -> None:
    item = push_message(subscribed(fake))
    endpoint = parse_subscription(item.to).endpoint
    fake.faults.add(Fault(how=How.ANSWER, status=400, body=f"no such thing as {endpoint}"))
    (outcome,) = await _send(fake, item)
    assert isinstance(outcome, Reject)
    assert endpoint not in outcome.reason
    assert "no such thing as ••••" in outcome.reason


@pytest.mark.parametrize("answer", [status(401), status(403, body=b'{"reason": "BadJwtToken"}')])
async def test_an_assertion_that_was_refused_is_made_anew(fake: WebPushFake, answer: Answer) -> None:
    async with EndpointServer(answer=answer) as server:
        token = subscribed(fake).replace(fake.url, f"http://127.0.0.1:{server.port}")
        provider = WebPush(webpush_account(base_url=f"http://127.0.0.1:{server.port}"))
        outcomes = [(await provider.send([push_message(token)]))[0] for _ in range(2)]
        await provider.close()
        assert all(isinstance(one, Retry) and not one.pause_provider for one in outcomes)
        first, second = (one.headers["authorization"] for one in server.posted)
        assert first != second


@pytest.mark.parametrize(
    ("subject", "good"),
    [
        *((SUBJECT, True), ("https://shop.example", True), ("https://shop.example/contact?x=1", True)),
        *(("mailto:ops@localhost", False), ("mailto:ops@printer.local", False), ("https://localhost/", False)),
        *(
            ("mailto: ops@shop.example", False),
            ("mailto:<ops@shop.example>", False),
            ("https://", False),
            ("ops", False),
        ),
    ],
)
def test_who_is_named_as_the_sender_can_be_reached(subject: str, good: bool) -> None:
    """Apple refuses everything that is signed for anybody else."""
    (option,) = (one for one in WEBPUSH.options if one.key == "subject")
    if good:
        assert option.read(subject) == subject
        return
    with pytest.raises(Invalid):
        option.read(subject)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:{port}/push/x",
        "https://127.0.0.1:{port}/push/x",
        "https://localhost/push/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/x",
        "https://2130706433/x",
        "http://push.example/x",
        "https://push.example:22/x",
    ],
)
async def test_an_endpoint_leads_into_the_internet_or_nowhere(fake: WebPushFake, endpoint: str) -> None:
    """Also one that was let pass when it was registered, as names answer otherwise a moment later."""
    async with EndpointServer() as inside:
        token = json.loads(subscribed(fake)) | {"endpoint": endpoint.format(port=inside.port)}
        provider = WebPush(webpush_account(base_url=fake.url))
        (outcome,) = await provider.send([push_message(json.dumps(token))])
        await provider.close()
        assert isinstance(outcome, Reject), outcome
        assert outcome.code in ("url_not_allowed", "invalid_recipient")
        assert inside.connections == 0


async def test_a_fake_that_catches_gets_what_is_for_other_push_services_and_reads_what_is_for_its_own() -> None:
    async with PushesFake() as fake:
        (account,) = read_accounts({"caught": {"kind": "webpush", **fake.accounts["webpush"]}})
        provider = WebPush(account)
        own = fake.tokens["webpush"]
        away = json.dumps(json.loads(own) | {"endpoint": "https://push.example/send/secret"})
        outcomes = await provider.send([push_message(one, title="Hi") for one in (own, away)])
        await provider.close()
        assert all(isinstance(one, Sent) for one in outcomes), outcomes
        readable, sealed = sorted(fake.taken, key=lambda one: one.room)
        assert (readable.room, readable.text.split("\n")[0]) == ("browser", "Hi")
        assert sealed.room == "push.example" and "secret" not in json.dumps(sealed.body) + sealed.text


async def test_a_service_that_hangs_holds_up_no_other(fake: WebPushFake) -> None:
    async with WebPushFake() as other:
        fake.faults.lasting = Fault(how=How.HANG)
        provider = WebPush(webpush_account(base_url=other.url))
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            hanging = group.create_task(provider.send([push_message(subscribed(fake))]))
            outcomes = await provider.send([push_message(subscribed(other)) for _ in range(30)])
            fake.faults.clear()
            hanging.cancel()
        assert all(isinstance(one, Sent) for one in outcomes)
        assert len(other.taken) == 30
        await provider.close()


async def test_connections_are_kept_to_some_services_alone(fake: WebPushFake) -> None:
    provider = WebPush(webpush_account(base_url=fake.url))
    tokens = [subscribed(fake).replace("127.0.0.1", f"127.0.0.{n}") for n in range(2, 150)]
    outcomes = await provider.send([push_message(token) for token in [*tokens, subscribed(fake)]])
    assert isinstance(outcomes[-1], Sent)
    assert {type(one) for one in outcomes[:-1]} == {Reject}
    await provider.send([push_message(subscribed(fake))])
    assert len(provider._services) <= 101
    await provider.close()
    assert not provider._services


async def test_pywebpush_sends(fake: WebPushFake) -> None:
    info = json.loads(fake.subscribe(PUBLIC))
    given = {"data": json.dumps({"notification": {"title": "Hi 😀"}}), "vapid_private_key": VAPID_KEY, "ttl": 60}
    answer = await asyncio.to_thread(pywebpush.webpush, info, vapid_claims={"sub": SUBJECT}, **given)
    assert not isinstance(answer, str)
    (taken,) = fake.taken
    assert (answer.status_code, answer.headers["location"]) == (201, taken.id)
    assert taken.message == {"notification": {"title": "Hi 😀"}}
    fake.gone.add(_id_of(json.dumps(info)))
    with pytest.raises(pywebpush.WebPushException) as gone:
        await asyncio.to_thread(pywebpush.webpush, info, vapid_claims={"sub": SUBJECT}, **given)
    assert gone.value.status_code == 410
    info = json.loads(fake.subscribe(public_text(new_key())))
    with pytest.raises(pywebpush.WebPushException) as other:
        await asyncio.to_thread(pywebpush.webpush, info, vapid_claims={"sub": SUBJECT}, **given)
    assert other.value.status_code == 403


async def test_the_command_line_makes_keys_and_shows_the_public_one(tmp_path: Any) -> None:
    (made,) = (await clarion("vapid", "--json")).lines
    assert public_text(load_key(made["private_key"])) == made["public_key"]
    settings = f'[providers.web]\nkind = "webpush"\nprivate_key = "{VAPID_KEY}"\nsubject = "{SUBJECT}"\n'
    (tmp_path / "clarion.toml").write_text(settings)
    shown = await clarion("vapid", "--of", "web", "--project", str(tmp_path))
    assert PUBLIC in shown.out
    assert VAPID_KEY not in shown.out
    assert (await clarion("vapid", "--of", "wep", "--project", str(tmp_path))).code == 3
