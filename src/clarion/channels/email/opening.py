"""From nothing to a connection that takes mail: TCP, greeting, EHLO, TLS, login."""

from __future__ import annotations

import asyncio
import ssl

from aiosmtplib.auth import auth_crammd5_verify, auth_login_encode, auth_plain_encode
from aiosmtplib.errors import SMTPException

from clarion.channels.email.connection import Connection
from clarion.channels.email.dialing import dial
from clarion.channels.email.offer import Offer, parse_offer
from clarion.channels.email.outcome import LOCKED_OUT, Phase, of_failure, of_reply
from clarion.channels.email.settings import SmtpSettings, Tls, is_loopback
from clarion.domain.outcome import Outcome, Retry
from clarion.errors import ConfigError

#: Best first. All of them only go over an encrypted connection, or within this machine.
_MECHANISMS = ("plain", "login", "cram-md5")


class NotOpened(Exception):
    """No connection could be opened; `outcome` is what that means for every mail that wanted one."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    """How to verify the server; None where nothing is ever encrypted. Reads the authorities from disk.

    Raises `ConfigError` where the file of authorities is no good.
    """
    if settings.tls is Tls.NEVER:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use the ca_file {settings.ca_file!r} for SMTP: {error}") from None


async def open_connection(settings: SmtpSettings, context: ssl.SSLContext | None) -> Connection:
    """A connection that is ready for MAIL. Raises `NotOpened`."""
    connection = await _connect(settings, context if settings.tls is Tls.IMPLICIT else None)
    try:
        code, text = await _reply(connection, settings, Phase.GREETING)
        if code != 220:
            raise NotOpened(of_reply(Phase.GREETING, code, text))
        connection.offer = await _introduce(connection, settings)
        encrypted = settings.tls is Tls.IMPLICIT
        if not encrypted and settings.tls is not Tls.NEVER:
            encrypted = await _encrypt(connection, settings, context)
        if settings.user is not None and settings.password is not None:
            await _log_in(connection, settings, settings.user, settings.password, encrypted)
    except NotOpened:
        connection.quit()
        raise
    except BaseException:
        connection.abort("opening was given up")
        raise
    return connection


async def _connect(settings: SmtpSettings, context: ssl.SSLContext | None) -> Connection:
    try:
        return await dial(settings, context)
    except ssl.SSLError as error:
        raise NotOpened(_tls_failed(error)) from None
    except OSError as error:
        limit = settings.timeouts.connect.total_seconds()
        raise NotOpened(of_failure(Phase.CONNECT, str(error) or f"timed out after {limit:g} s")) from None


async def _introduce(connection: Connection, settings: SmtpSettings) -> Offer:
    """EHLO, or HELO where a server does not know that (RFC 5321 §3.2)."""
    name = settings.ehlo_name or connection.local_address()
    code, text = await _ask(connection, settings, Phase.EHLO, f"EHLO {name}")
    if code in {500, 502, 504}:
        code, text = await _ask(connection, settings, Phase.EHLO, f"HELO {name}")
        text = ""
    if code != 250:
        raise NotOpened(of_reply(Phase.EHLO, code, text))
    return parse_offer(text)


async def _encrypt(connection: Connection, settings: SmtpSettings, context: ssl.SSLContext | None) -> bool:
    assert context is not None
    if not connection.offer.starttls:
        if settings.tls is Tls.IF_OFFERED:
            return False
        raise _locked_out(Phase.TLS, "the server does not offer STARTTLS, which is required")
    code, text = await _ask(connection, settings, Phase.TLS, "STARTTLS")
    if code != 220:
        raise NotOpened(of_reply(Phase.TLS, code, text))
    try:
        async with asyncio.timeout(settings.timeouts.connect.total_seconds()):
            await connection.start_tls(context, settings.host)
    except ssl.SSLError as error:
        raise NotOpened(_tls_failed(error)) from None
    except (OSError, TimeoutError) as error:
        raise NotOpened(of_failure(Phase.TLS, str(error) or "timed out")) from None
    # RFC 3207 §4.2: what was said before does not count.
    connection.offer = await _introduce(connection, settings)
    return True


async def _log_in(connection: Connection, settings: SmtpSettings, user: str, password: str, encrypted: bool) -> None:
    if not encrypted and not is_loopback(settings.host):
        raise _locked_out(Phase.AUTH, "the server does not offer STARTTLS, and a password is not sent unencrypted")
    mechanism = next((m for m in _MECHANISMS if m in connection.offer.auth), None)
    if mechanism is None:
        offered = ", ".join(sorted(connection.offer.auth)) or "none"
        raise _locked_out(Phase.AUTH, f"the server offers no way to log in that we know (it offers {offered})")
    if mechanism == "plain":
        secret = auth_plain_encode(user, password).decode()
        code, text = await _ask(connection, settings, Phase.AUTH, f"AUTH PLAIN {secret}")
    else:
        code, text = await _ask(connection, settings, Phase.AUTH, f"AUTH {mechanism.upper()}")
        answers = [part.decode() for part in auth_login_encode(user, password)] if mechanism == "login" else [""]
        for answer in answers:
            if code != 334:
                break
            if mechanism == "cram-md5":
                answer = _challenged(user, password, text)
            code, text = await _ask(connection, settings, Phase.AUTH, answer)
    if code != 235:
        raise NotOpened(of_reply(Phase.AUTH, code, text))


def _challenged(user: str, password: str, challenge: str) -> str:
    try:
        return auth_crammd5_verify(user, password, challenge).decode()
    except SMTPException:
        raise _locked_out(Phase.AUTH, "the server's CRAM-MD5 challenge is not base64") from None


async def _ask(connection: Connection, settings: SmtpSettings, phase: Phase, command: str) -> tuple[int, str]:
    connection.write(command.encode() + b"\r\n")
    return await _reply(connection, settings, phase)


async def _reply(connection: Connection, settings: SmtpSettings, phase: Phase) -> tuple[int, str]:
    limits = settings.timeouts
    replies = await connection.replies(1, limits.greeting if phase is Phase.GREETING else limits.command)
    if not replies:
        raise NotOpened(of_failure(phase, connection.broken or "no reply"))
    return replies[0]


def _tls_failed(error: ssl.SSLError) -> Outcome:
    detail = getattr(error, "verify_message", "") or error.reason or str(error)
    return Retry(f"TLS: the server's certificate or handshake failed: {detail}", LOCKED_OUT, pause_provider=True)


def _locked_out(phase: Phase, reason: str) -> NotOpened:
    return NotOpened(Retry(f"{phase.label}: {reason}", LOCKED_OUT, pause_provider=True))
