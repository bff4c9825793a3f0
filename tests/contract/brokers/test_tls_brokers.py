"""Brokers over TLS: who is trusted, who is not and what is said of it, and that nothing goes unencrypted instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.contract.brokers.harness import Broker, BullBroker, NatsBroker, RabbitBroker
from tests.support import memory
from tests.support.authority import Authority
from tests.support.encrypted import PASSWORD, USER, EncryptedNats, EncryptedRedis
from tests.support.rabbitmq import RabbitMQ
from tests.support.reading import Reading
from tests.support.smtp_certificate import server_context
from tests.support.wire import Wire

from clarion.brokers.base import Disconnected, Publication, Source
from clarion.cli.checkup.brokers import check_brokers
from clarion.cli.checkup.finding import Finding
from clarion.config import load_settings
from clarion.domain.outcome import Retry, Sent
from clarion.errors import ConfigError

SETTINGS = {"rabbitmq": "CLARION_AMQP_URL", "nats": "CLARION_NATS_URL", "redis": "CLARION_REDIS_URL"}
BROKERS: Mapping[str, Callable[[Any], Broker]] = {"rabbitmq": RabbitBroker, "nats": NatsBroker, "redis": BullBroker}
#: By kind: how an address begins that is encrypted, and one that is not.
SCHEMES = {"rabbitmq": ("amqps", "amqp"), "nats": ("tls", "nats"), "redis": ("rediss", "redis")}


class Place:
    """One broker with TLS at *port*, and who has signed its certificate."""

    def __init__(self, kind: str, broker: Broker, port: int, authority: Authority, password: str) -> None:
        self.kind = kind
        self.broker = broker
        self.authority = authority
        self._port = port
        self._password = password

    def address(
        self,
        *,
        host: str = "localhost",
        port: int | None = None,
        password: str | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> str:
        """Where it is; trusting its authority unless *files* say something else."""
        given = files or {"ca_file": self.authority.file}
        query = "&".join(f"{name}={quote(str(file))}" for name, file in given.items())
        return f"{SCHEMES[self.kind][0]}://{self.rest(host, port, password)}?{query}"

    def rest(self, host: str = "localhost", port: int | None = None, password: str | None = None) -> str:
        """What stands in its address behind the scheme."""
        return f"{USER}:{quote(password or self._password, safe='')}@{host}:{port or self._port}"

    async def refused(self, url: str) -> str:
        """Why a source does not open there, after a sink and the doctor have said the same."""
        source = self.broker.source(url=url)
        with pytest.raises(ConfigError) as said:
            await _open(source)
        reason = said.value.message
        sink = self.broker.sink(url)
        (outcome,) = await sink.publish([Publication(id="one", target=self.broker.target, body=b"{}")])
        await sink.close()
        assert isinstance(outcome, Retry)
        assert outcome.pause_provider
        assert outcome.reason == reason
        found = await doctor(self.kind, url)
        assert found.level == "fail"
        assert found.says.endswith(f"cannot be used: {reason}")
        assert "s3cret" not in reason + found.says
        return reason


async def doctor(kind: str, url: str) -> Finding:
    settings = load_settings({}, {SETTINGS[kind]: url})
    (found,) = [finding async for finding in check_brokers(settings)]
    return found


async def _open(source: Source) -> None:
    try:
        await source.open()
    finally:
        await source.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with memory.folder("clarion-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "authority")


@pytest.fixture(scope="module")
async def encrypted_nats(folder: Path, authority: Authority) -> AsyncIterator[Place]:
    async with EncryptedNats(folder / "nats", authority, authority.sign()).running() as server:
        yield Place("nats", NatsBroker(server), server.port, authority, PASSWORD)


@pytest.fixture(scope="module")
async def encrypted_redis(folder: Path, authority: Authority) -> AsyncIterator[Place]:
    async with EncryptedRedis(folder / "redis", authority, authority.sign()).running() as server:
        yield Place("redis", BullBroker(server), server.port, authority, PASSWORD)


@pytest.fixture
def encrypted_rabbitmq(rabbitmq: RabbitMQ) -> Place:
    return Place("rabbitmq", RabbitBroker(rabbitmq), rabbitmq.tls_port, rabbitmq.authority, "guest")


@pytest.fixture(params=list(SETTINGS))
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"encrypted_{request.param}")
    return found


async def test_what_is_published_over_tls_is_read_over_tls(place: Place) -> None:
    sink = place.broker.sink(place.address())
    async with Reading(place.broker.source(url=place.address())) as reading:
        (outcome,) = await sink.publish([Publication(id="one", target=place.broker.target, body=b'{"n": 1}')])
        assert isinstance(outcome, Sent)
        (one,) = await reading.first(1)
        assert one.body == b'{"n": 1}'
        await reading.source.check()
        await reading.source.ack([one])
    await sink.close()
    found = await doctor(place.kind, place.address())
    assert found.level == "ok", found.says


async def test_an_authority_that_nobody_named_is_refused(place: Place, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    for url in (place.address(files={"ca_file": stranger.file}), place.address().partition("?")[0]):
        reason = await place.refused(url)
        assert "its certificate is refused: " in reason
        assert "?ca_file=" in reason


async def test_another_name_than_that_in_the_certificate_is_refused(place: Place) -> None:
    reason = await place.refused(place.address(host="127.0.0.1"))
    assert "IP address mismatch, certificate is not valid for '127.0.0.1'" in reason


async def test_a_wrong_password_is_told_as_such(place: Place) -> None:
    reason = await place.refused(place.address(password="s3cret"))
    assert "certificate" not in reason
    assert "password" in reason


async def test_an_address_without_encryption_is_not_let_in(place: Place) -> None:
    """NATS raises it to TLS by itself, and then does not know the authority; the others cannot be spoken to."""
    with pytest.raises((ConfigError, Disconnected)) as said:
        await _open(place.broker.source(url=f"{SCHEMES[place.kind][1]}://{place.rest()}"))
    assert {"nats": "?ca_file=", "rabbitmq": "amqps://", "redis": "rediss://"}[place.kind] in str(said.value)


@pytest.mark.parametrize("kind", list(SETTINGS))
async def test_a_certificate_that_has_expired_is_refused(kind: str, folder: Path, authority: Authority) -> None:
    expired = authority.sign(expired=True)
    server = EncryptedNats(folder / f"expired-{kind}", authority, expired)
    place = Place(kind, BROKERS[kind](server), server.port, authority, PASSWORD)
    if kind == "nats":
        async with server.running():
            reason = await place.refused(place.address())
    else:
        # What is behind the handshake is never reached.
        context = server_context(expired.certificate, expired.key)
        async with await asyncio.start_server(_hang_up, "127.0.0.1", server.port, ssl=context):
            reason = await place.refused(place.address())
    assert "its certificate is refused: certificate has expired. The server needs a new one" in reason


@pytest.mark.parametrize("kind", ["nats", "redis"])
async def test_a_broker_that_wants_a_certificate_of_ours_gets_it(kind: str, folder: Path, authority: Authority) -> None:
    ours, new = authority.sign("clarion"), EncryptedNats if kind == "nats" else EncryptedRedis
    async with new(folder / f"mutual-{kind}", authority, authority.sign(), mutual=True).running() as server:
        place = Place(kind, BROKERS[kind](server), server.port, authority, PASSWORD)
        files = {"ca_file": authority.file, "cert_file": ours.certificate, "key_file": ours.key}
        await _open(place.broker.source(url=place.address(files=files)))
        assert (await doctor(kind, place.address())).level in ("warn", "fail")


async def test_a_broker_without_tls_hears_no_password(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.brokers.bullmq.connection.CONNECT_S", 0.5)  # Redis does not answer to a handshake
    safe, bare = next(pair for pair in SCHEMES.values() if broker.url.startswith(pair[1]))
    async with Wire(broker.server.port) as wire:
        rest = f"me:s3cret@127.0.0.1:{wire.port}"
        with pytest.raises((ConfigError, Disconnected)) as said:
            await _open(broker.source(url=f"{safe}://{rest}"))
        assert b"s3cret" not in wire.sent
        if safe != "rediss":
            assert isinstance(said.value, ConfigError)
            assert any(words in str(said.value) for words in ("does not speak TLS", "offers no encryption"))
        # To an address that is not encrypted it goes as it is: so it would have been found above.
        with suppress(ConfigError, Disconnected):
            await _open(broker.source(url=f"{bare}://{rest}"))
        assert b"s3cret" in wire.sent


async def test_nats_that_lets_clients_choose_is_spoken_to_in_tls(folder: Path, authority: Authority) -> None:
    server = EncryptedNats(folder / "either", authority, authority.sign(), more="allow_non_tls: true")
    async with server.running(), Wire(server.port) as wire:
        place = Place("nats", NatsBroker(server), server.port, authority, PASSWORD)
        await _open(place.broker.source(url=place.address(port=wire.port)))
        assert wire.sent
        assert b"CONNECT" not in wire.sent


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
