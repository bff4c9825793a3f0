"""Callbacks over HTTP: only what is genuine is believed, and it is answered so that the provider knows what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlencode
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.support import http
from tests.support.callbacks import MAIN, OTHER, PATH, SECRET, URL, Scene, open_scene, report, signature, taken_as
from tests.support.database_proxy import Cut, DatabaseProxy, How
from tests.support.endpoint import EndpointServer
from tests.support.providers import TOPIC, sendgrid_account, ses_fake, twilio_account
from twilio.request_validator import RequestValidator

from clarion import ids
from clarion.api.gate import Tellers
from clarion.channels.aws.sns_authority import Authority
from clarion.channels.base import Callbacks
from clarion.channels.email.ses_callbacks import SesCallbacks
from clarion.channels.sms.twilio import MESSAGE
from clarion.channels.sms.twilio_callbacks import TwilioCallbacks
from clarion.dev.fakes.sendgrid import SendGridFake
from clarion.dev.fakes.sns_topic import Topic
from clarion.store import callbacks
from clarion.store.database import Connection

KIB = 1024


@pytest.fixture
async def scene(database: str) -> AsyncIterator[Scene]:
    async with open_scene(database) as scene:
        yield scene


async def test_a_genuine_callback_moves_its_message(scene: Scene) -> None:
    id = await scene.one()
    reply = await scene.tell(report(id))
    assert (reply.status, reply.body) == (200, b"")
    assert await scene.status(id) == "delivered"
    assert await scene.timeline(id) == [("delivered", None)]
    assert await scene.counts(id) == {"delivered": 1}
    assert await scene.outcomes() == {"applied": 1}
    text = (await scene.api.call("GET", "/metrics")).body.decode()
    assert 'clarion_http_requests_total{operation="receiveCallback",status="200"} 1.0' in text
    await scene.check()


async def test_bad_news_has_its_reason_in_the_timeline(scene: Scene) -> None:
    failed, bounced = await scene.one(), await scene.one()
    with capture_logs() as logs:
        await scene.tell(
            report(failed, "failed", reason="30005: nobody\0 has \ud800 this number"), report(bounced, "bounced")
        )
    ((kind, why),) = await scene.timeline(failed)
    assert (kind, why) == ("failed", "30005: nobody\ufffd has ? this number")
    assert [kind for kind, _ in await scene.timeline(bounced)] == ["bounced"]
    row = await scene.api.pool.fetchrow("SELECT reason, ended_at > sent_at AS later FROM message WHERE id = $1", failed)
    assert tuple(row or ()) == (why, True)
    told = [line for line in logs if line["event"] == "callback.applied"]
    assert [(line["integration"], line["status"], line["log_level"]) for line in told] == [
        (MAIN, "failed", "warning"),
        (MAIN, "bounced", "warning"),
    ]
    await scene.check()


async def test_what_is_not_genuine_is_told_nothing_and_does_nothing(scene: Scene) -> None:
    id = await scene.one()
    body = json.dumps([report(id)]).encode()
    good = signature(body)
    stamp, _, proof = good["x-signature"].partition(",")
    forged = {
        "no signature": (body, PATH, {}),
        "an empty one": (body, PATH, {"x-signature": ""}),
        "no ASCII": (body, PATH, {"x-signature": f"{stamp},\u00fc"}),
        "of another secret": (body, PATH, signature(body, secret=b"guessed")),
        "of another account": (body, PATH, signature(body, secret=OTHER)),
        "another body": (body.replace(b"delivered", b"bounced"), PATH, good),
        "one octet more": (body + b" ", PATH, good),
        "another time": (body, PATH, {"x-signature": f"{int(stamp) + 1},{proof}"}),
        "stale": (body, PATH, signature(body, age_s=301)),
        "of the future": (body, PATH, signature(body, age_s=-330)),  # it comes nearer while this runs
        "another query": (body, f"{PATH}?more=1", good),
        "another address": (body, "/v1/callbacks/test/other", good),
        "the address as the host says": (body, PATH, signature(body, url=f"http://test{PATH}")),
        "the address as a proxy says": (
            body,
            PATH,
            {
                **signature(body, url=f"https://forged.example{PATH}"),
                **{"x-forwarded-host": "forged.example", "x-forwarded-proto": "https", "host": "forged.example"},
            },
        ),
    }
    with capture_logs() as logs:
        for what, (octets, path, headers) in forged.items():
            reply = await scene.post(octets, path=path, headers=headers)
            assert (reply.status, reply.code) == (403, "forged"), what
            assert "signature" not in reply.json["detail"] and "ago" not in reply.json["detail"], what
    lines = [line for line in logs if line["event"] == "callback.forged"]
    assert len(lines) == len(forged)
    assert {line["reason"] for line in lines} == {
        "the signature is missing or does not match",
        "it was signed too long ago",
    }
    assert SECRET.decode() not in str(logs)
    assert await scene.outcomes() == {"forged": len(forged) - 1}
    assert await scene.outcomes("test:other") == {"forged": 1}
    assert await scene.status(id) == "sent"
    assert await scene.api.pool.fetchval("SELECT count(*) FROM callback_seen") == 0
    assert (await scene.post(body, headers=good)).status == 200, "what is genuine still is"
    assert await scene.status(id) == "delivered"


async def test_the_address_is_the_configured_one_with_the_query_as_it_came(scene: Scene) -> None:
    id = await scene.one()
    path = f"{PATH}?message=msg_%2B1&b=%20&a=1"
    headers = {"host": "10.0.0.1:8000", "x-forwarded-host": "evil.example"}
    assert (await scene.tell(report(id), path=path, headers=headers)).status == 200
    assert await scene.status(id) == "delivered"


@pytest.mark.parametrize(
    "path", ["other-kind/main", "test/nobody", "test/Main", "TEST/main", "test/main%20", "%FF/%00"]
)
async def test_an_integration_that_does_not_exist_is_not_found(scene: Scene, path: str) -> None:
    id = await scene.one()
    reply = await scene.tell(report(id), path=f"/v1/callbacks/{path}")
    assert (reply.status, reply.code, reply.json["detail"]) == (404, "not_found", "there is no such integration")
    assert await scene.status(id) == "sent"


async def test_where_nothing_is_configured_nothing_is_found(database: str) -> None:
    async with open_scene(database) as own:
        bare = Scene(api=own.api)
        own.api.services.integrations.clear()  # type: ignore[attr-defined]
        assert (await bare.tell(report(ids.new()))).status == 404


async def test_a_key_of_ours_opens_nothing_here(scene: Scene) -> None:
    body = json.dumps([report(await scene.one())]).encode()
    reply = await scene.post(body, headers={"authorization": f"Bearer {scene.api.keys['one']}"})
    assert reply.status == 403


async def test_the_same_again_is_answered_and_does_nothing(scene: Scene) -> None:
    id = await scene.one()
    body = json.dumps([report(id, "delivered")]).encode()
    headers = signature(body)
    for _ in range(3):
        assert (await scene.post(body, headers=headers)).status == 200
    twice = report(id, "bounced")
    assert (await scene.tell(twice, twice)).status == 200
    assert await scene.outcomes() == {"applied": 2, "repeated": 3}
    assert [kind for kind, _ in await scene.timeline(id)] == ["delivered", "bounced"]
    assert (await scene.post(body, headers=headers)).status == 200, "played back later"
    assert await scene.status(id) == "bounced"
    await scene.check()


async def test_what_tells_nothing_or_what_cannot_be_is_answered_too(scene: Scene) -> None:
    id = await scene.one()
    with capture_logs() as logs:
        assert (await scene.tell()).status == 200
        for status in ("sent", "queued", "skipped", "cancelled", "unknown", "sending", "expired"):
            assert (await scene.tell(report(id, status))).status == 200, status
    assert await scene.outcomes() == {"empty": 1, "ignored": 7}
    assert len([line for line in logs if line["event"] == "callback.ignored"]) == 7
    assert await scene.status(id) == "sent"
    assert await scene.timeline(id) == []


async def test_a_message_that_is_unknown_or_anothers_is_an_orphan(scene: Scene) -> None:
    """Its secret opens no other account's messages, and an id must be the one that was given."""
    mine, theirs = await scene.one(), await scene.one(provider="test:other")
    with capture_logs() as logs:
        for said in (
            report(ids.new()),
            report(theirs),
            {**report(mine, key="another report"), "id": taken_as(theirs)},
            {**report(mine), "id": "\0\ud800"},
            {**report(mine), "id": ""},
        ):
            assert (await scene.tell(said)).status == 200
    assert await scene.outcomes() == {"orphan": 5}
    assert len([line for line in logs if line["event"] == "callback.orphan"]) == 5
    assert await scene.statuses() == {"sent": 2}
    assert (await scene.tell(report(theirs), secret=OTHER, path="/v1/callbacks/test/other")).status == 200
    assert await scene.statuses() == {"sent": 1, "delivered": 1}
    await scene.check()


