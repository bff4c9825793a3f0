"""What is said of accounts that have mistakes: each where it is, none hidden, and nothing that is not so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.project import build

from clarion.cli.checkup.providers import told_where
from clarion.config import Settings, load_settings
from clarion.errors import ConfigError

WHOLE = f'kind = "twilio"\naccount_sid = "AC{"0" * 32}"\nauth_token = "{"c0ffee" * 5}ab"\nfrom = "+15017122661"\n'


def _load(folder: Path, toml: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, {})


def _refused(folder: Path, toml: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, toml)
    return caught.value.message


def test_each_fault_has_its_line_and_hides_no_other(tmp_path: Path) -> None:
    said = _refused(
        tmp_path,
        f'[providers.main]\n{WHOLE}connections = 900\nrate = "5"\n\n[providers.mail]\nkind = "postmark"\nstreem = "x"\n'
        '[sms]\nprovider = "main"\n[email]\nprovider = "main"\n[provider.x]\nkind = "ses"\n',
    ).splitlines()
    assert [line.partition(" ")[0] for line in said] == [
        *("clarion.toml:6:", "clarion.toml:7:", "clarion.toml:11:", "clarion.toml:9:", "clarion.toml:9:"),
        "clarion.toml:16:",
    ], said
    assert said[-1].endswith("unknown setting `provider`; did you mean `providers`?")
    assert not any("there is no table" in line for line in said), "it is there, and what is wrong with it was told"


def test_a_provider_elsewhere_cannot_call_this_machine(tmp_path: Path) -> None:
    (far,) = _load(tmp_path, f"[providers.main]\n{WHOLE}").providers
    near = replace(far, values={**far.values, "base_url": "http://127.0.0.1:8025"})
    found = told_where("sms", far, "http://127.0.0.1:8000")
    assert (found.level, "reached from the internet" in (found.how or "")) == ("warn", True)
    for account, public_url in ((far, "https://notify.example"), (near, "http://localhost:8000")):
        assert told_where("sms", account, public_url).level == "ok"


def test_an_account_of_another_kind_is_not_said_to_be_missing(tmp_path: Path) -> None:
    said = _refused(tmp_path, f'[email]\nprovider = "main"\n[providers.main]\n{WHOLE}')
    assert "the account main is of kind `twilio`, which carries text messages, not mail" in said
    said = _refused(tmp_path, f'[providers.main]\n{WHOLE}[[routes.email]]\nproviders = ["main"]\n')
    assert "clarion.toml:6: routes.email: the account main is of kind `twilio`" in said
