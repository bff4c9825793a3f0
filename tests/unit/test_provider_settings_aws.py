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
        ("access_key_id", "ASIAIOSFODNN7EXAMPLE", "has a `session_token`, and no other has one"),
        ("session_token", "t" * 20, "has a `session_token`, and no other has one"),
        ("session_token", "no token", "expected the letters, digits and signs"),
        ("access_key_id", "AKIA", "expected AKIA or ASIA and 16"),
        ("credentials", "role", "expected keys, container, web_identity or instance"),
        ("credentials", "instance", "`access_key_id` is for `credentials = keys`, and they are instance"),
        ("role_arn", "arn:aws:iam::1:user/x", "expected the ARN of a role"),
        ("role_arn", "arn:aws:iam::123456789012:role/x", "is for `credentials = web_identity`, and they are keys"),
        ("container_url", "http://10.0.0.1/keys", "expected https://, or an address of ECS's"),
        ("metadata_url", "http://169.254.169.253", "expected http://169.254.169.254"),
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


def test_what_a_table_leaves_to_the_platform_is_taken_from_it(tmp_path: Path) -> None:
    """As ECS says it to a container, and by nobody else's word: other variables of Amazon's are not looked at."""
    text = '[providers.main]\nkind = "sns"\nregion = "eu-west-1"\ncredentials = "container"\n'
    folder = build(tmp_path, {"clarion.toml": text})
    environ = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/0a1b", "AWS_ACCESS_KEY_ID": "AKIA" + "0" * 16}
    (account,) = load_settings({"project": folder}, environ).providers
    assert account["container_url"] == "http://169.254.170.2/v2/credentials/0a1b"
    assert account.get("access_key_id") is None
    (elsewhere,) = load_settings({"project": folder}, {}).providers
    assert elsewhere.get("container_url") is None, "where it is checked, the platform need not be there"
    with pytest.raises(ConfigError, match="main: `AWS_CONTAINER_CREDENTIALS_FULL_URI`: expected https://"):
        load_settings({"project": folder}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example/"})
