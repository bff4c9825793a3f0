"""Accounts for chats among the settings: many kinds beside each other, rooms of their own, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.chats import DISCORD_HOOK, SLACK_HOOK, SLACK_TOKEN, TELEGRAM_TOKEN, teams_url
from tests.support.project import build

from clarion.config import Settings, load_settings
from clarion.connections import accounts_of, carriers_of, routes_of
from clarion.errors import ConfigError

TELEGRAM = f'[providers.bot]\nkind = "telegram"\ntoken = "{TELEGRAM_TOKEN}"\n'
SLACK = f'[providers.work]\nkind = "slack"\ntoken = "{SLACK_TOKEN}"\n'


def _load(folder: Path, toml: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, {})


def _refused(folder: Path, toml: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, toml)
    assert "5ecre7" not in caught.value.message
    return caught.value.message


def test_accounts_of_different_kinds_stand_beside_each_other(tmp_path: Path) -> None:
    settings = _load(tmp_path, TELEGRAM + SLACK)
    assert [account.label for account in accounts_of(settings, "chat")] == ["telegram:bot", "slack:work"]
    assert carriers_of(settings)["chat"] == ["telegram:bot", "slack:work"]
    (route,) = routes_of(settings, "chat")
    assert (route.accounts, route.when) == (("telegram:bot", "slack:work"), None)
    assert "5ecre7" not in repr(settings)


def test_two_of_one_kind_are_named_in_order(tmp_path: Path) -> None:
    two = TELEGRAM + SLACK + SLACK.replace("work", "club")
    said = _refused(tmp_path, two)
    assert "there are several accounts for messages to chats: bot, club, work" in said
    assert "in [chat]" in said
    settings = _load(tmp_path, f'[chat]\nproviders = ["club", "bot", "work"]\n{two}')
    assert [account.name for account in accounts_of(settings, "chat")] == ["club", "bot", "work"]
    assert "did you mean `work`?" in _refused(tmp_path, f'[chat]\nprovider = "wrok"\n{SLACK}')
    assert "of a kind for messages to chats" in _refused(tmp_path, f'[chat]\nprovider = "nobody"\n{TELEGRAM}')


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('kind = "telegram"\ntoken = "5ecre7"', "`token`: expected the token of a bot"),
        (f'kind = "telegram"\ntoken = "{TELEGRAM_TOKEN}"\nchat = "a room"', "`chat`: expected the id of a chat"),
        ('kind = "slack"\nchannel = "C024BE91L"', "`channel` needs a `token`"),
        (f'kind = "slack"\ntoken = "{SLACK_TOKEN}"\nchannel = "#general"', "`channel`: expected the id of a channel"),
        (f'kind = "slack"\ntoken = "{SLACK_TOKEN}"\nchannel = "C024BE91L"\nurl = "{SLACK_HOOK}"', "not both"),
        (f'kind = "slack"\nurl = "{DISCORD_HOOK}"', "`url`: expected the address of an incoming webhook"),
        (f'kind = "discord"\nurl = "{SLACK_HOOK}"', "`url`: expected the address of a webhook"),
        ('kind = "discord"\ntoken = "5ecre7"', "`token`: expected the token of a bot"),
        (
            f'kind = "teams"\nurl = "{teams_url("x").replace("logic.azure.com", "evil.example")}"',
            "`url`: expected the addr",
        ),
        ('kind = "teams"\nurl = "https://a.webhook.office.com/5ecre7"', "Microsoft has retired"),
        ('kind = "teams"\nurll = "x"', "did you mean `url`?"),
        ('kind = "apprise"', "`url` is missing"),
        ('kind = "slak"', "did you mean `slack`?"),
    ],
)
def test_what_does_not_fit_is_told_and_no_secret_repeated(tmp_path: Path, table: str, says: str) -> None:
    assert says in _refused(tmp_path, f"[providers.room]\n{table}\n")