async def test_bodies_have_a_bound_and_any_kind(scene: Scene) -> None:
    id = await scene.one()
    body = json.dumps([report(id, reason="x" * 200 * KIB)]).encode()
    for kind in ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", ""):
        assert (await scene.post(body, headers={**signature(body), "content-type": kind})).status == 200, kind
    big = json.dumps([report(id, "bounced", reason="x" * 256 * KIB)]).encode()
    reply = await scene.post(big, headers=signature(big))
    assert (reply.status, reply.code) == (413, "too_large")
    async with await http.Connection.open(scene.api.port) as connection:
        await connection.say(http.request("POST", PATH, headers={"transfer-encoding": "chunked"}))
        await connection.say(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        for _ in range(4):
            await connection.say(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert (await connection.hear()).code == "too_large"
    reply = await scene.post(body, headers={**signature(body), "content-encoding": "gzip"})
    assert reply.code == "unsupported_encoding"
    assert (await scene.api.call("GET", PATH)).code == "method_not_allowed"
    assert await scene.status(id) == "delivered"


async def test_so_many_come_from_one_address_and_then_it_is_429(database: str) -> None:
    async with open_scene(database, tellers=Tellers(1)) as scene:
        id = await scene.one()
        replies = [await scene.tell(report(id, key=str(n))) for n in range(11)]
        assert [reply.status for reply in replies] == [200] * 10 + [429]
        assert (replies[-1].code, replies[-1].headers["retry-after"]) == ("too_many_callbacks", "1")
        assert replies[-1].headers["ratelimit-policy"].startswith('"callbacks";q=10')
        assert (await scene.api.call("GET", "/v1/topics/x")).status == 404, "nobody else is held up"


async def test_a_thousand_at_once(scene: Scene) -> None:
    made = await scene.sent(1_000)
    replies = await asyncio.gather(*(scene.tell(report(id)) for id in made))
    assert {reply.status for reply in replies} == {200}
    assert await scene.statuses() == {"delivered": 1_000}
    assert await scene.counts(made[0]) == {"delivered": 1_000}
    assert await scene.outcomes() == {"applied": 1_000}
    await scene.check()


async def test_sixty_four_of_one_at_once_move_it_once(scene: Scene) -> None:
    id = await scene.one()
    body = json.dumps([report(id, "bounced", reason="mailbox full")]).encode()
    headers = signature(body)
    replies = await asyncio.gather(*(scene.post(body, headers=headers) for _ in range(64)))
    assert {reply.status for reply in replies} == {200}
    assert await scene.outcomes() == {"applied": 1, "repeated": 63}
    assert await scene.timeline(id) == [("bounced", "mailbox full")]
    assert await scene.counts(id) == {"bounced": 1}
    await scene.check()


async def test_one_that_cannot_be_done_leaves_the_others_be(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken in together with what the database refuses is done all the same."""
    made = await scene.sent(20)
    hold = callbacks.hold

    async def refuse(connection: Connection, wanted: Iterable[UUID]) -> dict[UUID, callbacks.Row]:
        if made[7] in (wanted := list(wanted)):
            raise ValueError("no such value")
        return await hold(connection, wanted)

    monkeypatch.setattr(callbacks, "hold", refuse)
    replies = await asyncio.gather(*(scene.tell(report(id)) for id in made))
    assert [reply.status for reply in replies] == [200] * 7 + [500] + [200] * 12
    monkeypatch.undo()
    assert (await scene.tell(report(made[7]))).status == 200, "sent again, it is no repetition"
    assert await scene.statuses() == {"delivered": 20}


@pytest.mark.parametrize("how", How)
async def test_a_database_that_goes_away_is_503_and_the_next_try_counts_once(database: str, how: How) -> None:
    async with DatabaseProxy(upstream=database) as proxy, open_scene(proxy.url) as scene:
        id = await scene.one()
        cut = Cut(after="INSERT INTO callback_seen", how=how)
        proxy.cuts.append(cut)
        reply = await scene.tell(report(id, "bounced"))
        assert cut.done
        assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "unavailable", "1")
        assert (await scene.tell(report(id, "bounced"))).status == 200
        assert await scene.status(id) == "bounced"
        assert len(await scene.timeline(id)) == 1
        await scene.check()


async def test_without_a_database_it_is_503(database: str) -> None:
    async with open_scene(database, patience_s=0.2) as scene:
        id = await scene.one()
        held = [await scene.api.pool.acquire() for _ in range(4)]
        reply = await scene.tell(report(id))
        assert (reply.status, reply.code) == (503, "unavailable")
        for connection in held:
            await scene.api.pool.release(connection)
        assert (await scene.tell(report(id))).status == 200
        assert await scene.status(id) == "delivered"
        assert URL not in str(reply)


async def test_twilio_tells_as_its_own_library_signs(scene: Scene) -> None:
    integrations: dict[tuple[str, str], Callbacks] = scene.api.services.integrations  # type: ignore[assignment]
    integrations["twilio", "main"] = TwilioCallbacks("a token of Twilio")
    id = await scene.one(provider="twilio:main")
    path = f"/v1/callbacks/twilio/main?{MESSAGE}={ids.show(ids.Prefix.MESSAGE, id)}"
    for status, code in (("sent", ""), ("undelivered", "30005"), ("delivered", "")):
        said = {"MessageSid": taken_as(id), "MessageStatus": status, "ErrorCode": code}
        proof = RequestValidator("a token of Twilio").compute_signature(URL + path, said)
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": proof}
        body = urlencode(said).encode()
        assert (await scene.post(body, path=path, headers=headers)).status == 200
        assert (await scene.post(body + b"&Body=x", path=path, headers=headers)).code == "forged"
    assert await scene.outcomes("twilio:main") == {"ignored": 2, "applied": 1, "forged": 3}
    ((kind, why),) = await scene.timeline(id)
    assert kind == "bounced"
    assert why is not None and "30005" in why
    await scene.check()


async def test_some_kinds_may_tell_more_at_once(database: str) -> None:
    accounts = [sendgrid_account(SendGridFake(api_key="", domain="")), twilio_account()]
    async with open_scene(database, accounts=accounts) as scene:
        for path, size, status in (
            ("sendgrid/main", 768 * 1024, 404),
            ("sendgrid/main", 1024 * KIB + 1, 413),
            ("twilio/main", 256 * KIB + 1, 413),
            ("other/main", 256 * KIB + 1, 413),
        ):
            reply = await scene.post(b"x" * size, path=f"/v1/callbacks/{path}", headers={})
            assert reply.status == status, path


async def test_sns_is_asked_for_nothing_that_it_does_not_have(scene: Scene) -> None:
    """An address of somebody else's in what claims to come from SNS is not looked at."""
    async with ses_fake() as fake, EndpointServer() as evil:
        believes = SesCallbacks(TOPIC, Authority(region="eu-west-1", fake=fake.url))
        integrations: dict[tuple[str, str], Callbacks] = scene.api.services.integrations  # type: ignore[assignment]
        integrations["ses", "main"] = believes
        path, there = "/v1/callbacks/ses/main", f"http://127.0.0.1:{evil.port}"
        for more in (
            {"SigningCertURL": f"{there}{fake.topic.certificate_path}"},
            {"SigningCertURL": f"https://s3.amazonaws.com{fake.topic.certificate_path}"},
            {"SubscribeURL": f"{there}/?Action=ConfirmSubscription"},
        ):
            reply = await scene.post(fake.topic.confirmation(**more)[0], path=path, headers={})
            assert (reply.status, reply.code) == (403, "forged")
        assert (evil.connections, fake.certificates, fake.confirmed) == (0, 0, [])
        with capture_logs() as logs:
            assert (await scene.post(fake.topic.confirmation()[0], path=path, headers={})).status == 200
        assert [line["event"] for line in logs if line["event"].startswith("callback.")] == ["callback.subscribed"]
        assert len(fake.confirmed) == 1
        await believes.close()


async def test_what_cannot_be_verified_now_is_to_come_again(scene: Scene) -> None:
    """A refusal would be for good: SNS does not come again after 403."""
    async with EndpointServer() as server:
        nobody = f"http://127.0.0.1:{server.port}"
    believes = SesCallbacks(TOPIC, Authority(region="eu-west-1", fake=nobody))
    integrations: dict[tuple[str, str], Callbacks] = scene.api.services.integrations  # type: ignore[assignment]
    integrations["ses", "main"] = believes
    with capture_logs() as logs:
        body, _ = Topic(TOPIC, nobody).notification("{}")
        reply = await scene.post(body, path="/v1/callbacks/ses/main", headers={})
    await believes.close()
    assert (reply.status, reply.code, "retry-after" in reply.headers) == (503, "unavailable", True)
    (line,) = [line for line in logs if line["event"] == "callback.put_off"]
    assert (line["integration"], line["reason"][:24]) == ("ses:main", "SNS cannot be asked: no ")
