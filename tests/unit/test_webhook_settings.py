"""Endpoints of webhooks in ``clarion.toml`` and in the environment: read whole, refused with reasons, never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.project import build

from clarion.config import Settings, effective, load_settings
from clarion.errors import ConfigError

SECRET = "whsec_" + "b" * 32
OTHER = "whsec_" + "c" * 32


def _load(folder: Path, toml: str = "", **environ: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, environ)


def _refused(folder: Path, toml: str = "", **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, toml, **environ)
    assert "b" * 32 not in caught.value.message
    return caught.value.message


def test_tables_and_files_of_secrets(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(OTHER + "\n")
    settings = _load(
        tmp_path,
        f"""
        [webhooks.orders]
        url = "https://shop.example/hook"
        secrets = ["{SECRET}"]
        secret_files = ["{tmp_path}/old"]
        [webhooks.news]
        url = "http://10.20.0.7:9000/"
        secrets = ["{SECRET}"]
        [publish]
        allow_networks = ["10.20.0.0/16"]
        """,
    )
    assert [endpoint.name for endpoint in settings.webhooks] == ["orders", "news"]
    assert [len(endpoint.secrets) for endpoint in settings.webhooks] == [2, 1]
    shown = {name: value for name, value, _ in effective(settings)}
    assert shown["webhooks"] == "orders, news"
    assert shown["publish.allow_networks"] == "10.20.0.0/16"


def test_json_of_the_environment_comes_first(tmp_path: Path) -> None:
    table = {"orders": {"url": "https://shop.example/", "secrets": [SECRET]}}
    settings = _load(tmp_path, CLARION_WEBHOOKS=json.dumps(table))
    assert str(settings.webhooks[0].destination) == "https://shop.example/"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (f'secrets = ["{SECRET}"]', "orders: `url` is missing"),
        ('url = "https://a.example"', "orders: `secrets` is missing"),
        (f'url = "https://a.example"\nsecret = ["{SECRET}"]', "did you mean `secrets`?"),
        ('url = "https://a.example"\nsecrets = ["bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]', "whsec_ followed by"),
        ('url = "https://a.example"\nsecret_files = ["/nowhere"]', "the file '/nowhere' cannot be read"),
        (f'url = "https://u:p@a.example"\nsecrets = ["{SECRET}"]', "it has a user or a password"),
        (f'url = "https://127.1/"\nsecrets = ["{SECRET}"]', "not written as four decimal numbers"),
        (f'url = "https://10.0.0.1/"\nsecrets = ["{SECRET}"]', "10.0.0.1 is not in the internet"),
        (f'url = "http://a.example/"\nsecrets = ["{SECRET}"]', "it is not https"),
        (f'url = "https://a.example:22/"\nsecrets = ["{SECRET}"]', "its port is 22"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, table: str, says: str) -> None:
    assert says in _refused(tmp_path, f"[webhooks.orders]\n{table}\n")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    assert "expected JSON" in _refused(tmp_path, CLARION_WEBHOOKS="orders")
    assert "expected a table" in _refused(tmp_path, CLARION_WEBHOOKS="[1]")
    assert "it is named with" in _refused(tmp_path, '[webhooks."a b"]\nurl = "https://a.example"')
    assert "is not a network" in _refused(tmp_path, '[publish]\nallow_networks = ["10.0.0.1/8"]')
