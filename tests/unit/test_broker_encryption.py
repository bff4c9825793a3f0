"""What addresses of brokers say of encryption."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion.brokers.encryption import context, is_encrypted, split
from clarion.errors import ConfigError


def test_our_options_are_taken_out_and_the_rest_stays_as_it_was() -> None:
    url, options = split("amqps://u:p%40@h/%2fv?heartbeat=5&ca_file=/a%20b/ca.pem&x=%2F")
    assert url == "amqps://u:p%40@h/%2fv?heartbeat=5&x=%2F"
    assert options == {"ca_file": "/a b/ca.pem"}
    assert split("redis://h/0") == ("redis://h/0", {})


@pytest.mark.parametrize("scheme", ["amqps", "tls", "wss", "rediss"])
def test_what_is_encrypted(scheme: str) -> None:
    assert is_encrypted(f"{scheme}://h")
    assert not is_encrypted(f"{scheme.removesuffix('s') if scheme != 'tls' else 'nats'}://h")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://h?ca_file=/ca.pem", "is for encryption, which amqp:// is not: write amqps://"),
        ("nats://h?ca_file=/ca.pem&cert_file=/c.pem", "ca_file and cert_file in the address of h"),
        ("amqps://h?cafile=/ca.pem", "cafile in the address of h is called ca_file here"),
        ("rediss://h?ssl_ca_certs=/ca.pem", "ssl_ca_certs in the address of h is called ca_file here"),
        ("amqps://h?no_verify_ssl=1", "certificates are always verified"),
        ("rediss://u:hidden@h?ssl_cert_reqs=none", "certificates are always verified"),
    ],
)
def test_what_an_address_must_not_have(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        split(url)
    assert said in error.value.message
    assert "hidden" not in error.value.message


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate")
    for options in ({"ca_file": str(bad)}, {"ca_file": str(tmp_path / "none.pem")}, {"cert_file": str(bad)}):
        with pytest.raises(ConfigError, match=str(tmp_path)):
            context(options)
    with pytest.raises(ConfigError, match="cert_file"):
        context({"key_file": str(bad)})
