"""Encryption to brokers: what their addresses say of it, and what is wrong where a handshake fails.

Certificates are always verified, by the system's authorities or by those in ``ca_file``, and nothing goes unencrypted
to an address that says it is encrypted.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote, urlsplit, urlunsplit

from clarion.errors import ConfigError

#: What may stand behind ``?`` in an address: files in PEM.
OPTIONS = ("ca_file", "cert_file", "key_file")
#: What is encrypted from the beginning of its address on, by what is not.
ENCRYPTED = {"amqp": "amqps", "nats": "tls", "ws": "wss", "redis": "rediss"}
#: How clients call these options themselves: two words for one thing would let one of them be passed over.
_OTHER_NAMES = {
    **{"cafile": "ca_file", "certfile": "cert_file", "keyfile": "key_file"},
    **{"ssl_ca_certs": "ca_file", "ssl_certfile": "cert_file", "ssl_keyfile": "key_file"},
}
_SWITCHES = ("no_verify_ssl", "ssl_cert_reqs", "ssl_check_hostname")

#: OpenSSL's numbers for what is wrong with a certificate: nobody we trust has signed it, its time, its name.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
_TIME = (9, 10)
_NAME = (62, 64)


def split(url: str) -> tuple[str, Mapping[str, str]]:
    """*url* without our options, and these. Raises `ConfigError` for what it must not have."""
    parts = urlsplit(url)
    pairs = [(pair, *pair.partition("=")[::2]) for pair in parts.query.split("&") if pair]
    options = {name: unquote(value) for _, name, value in pairs if name in OPTIONS}
    for _, name, _ in pairs:
        if name in _OTHER_NAMES:
            raise ConfigError(f"{name} in the address of {parts.hostname} is called {_OTHER_NAMES[name]} here")
        if name in _SWITCHES:
            raise ConfigError(
                f"{name} in the address of {parts.hostname}: certificates are always verified. Leave it out, and name "
                "the file of the server's authority in ca_file"
            )
    if options and parts.scheme in ENCRYPTED:
        raise ConfigError(
            f"{' and '.join(options)} in the address of {parts.hostname} is for encryption, which {parts.scheme}:// is "
            f"not: write {ENCRYPTED[parts.scheme]}://"
        )
    rest = "&".join(pair for pair, name, _ in pairs if name not in OPTIONS)
    return urlunsplit(parts._replace(query=rest)), MappingProxyType(options)


def is_encrypted(url: str) -> bool:
    """Whether *url* says that all that is said there is encrypted."""
    return urlsplit(url).scheme in ENCRYPTED.values()


def context(options: Mapping[str, str]) -> ssl.SSLContext:
    """How a server is verified, and who we are to it. Raises `ConfigError` for files that cannot be used."""
    ca_file, cert_file, key_file = (options.get(name) for name in OPTIONS)
    if key_file is not None and cert_file is None:
        raise ConfigError("key_file in the address of a broker needs cert_file beside it")
    used = ca_file
    try:
        made = ssl.create_default_context(cafile=ca_file)
        if cert_file is not None:
            used = cert_file if key_file is None else f"{cert_file} with {key_file}"
            # With a password, OpenSSL would ask for it on the terminal.
            made.load_cert_chain(cert_file, key_file, password="")
    except (OSError, ValueError) as error:
        raise ConfigError(f"the address of a broker names {used}, which cannot be used: {_short(error)}") from None
    return made


def cut_off(url: str, said: str) -> str:
    """What an error *said*, and how to mend it where a server may have hung up on who does not speak TLS."""
    scheme = urlsplit(url).scheme
    if scheme not in ENCRYPTED or not any(word in said.lower() for word in ("reset", "closed", "eof")):
        return said
    return f"{said}. If it speaks TLS there, write {ENCRYPTED[scheme]}://"


def refusal(error: BaseException | None) -> str | None:
    """What is wrong where a handshake failed for a reason that stays, and how to mend it; None for all else."""
    error = _of_openssl(error)
    if error is None or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message.rstrip(".")
        if error.verify_code in _UNKNOWN_AUTHORITY:
            how = ". Name the file of its authority in the address: ?ca_file=/path/ca.pem"
        elif error.verify_code in _NAME:
            how = ". Write the name that its certificate has into the address"
        else:
            how = ". The server needs a new one" if error.verify_code in _TIME else ""
        return f"its certificate is refused: {said}{how}"
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "it does not speak TLS on this port"
    if error.reason in ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"):
        return (
            "it ends the handshake: it may want a certificate of ours, ?cert_file=/path/own.pem&key_file=/path/own.key"
        )
    return f"encryption fails: {_short(error)}"


def _of_openssl(error: BaseException | None) -> ssl.SSLError | None:
    """The first of *error* and what led to it that speaks of encryption; clients tie such chains into rings."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _short(error: Exception) -> str:
    """What OpenSSL or the system says, without their numbers."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
