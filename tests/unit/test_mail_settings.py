"""SMTP servers as accounts, and rates of domains, in ``clarion.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.project import build

from clarion.channels.email.smtp_account import smtp_of
from clarion.config import Settings, effective, load_settings
from clarion.connections import accounts_of, rates_of
from clarion.errors import ConfigError


def _load(folder: Path, toml: str = "", **environ: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, environ)


def _refused(folder: Path, toml: str = "", **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, toml, **environ)
    assert "c0ffee" not in caught.value.message
    return caught.value.message


def test_an_smtp_server_as_an_account(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("c0ffee/pass@word\n")
    given = f'kind = "smtp"\nurl = "smtps://shop@mail.example:4650?connections=3"\npassword_file = "{password}"\n'
    settings = _load(tmp_path, f'[providers.post]\n{given}rate = "5/s"\n')
    (account,) = accounts_of(settings, "email")
    assert account.label == "smtp:post"
    smtp = smtp_of(account)
    assert (smtp.host, smtp.port, smtp.user, smtp.password) == ("mail.example", 4650, "shop", "c0ffee/pass@word")
    assert smtp.connections == 3
    assert [str(rate) for rate in rates_of(settings).values()] == ["5/s"]
    assert "c0ffee" not in repr(settings) + repr(effective(settings))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ('url = "http://mail.example"', "an SMTP URL looks like"),
        ('url = "smtp://mail.example?conections=3"', "did you mean 'connections'"),
        ('url = "smtp://shop@mail.example"', "`password` is missing"),
        ('url = "smtp://mail.example"\npassword = "c0ffee"', "no user in `url`"),
        ('url = "smtp://shop:c0ffee@mail.example"\npassword = "c0ffee"', "given twice"),
        ('url = "smtp://shop:c0ffee@mail.example?starttls=never"', "unencrypted"),
        ('url = "smtp://[::1"', "no address of a server"),
        ('url = "smtp://mail.example\\r\\nQUIT"', "control character"),
        ("", "`url` is missing"),
    ],
)
def test_what_is_wrong_with_an_smtp_server_as_an_account_is_said(tmp_path: Path, given: str, says: str) -> None:
    assert says in _refused(tmp_path, f'[providers.main]\nkind = "smtp"\n{given}\n')


def test_rates_of_domains(tmp_path: Path) -> None:
    settings = _load(
        tmp_path, '[email.domains."Gmail.example"]\nrate = "20/s"\n[email.domains."exämple.de"]\nrate = "5/s"\n'
    )
    found = {name: str(rate) for name, rate in rates_of(settings).items()}
    assert found == {"domain:gmail.example": "20/s", "domain:xn--exmple-cua.de": "5/s"}
    environ = _load(tmp_path, CLARION_EMAIL_DOMAINS="gmail.example=1/s, b.example=2/s")
    assert sorted(rates_of(environ)) == ["domain:b.example", "domain:gmail.example"]


def test_how_many_mails_at_once_go_to_a_domain(tmp_path: Path) -> None:
    settings = _load(
        tmp_path, '[email.domains."b.example"]\nrate = "5/s"\nat_once = 3\n[email.domains."c.example"]\nat_once = 1\n'
    )
    assert {name: one.at_once for name, one in settings.email.domains.items()} == {"b.example": 3, "c.example": 1}
    assert sorted(rates_of(settings)) == ["domain:b.example"]
    shown = {name: value for name, value, _ in effective(settings)}["email.domains"]
    assert "5/s and 3 at once" in shown
    environ = _load(tmp_path, CLARION_EMAIL_DOMAINS='{"c.example": {"at_once": 2}}')
    assert environ.email.domains["c.example"].at_once == 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ('[email.domains."gmail.example"]\nrates = "20/s"', "did you mean `rate`"),
        ('[email.domains."gmail.example"]', "`rate` is missing"),
        ('[email.domains."gmail.example"]\nat_once = 0', "from 1 to 1000"),
        ('[email.domains."gmail.example"]\nat_once = true', "from 1 to 1000"),
        ('[email.domains."gmail.example"]\nrate = "20"', "did you mean 20/s"),
        ('[email.domains."a@b.example"]\nrate = "20/s"', "not a domain"),
        ('[email.domains.localhost]\nrate = "20/s"', "not a domain"),
        ('[email.domains."a.example"]\nrate = "2/s"\n[email.domains."A.example"]\nrate = "2/s"', "it is there twice"),
    ],
)
def test_what_is_wrong_with_the_rate_of_a_domain_is_said(tmp_path: Path, given: str, says: str) -> None:
    assert says in _refused(tmp_path, given + "\n")
