"""Encryption and login: what is verified, what is never sent in the clear, and what an operator's mistake costs."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from tests.support.smtp_certificate import make_certificate, server_context
from tests.support.smtp_faults import Fault
from tests.support.smtp_mails import check_ledger, mails, provider_for
from tests.support.smtp_server import SmtpServer

from clarion.channels.email.settings import SmtpSettings, Tls
from clarion.channels.email.smtp import SmtpProvider
from clarion.domain.outcome import Outcome, Retry, Sent
from clarion.errors import ConfigError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def encryption(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return server_context(*certificate)


def paused(outcome: Outcome) -> str:
    """The reason why nobody may use the server for now."""
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider and outcome.after
    return outcome.reason


def broken(outcome: Outcome) -> str:
    """The reason why the connection was not made; that says nothing about how long to wait."""
    assert isinstance(outcome, Retry)
    assert not outcome.pause_provider and outcome.after is None
    return outcome.reason


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.REQUIRED, Tls.IF_OFFERED])
async def test_mail_goes_encrypted_to_a_server_with_a_known_certificate(
    tls: Tls, certificate: tuple[Path, Path], encryption: ssl.SSLContext
) -> None:
    server = SmtpServer(tls=encryption, implicit_tls=tls is Tls.IMPLICIT, login=("hotel", "geheim, süß"))
    async with (
        server,
        provider_for(
            server, tls=tls, ca_file=str(certificate[0]), user="hotel", password="geheim, süß", connections=2
        ) as provider,
    ):
        batch = mails(20)
        outcomes = await provider.send(batch)
        check_ledger(batch, outcomes, server)
        assert [type(outcome) for outcome in outcomes] == [Sent] * 20
        assert server.commands["STARTTLS"] == (0 if tls is Tls.IMPLICIT else 2)
        # RFC 3207: introduce yourself again once encrypted.
        assert len(server.greeted_as) == (2 if tls is Tls.IMPLICIT else 4)


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.REQUIRED, Tls.IF_OFFERED])
async def test_an_unknown_certificate_is_refused(tls: Tls, encryption: ssl.SSLContext) -> None:
    async with (
        SmtpServer(tls=encryption, implicit_tls=tls is Tls.IMPLICIT) as server,
        provider_for(server, tls=tls) as provider,
    ):
        (outcome,) = await provider.send(mails(1))
        assert "self-signed" in paused(outcome)
        assert server.commands["MAIL"] == 0


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, name="mail.example.org", address="192.0.2.1")
    async with (
        SmtpServer(tls=server_context(certificate, key), implicit_tls=True) as server,
        provider_for(server, tls=Tls.IMPLICIT, ca_file=str(certificate)) as provider,
    ):
        (outcome,) = await provider.send(mails(1))
        assert "mismatch" in paused(outcome)


async def test_required_encryption_is_required() -> None:
    async with SmtpServer() as server, provider_for(server, tls=Tls.REQUIRED) as provider:
        (outcome,) = await provider.send(mails(1))
        assert paused(outcome) == "TLS: the server does not offer STARTTLS, which is required"
        assert server.commands["MAIL"] == 0


async def test_encryption_if_offered_goes_without() -> None:
    async with SmtpServer() as server, provider_for(server, tls=Tls.IF_OFFERED) as provider:
        (outcome,) = await provider.send(mails(1))
        assert isinstance(outcome, Sent)


@pytest.mark.parametrize("do", ["hang", "reset", "close", "reply"])
async def test_a_fault_at_starttls(do: str, encryption: ssl.SSLContext) -> None:
    fault = Fault(at="starttls", do=do, code=454)
    async with (
        SmtpServer(tls=encryption, faults=[fault]) as server,
        provider_for(server, tls=Tls.REQUIRED) as provider,
    ):
        (outcome,) = await provider.send(mails(1))
        why = paused if do == "reply" else broken
        assert why(outcome).startswith("TLS: ")
        assert server.commands["MAIL"] == 0


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_login(mechanism: str) -> None:
    server = SmtpServer(login=("ann", "pässword"), mechanisms=[mechanism])
    async with server, provider_for(server, user="ann", password="pässword") as provider:
        (outcome,) = await provider.send(mails(1))
        assert isinstance(outcome, Sent)
    async with server, provider_for(server, user="ann", password="wrong") as provider:
        (outcome,) = await provider.send(mails(1))
        assert paused(outcome) == "AUTH: 535 5.7.8 wrong user or password"


@pytest.mark.parametrize("do", ["hang", "reset", "close", "reply"])
async def test_a_fault_at_login(do: str) -> None:
    fault = Fault(at="auth", do=do, code=454)
    async with (
        SmtpServer(login=("ann", "x"), faults=[fault]) as server,
        provider_for(server, user="ann", password="x") as provider,
    ):
        outcomes = await provider.send(mails(3))
        why = paused if do == "reply" else broken
        assert all(why(outcome).startswith("AUTH: ") for outcome in outcomes)
        assert server.connections == 1


async def test_no_way_to_log_in() -> None:
    server = SmtpServer(login=("ann", "x"), mechanisms=["GSSAPI"])
    async with server, provider_for(server, user="ann", password="x") as provider:
        (outcome,) = await provider.send(mails(1))
        assert "gssapi" in paused(outcome)


async def test_a_missing_login_burns_no_mail() -> None:
    async with SmtpServer(login=("ann", "x")) as server, provider_for(server) as provider:
        outcomes = await provider.send(mails(2))
        assert [paused(outcome) for outcome in outcomes] == ["MAIL: 530 5.7.0 log in first"] * 2


async def test_a_password_never_leaves_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As seen by a server off this machine that hides its STARTTLS, or whose offer somebody on the way removed."""
    monkeypatch.setattr("clarion.channels.email.opening.is_loopback", lambda host: False)
    server = SmtpServer(login=("ann", "x"))
    async with server, provider_for(server, tls=Tls.IF_OFFERED, user="ann", password="x") as provider:
        (outcome,) = await provider.send(mails(1))
        assert "not sent unencrypted" in paused(outcome)
        assert server.commands["AUTH"] == 0


async def test_octets_smuggled_in_behind_the_reply_to_starttls_break_the_connection(
    certificate: tuple[Path, Path], encryption: ssl.SSLContext
) -> None:
    fault = Fault(at="starttls", do="reply", code=220, text="go\r\n250-tests\r\n250 PIPELINING")
    async with (
        SmtpServer(tls=encryption, faults=[fault]) as server,
        provider_for(server, tls=Tls.REQUIRED, ca_file=str(certificate[0])) as provider,
    ):
        (outcome,) = await provider.send(mails(1))
        assert "spoke on behind" in broken(outcome)


def test_a_file_of_authorities_that_is_none(tmp_path: Path) -> None:
    no_certificate = tmp_path / "ca.pem"
    no_certificate.write_text("no certificate")
    for file in (no_certificate, tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match="ca_file"):
            SmtpProvider(SmtpSettings(host="mail.example.com", ca_file=str(file)))
