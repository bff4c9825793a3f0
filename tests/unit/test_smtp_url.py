"""SMTP servers as URLs: defaults that are safe, mistakes that are explained."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from clarion.channels.email.settings import SmtpSettings, Tls
from clarion.channels.email.url import parse_smtp_url
from clarion.errors import ConfigError


def test_the_defaults_are_safe() -> None:
    settings = parse_smtp_url("smtp://hotel:p%40ss%3A%25@mail.example.com")
    assert (settings.host, settings.port, settings.tls) == ("mail.example.com", 587, Tls.REQUIRED)
    assert (settings.user, settings.password) == ("hotel", "p@ss:%")
    assert settings.timeouts.reply >= timedelta(minutes=10)
    assert settings.connections == 10
    assert settings.from_domains == frozenset()


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtps://mail.example.com", 465, Tls.IMPLICIT),
        ("smtps://mail.example.com:2465", 2465, Tls.IMPLICIT),
        ("smtp://mail.example.com:25?starttls=if-offered", 25, Tls.IF_OFFERED),
        ("smtp://mail.example.com?starttls=never", 587, Tls.NEVER),
        ("smtp://localhost:1025", 1025, Tls.NEVER),
        ("smtp://127.0.0.1:1025/", 1025, Tls.NEVER),
        ("smtp://[::1]:1025", 1025, Tls.NEVER),
        ("smtp://localhost?starttls=required", 587, Tls.REQUIRED),
        ("smtp://u:p@localhost:25", 25, Tls.NEVER),
        ("smtp://127.0.0.1.example.com", 587, Tls.REQUIRED),
    ],
)
def test_encryption_follows_scheme_host_and_option(url: str, port: int, tls: Tls) -> None:
    settings = parse_smtp_url(url)
    assert (settings.port, settings.tls) == (port, tls)


def test_every_option_is_read(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    settings = parse_smtp_url(
        "smtp://mail.example.com?connections=3&messages_per_connection=50&ehlo=clarion.example.com"
        "&message_id_domain=id.example.com&from_domains=Example.com,example.org&max_size=1000&pipelining=never&8bitmime=never"
        "&connect_timeout=1&greeting_timeout=2s&command_timeout=1.5m&data_timeout=1h&reply_timeout=20m"
        f"&idle_timeout=500ms&ca_file={ca_file}",
        from_domains=frozenset({"example.net"}),
    )
    assert (settings.connections, settings.messages_per_connection, settings.max_size) == (3, 50, 1000)
    assert (settings.ehlo_name, settings.message_id_domain) == ("clarion.example.com", "id.example.com")
    assert settings.from_domains == {"example.com", "example.org", "example.net"}
    assert (settings.pipelining, settings.eight_bit) == (False, False)
    assert settings.ca_file == str(ca_file)
    t = settings.timeouts
    assert [x.total_seconds() for x in (t.connect, t.greeting, t.command, t.data, t.reply, t.idle)] == [
        1,
        2,
        90,
        3600,
        1200,
        0.5,
    ]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("smtp://mail.example.com?startls=never", "did you mean 'starttls'"),
        ("smtp://mail.example.com?zzz=1", "known are starttls"),
        ("smtp://mail.example.com?starttls=maybe", "required, if-offered, never"),
        ("smtp://mail.example.com?starttls=never&starttls=required", "twice"),
        ("smtps://mail.example.com?starttls=required", "encrypted from the start"),
        ("smtp://u:secret-word@mail.example.com?starttls=never", "unencrypted"),
        ("smtp://u@mail.example.com", "both a user and a password"),
        ("smtp://:secret-word@mail.example.com", "both a user and a password"),
        ("smtp://u:secret%0Aword@mail.example.com", "control character"),
        ("smtp://mail.example.com:0", "port"),
        ("smtp://mail.example.com:99999", "port"),
        ("smtp://mail.example.com:x", "port"),
        ("smtp://u:secret-word@[::1", "looks like"),
        ("http://mail.example.com", "looks like"),
        ("mail.example.com:25", "looks like"),
        ("smtp://", "looks like"),
        ("smtp://mail.example.com/path", "looks like"),
        ("smtp://u:secret/word@mail.example.com", "looks like|port"),
        ("smtp://mail.example.com\r\nX", "white space"),
        ("smtp://mail example.com", "white space"),
        ("smtp://mail.example.com?ehlo=a%0d%0aMAIL", "not a host name"),
        ("smtp://mail.example.com?ehlo=a%20b", "not a host name"),
        ("smtp://mail.example.com?message_id_domain=a%3e%0d%0ab", "not a host name"),
        ("smtp://mail%0d%0aexample.com", "not a host name"),
        ("smtp://mail.example.com?connections=0", "at least 1"),
        ("smtp://mail.example.com?connections=many", "whole number"),
        ("smtp://mail.example.com?reply_timeout=0", "20s or 10m"),
        ("smtp://mail.example.com?reply_timeout=soon", "20s or 10m"),
        ("smtp://mail.example.com?reply_timeout=-5s", "20s or 10m"),
        ("smtp://mail.example.com?ca_file=/no/such/file", "not a file"),
        ("smtp://mail.example.com?from_domains=a@b.com", "not a domain"),
        ("smtp://mail.example.com?pipelining=yes", "if-offered, never"),
    ],
)
def test_a_mistake_is_explained_and_no_password_shown(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_smtp_url(url)
    assert "secret" not in caught.value.message


def test_domains_are_compared_as_addresses_have_them() -> None:
    settings = parse_smtp_url("smtp://localhost?from_domains=Exämple.DE")
    assert settings.from_domains == {"xn--exmple-cua.de"}


def test_a_password_is_never_shown() -> None:
    settings = parse_smtp_url("smtps://hotel:secret-word@mail.example.com")
    assert "secret" not in repr(settings)
    assert "secret" not in str(settings.describe())


def test_an_address_literal_may_introduce_us() -> None:
    assert SmtpSettings(host="mail.example.com", ehlo_name="[192.0.2.1]").ehlo_name == "[192.0.2.1]"
    assert SmtpSettings(host="2001:db8::1").host == "2001:db8::1"
