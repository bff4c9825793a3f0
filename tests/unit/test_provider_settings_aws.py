"""Accounts at Amazon in ``clarion.toml``: what is wrong with them is said, and no secret repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.project import build

from clarion.channels.account import Account
from clarion.config import load_settings
from clarion.errors import ConfigError

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"
KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "c0ffee/c0ffee+" * 3}
SES = {"kind": "ses", "region": "eu-west-1", **KEYS}
SNS = {"kind": "sns", "region": "cn-north-1", **KEYS}


def _load(folder: Path, table: dict[str, str]) -> Account:
    lines = "\n".join(f'{key} = "{value}"' for key, value in table.items())
    settings = load_settings({"project": build(folder, {"clarion.toml": f"[providers.main]\n{lines}\n"})}, {})
    account: Account
    (account,) = settings.providers
    return account


def _refused(folder: Path, table: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, table)
    assert "c0ffee" not in caught.value.message
    return caught.value.message


def test_each_region_has_its_own_address(tmp_path: Path) -> None:
    account = _load(tmp_path, SES | {"topic_arn": TOPIC, "configuration_set": "clarion"})
    assert account.kind.address(account) == "https://email.eu-west-1.amazonaws.com"
    assert account["callback_age"] == "1h"
    assert "c0ffee" not in f"{account!r}"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("region", "Ireland", "expected a region as Amazon names it"),
        ("region", "eu-west-1.evil.example/", "expected a region as Amazon names it"),
        ("access_key_id", "ASIAIOSFODNN7EXAMPLE", "the access key of a user, not one for a time"),
        ("access_key_id", "AKIA", "expected AKIA and 16"),
        ("secret_access_key", "c0ffee", "expected 40 letters"),
        ("secret_access_key", "c0ffee" * 10 + "\\nX-Evil: 1", "it has a line break"),
        ("configuration_set", "a b", "expected the name of a configuration set"),
        ("topic_arn", "mail-events", "expected the ARN of a topic"),
        ("topic_arn", "arn:aws:sqs:eu-west-1:123456789012:mail-events", "expected the ARN of a topic"),
        ("topic_arn", TOPIC.replace("eu-west-1", "us-east-1"), "SES publishes to topics of its own region alone"),
        ("callback_age", "49h", "from 1m to 2d"),
        ("base_url", "https://email.eu-west-1.amazonaws.com", "on this machine"),
        ("base_url", "http://169.254.169.254", "on this machine"),
    ],
)
def test_what_is_wrong_with_an_account_at_ses_is_said(tmp_path: Path, key: str, value: str, says: str) -> None:
    assert says in _refused(tmp_path, SES | {key: value})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("from", "Corner Shop", "a name of up to 11 letters and digits"),
        ("from", "+0123", "expected a number such as"),
        ("sms_type", "Transactional", "expected transactional or promotional"),
        ("topic_arn", TOPIC, "unknown setting `topic_arn`"),
    ],
)
def test_what_is_wrong_with_an_account_at_sns_is_said(tmp_path: Path, key: str, value: str, says: str) -> None:
    account = _load(tmp_path, SNS)
    assert account.kind.address(account) == "https://sns.cn-north-1.amazonaws.com.cn"
    assert says in _refused(tmp_path, SNS | {key: value})
