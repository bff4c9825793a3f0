"""Accounts at Vonage in ``clarion.toml``: what is wrong with them is said, and no secret repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.project import build

from clarion.config import Settings, load_settings
from clarion.errors import ConfigError

VONAGE = {"kind": "vonage", "api_key": "abcd1234", "api_secret": "c0ffeec0ffee", "from": "Shop"}


def _load(folder: Path, table: dict[str, str]) -> Settings:
    lines = "\n".join(f'{key} = "{value}"' for key, value in table.items())
    return load_settings({"project": build(folder, {"clarion.toml": f"[providers.main]\n{lines}\n"})}, {})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("api_key", "a b", "expected 8 letters and digits"),
        ("api_secret", "c0ffee", "expected 8 to 128 characters"),
        ("api_secret", "c0ffee c0ffee", "expected 8 to 128 characters"),
        ("api_secret", "c0ffeec0ffee\\nx", "it has a line break"),
        ("signature_secret", "c0ffee", "expected 8 to 128 characters"),
        ("signature_method", "md5hash", "expected sha256 or sha512"),
        ("from", "A name that is too long", "a name of up to 11 letters"),
        ("callback_age", "49h", "from 1m to 2d"),
        ("base_url", "https://rest.nexmo.com", "on this machine"),
    ],
)
def test_what_is_wrong_with_an_account_at_vonage_is_said(tmp_path: Path, key: str, value: str, says: str) -> None:
    _load(tmp_path, VONAGE)
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, VONAGE | {key: value})
    assert says in caught.value.message
    assert "c0ffee" not in caught.value.message


def test_one_of_the_secrets_is_enough(tmp_path: Path) -> None:
    without = {key: value for key, value in VONAGE.items() if key != "api_secret"}
    with pytest.raises(ConfigError, match="give `api_secret`, or `signature_secret`, or both"):
        _load(tmp_path, without)
    _load(tmp_path, without | {"signature_secret": "c0ffeec0ffee"})
