"""Webhooks against a real server on a socket, and everything a server or a name can do (BAD-INPUT 51 to 56)."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from tests.support.endpoint import Answer, EndpointServer, Posted, cut, hang, raw, status
from tests.support.smtp_certificate import make_certificate, server_context

from clarion import clock
from clarion.brokers.base import Publication
from clarion.brokers.endpoint import Endpoint
from clarion.brokers.webhook import WebhookSink
from clarion.dev.fakes.faults import gzip_bomb
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import Invalid
from clarion.http.progress import MOST_READ
from clarion.http.standard_webhooks import read_secret
from clarion.http.url_guard import UrlGuard, parse_url

NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_" + "b" * 32
LOOPBACK = [ip_network("127.0.0.0/8")]
PROMPT = timedelta(seconds=5)
#: For answers that never end.
SHORT = timedelta(seconds=0.3)


@pytest.fixture
async def server() -> AsyncIterator[EndpointServer]:
    """An endpoint that takes everything until told otherwise."""
    async with EndpointServer() as server:
        yield server


def _sink(
    url: str, guard: UrlGuard | None = None, *, deadline: timedelta = PROMPT, **more: ssl.SSLContext
) -> WebhookSink:
    endpoint = Endpoint(name="orders", destination=parse_url(url), secrets=(read_secret(NEW), read_secret(OLD)))
    return WebhookSink(endpoint, guard or UrlGuard(LOOPBACK), deadline=deadline, **more)


async def _post(sink: WebhookSink, *publications: Publication) -> Outcome:
    """The outcome of one publication, or of the first."""
    try:
        return (await sink.publish(publications or [_publication()]))[0]
    finally:
        await sink.close()


def _publication(id: str = "evt_1", **more: object) -> Publication:
    fields: dict[str, object] = {"target": {}, "body": b'{"order": "\xc3\xa9"}'} | more
    return Publication(id=id, **fields)  # type: ignore[arg-type]


async def test_both_secrets_open_it_and_no_other_does(server: EndpointServer) -> None:
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/hook?a=%20b"), _publication(headers={"x-trace": "t1"}))
    assert outcome == Sent("HTTP 200")
    (posted,) = server.posted
    assert posted.line == "POST /hook?a=%20b HTTP/1.1"
    assert posted.body == b'{"order": "\xc3\xa9"}'
    assert posted.headers["webhook-id"] == "evt_1"
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["x-trace"] == "t1"
    assert posted.headers["host"] == f"127.0.0.1:{server.port}"
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(posted.body, posted.headers) == {"order": "é"}
    for secret, body in (("whsec_" + "c" * 32, posted.body), (NEW, posted.body + b" ")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, posted.headers)


async def test_a_repeat_has_the_same_id_and_its_own_time(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, began = _sink(f"http://127.0.0.1:{server.port}/"), clock.now()
    server.answer = status(500)
    assert isinstance((await sink.publish([_publication()]))[0], Uncertain)
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=60))
    server.answer = status(204)
    assert isinstance(await _post(sink), Sent)
    first, second = (posted.headers for posted in server.posted)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) in (59, 60)
    assert first["webhook-signature"] != second["webhook-signature"]
    for posted in server.posted:
        Webhook(NEW).verify(posted.body, posted.headers)
    assert server.connections == 1  # and it is kept


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status(200), Sent),
        (status(204), Sent),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n"), Sent),
        (status(200, body=b"<html>an error all the same"), Sent),
        (status(400, body=b"no such\x00 order"), Reject),
        *((status(code), Reject) for code in (401, 403, 404, 409, 413, 410, 422)),
        *((status(code), Retry) for code in (408, 425, 429, 503)),
        *((status(code), Uncertain) for code in (500, 502, 504)),
        (cut, Uncertain),
        (raw(b"\x00\x01 what is this\r\n\r\n"), Uncertain),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"), Uncertain),
    ],
)
async def test_each_answer_has_its_meaning(server: EndpointServer, answer: Answer, expected: type) -> None:
    server.answer = answer
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/"))
    assert isinstance(outcome, expected), outcome
    assert "\x00" not in str(outcome)


async def test_each_of_many_has_its_own_outcome_in_their_order(server: EndpointServer) -> None:
    async def answer(posted: Posted, writer: asyncio.StreamWriter) -> None:
        await status(200 if int(posted.headers["webhook-id"]) % 2 else 404)(posted, writer)

    server.answer = answer
    sink = _sink(f"http://127.0.0.1:{server.port}/")
    outcomes = await sink.publish([_publication(str(n)) for n in range(60)])
    await sink.close()
    assert [isinstance(outcome, Sent) for outcome in outcomes] == [bool(n % 2) for n in range(60)]
    assert len({posted.headers["webhook-id"] for posted in server.posted}) == 60
    assert server.connections <= 10


async def test_retry_after_is_honoured_and_capped(server: EndpointServer) -> None:
    server.answer = status(429, "retry-after: 1000000000")
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/"))
    assert outcome == Retry("HTTP 429", after=timedelta(days=1), pause_provider=True)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(server: EndpointServer, code: int) -> None:
    async with EndpointServer() as inside:
        server.answer = status(code, f"location: http://127.0.0.1:{inside.port}/")
        outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/"))
        assert isinstance(outcome, Reject)
        assert outcome.code == "redirect"
        assert inside.connections == 0


async def test_an_answer_without_end_is_not_read(server: EndpointServer) -> None:
    """A thousand million bytes: a connection's worth of buffers is taken, and the status decides."""
    taken = 0

    async def flood(_: Posted, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while taken < 1_000_000_000:
            writer.write(bytes(65_536))
            await writer.drain()
            taken += 65_536

    server.answer = flood
    assert isinstance(await _post(_sink(f"http://127.0.0.1:{server.port}/")), Sent)
    assert taken < 64 * MOST_READ


async def test_an_answer_that_drips_ends_at_the_deadline_with_its_status(server: EndpointServer) -> None:
    async def drip(_: Posted, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.answer = drip
    began = clock.monotonic()
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/", deadline=SHORT))
    assert isinstance(outcome, Uncertain)
    assert outcome.reason.startswith("HTTP 500: xxx")
    assert 0.25 < clock.monotonic() - began < 3


async def test_a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked(server: EndpointServer) -> None:
    bomb = gzip_bomb()
    assert len(bomb) < MOST_READ
    server.answer = status(400, "content-encoding: gzip", body=bomb)
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/"))
    assert isinstance(outcome, Reject)
    assert len(outcome.reason) < 300
    assert server.posted[0].headers["accept-encoding"] == "identity"


async def test_headers_without_end_are_not_read(server: EndpointServer) -> None:
    server.answer = raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000)
    assert isinstance(await _post(_sink(f"http://127.0.0.1:{server.port}/")), Uncertain)


async def test_silence_after_the_request_leaves_it_open_and_before_it_does_not(server: EndpointServer) -> None:
    server.answer = hang
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/", deadline=SHORT))
    assert outcome == Uncertain("no answer within 0.3 s")
    # It does not speak TLS: the handshake gets no answer, and nothing was sent.
    assert isinstance(await _post(_sink(f"https://127.0.0.1:{server.port}/", deadline=SHORT)), Retry)
    async with EndpointServer() as other:
        nobody = other.port
    assert isinstance(await _post(_sink(f"http://127.0.0.1:{nobody}/")), Retry)


async def test_a_dead_endpoint_is_given_a_rest(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of sixty does not wait sixty deadlines for nothing; after the rest it is tried again."""
    began = clock.monotonic()
    server.answer = hang
    sink = _sink(f"http://127.0.0.1:{server.port}/", deadline=SHORT)
    outcomes = await sink.publish([_publication(str(n)) for n in range(60)])
    assert {type(outcome) for outcome in outcomes} == {Uncertain, Retry}
    assert sum(isinstance(outcome, Uncertain) for outcome in outcomes) == server.connections <= 20
    untried = next(outcome for outcome in outcomes if isinstance(outcome, Retry))
    assert (untried.after, untried.pause_provider) == (timedelta(seconds=30), True)
    server.answer = status(200)
    assert isinstance((await sink.publish([_publication()]))[0], Retry)
    later = clock.monotonic() - began + 31
    now = clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: now() + later)
    assert [await sink.publish([_publication()]) for _ in range(2)] == [[Sent("HTTP 200")]] * 2
    await sink.close()


async def test_a_name_that_cannot_be_looked_up_is_tried_again() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    assert isinstance(await _post(_sink("https://nowhere.example/", UrlGuard(resolve=nobody))), Retry)


async def test_the_checked_address_is_used_with_the_name_for_tls_and_for_the_server(tmp_path: Path) -> None:
    """The name resolves twice, first to loopback, then to a network nobody listed: then nothing connects."""
    certificate, key = make_certificate(tmp_path, name="hooks.example", address="192.0.2.1")
    answers = [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["169.254.169.254"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "hooks.example"
        return answers.pop(0)

    async with EndpointServer(tls=server_context(certificate, key)) as server:
        url = f"https://hooks.example:{server.port}/hook"
        sink = _sink(url, UrlGuard(LOOPBACK, resolve=resolve), tls=ssl.create_default_context(cafile=str(certificate)))
        assert (await sink.publish([_publication()]))[0] == Sent("HTTP 200")
        assert server.posted[0].headers["host"] == f"hooks.example:{server.port}"
        assert server.names == ["hooks.example"]
        for _ in range(2):
            (outcome,) = await sink.publish([_publication()])
            assert isinstance(outcome, Reject)
            assert outcome.code == "url_not_allowed"
        assert (len(server.posted), server.connections) == (1, 1)
        await sink.close()


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    async with EndpointServer(tls=server_context(certificate, key)) as server:
        outcome = await _post(_sink(f"https://127.0.0.1:{server.port}/"))
        assert isinstance(outcome, Retry)
        assert server.posted == []


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:8443/", "https://[::1]/", "https://10.0.0.1/", "https://100.100.100.200/"]
)
async def test_what_is_not_the_internets_is_not_connected_to(url: str) -> None:
    outcome = await _post(_sink(url, UrlGuard()))
    assert isinstance(outcome, Reject)
    assert outcome.code == "url_not_allowed"


async def test_proxies_of_the_environment_are_passed_by(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EndpointServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert isinstance(await _post(_sink(f"http://127.0.0.1:{server.port}/")), Sent)
        assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "headers",
    [
        *({name: "x"} for name in ("Host", "webhook-id", "Webhook-Signature", "content-length", "Transfer-Encoding")),
        *({name: "x"} for name in ("a b", "x\r\ny", "", "ü", "Authorization", "Content-Type")),
        *({"x-a": value} for value in ("1\r\nx-b: 2", "\x00", "ü", "1\u20282")),
    ],
)
async def test_headers_that_are_ours_or_cannot_be_are_refused(server: EndpointServer, headers: dict[str, str]) -> None:
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/"), _publication(headers=headers))
    assert isinstance(outcome, Reject)
    assert outcome.code == "invalid_header"
    assert server.connections == 0


async def test_an_id_that_cannot_stand_in_a_header_is_refused(server: EndpointServer) -> None:
    outcome = await _post(_sink(f"http://127.0.0.1:{server.port}/"), _publication("a\r\nb: c"))
    assert isinstance(outcome, Reject)
    assert server.connections == 0


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_abc", "whsec_" + "!" * 32, "b" * 32, "whsec_" + "b" * 200])
def test_a_secret_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_secret(text)
    assert len(text) < 7 or text not in caught.value.message


def test_secrets_are_not_shown() -> None:
    endpoint = Endpoint(name="orders", destination=parse_url("https://a.example"), secrets=(read_secret(NEW),))
    assert json.dumps(repr(endpoint)).count("secret") == 0
