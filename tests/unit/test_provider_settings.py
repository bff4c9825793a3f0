"""Accounts at providers in ``clarion.toml`` and in the environment: read whole, refused with reasons, never shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.project import build

from clarion.channels.kinds import find_kind, kinds
from clarion.config import Settings, effective, load_settings
from clarion.connections import accounts_of, carriers_of, mail_domains, rates_of
from clarion.errors import ConfigError

SID = "AC" + "0" * 32
TOKEN = "c0ffee" * 5 + "ab"
WHOLE = f'kind = "twilio"\naccount_sid = "{SID}"\nauth_token = "{TOKEN}"\nfrom = "+15017122661"\n'


def _load(folder: Path, toml: str = "", **environ: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, environ)


def _refused(folder: Path, toml: str = "", **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, toml, **environ)
    assert "c0ffee" not in caught.value.message
    return caught.value.message


def test_an_account_in_a_table(tmp_path: Path) -> None:
    settings = _load(
        tmp_path, f'public_url = "https://notify.example/"\n[sms]\nrate = "20/s"\n[providers.main]\n{WHOLE}'
    )
    (account,) = settings.providers
    assert account["base_url"] == "https://api.twilio.com"
    assert account["connections"] == "20"
    assert account.get("api_key") is None
    assert accounts_of(settings, "sms") == [account]
    assert settings.public_url == "https://notify.example"
    assert {name: str(rate) for name, rate in rates_of(settings).items()} == {"provider:twilio:main": "20/s"}
    assert carriers_of(settings)["sms"] == ["twilio:main"], "limits and pauses have one name"
    shown = {name: value for name, value, _ in effective(settings)}
    assert shown["providers"] == "main (twilio)"
    assert "c0ffee" not in f"{settings!r} {account!r} {shown!r}"


def test_without_an_account_there_is_none(tmp_path: Path) -> None:
    assert accounts_of(_load(tmp_path), "sms") == []
    assert rates_of(_load(tmp_path, '[sms]\nrate = "20/s"\n')) == {}, "what is not there is not limited"


def test_each_account_may_have_a_rate(tmp_path: Path) -> None:
    toml = f'[sms]\nprovider = "b"\n[providers.a]\nrate = "5/s burst 2"\n{WHOLE}[providers.b]\nrate = "7/s"\n{WHOLE}'
    limited = {"provider:twilio:a": "5/s burst 2", "provider:twilio:b": "7/s"}
    assert {name: str(rate) for name, rate in rates_of(_load(tmp_path, toml)).items()} == limited
    said = _refused(tmp_path, f'[providers.a]\nrate = "5"\n{WHOLE}')
    assert "a: `rate`: '5' is not a rate: did you mean 5/s?" in said
    assert "did you mean `rate`?" in _refused(tmp_path, f'[providers.a]\nrat = "5/s"\n{WHOLE}')
    twice = _refused(tmp_path, f'[sms]\nrate = "5/s"\n[providers.a]\nrate = "5/s"\n{WHOLE}')
    assert "the account a has a `rate` of its own beside that of [sms]" in twice


def test_several_accounts_have_a_limit_together(tmp_path: Path) -> None:
    """Between the queue and the choice among them."""
    table = f"[providers.a]\nrate = '5/s burst 2'\n{WHOLE}[providers.b]\n{{}}{WHOLE}"
    both = '[sms]\nproviders = ["a", "b"]\n{}'
    unbound = rates_of(_load(tmp_path, both.format("") + table.format("")))
    assert list(unbound) == ["provider:twilio:a"], "one of them takes any number"
    summed = rates_of(_load(tmp_path, both.format("") + table.format('rate = "7/s"\n')))
    assert str(summed["channel:sms"]) == "12/s burst 3"
    said = rates_of(_load(tmp_path, both.format('rate = "9/s"\n') + table.format('rate = "7/s"\n')))
    assert {name: str(rate) for name, rate in said.items()} == {
        **{"channel:sms": "9/s", "provider:twilio:a": "5/s burst 2", "provider:twilio:b": "7/s"}
    }


def test_secrets_may_be_in_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    table = WHOLE.replace(f'auth_token = "{TOKEN}"', f'auth_token_file = "{tmp_path}/token"')
    assert _load(tmp_path, f"[providers.main]\n{table}").providers[0]["auth_token"] == TOKEN


def test_json_of_the_environment(tmp_path: Path) -> None:
    table = {"main": {"kind": "twilio", "account_sid": SID, "auth_token": TOKEN, "from": "Shop", "connections": 5}}
    (account,) = _load(tmp_path, CLARION_PROVIDERS=json.dumps(table)).providers
    assert (account["from"], account["connections"]) == ("Shop", "5")


def test_one_of_several_is_named(tmp_path: Path) -> None:
    two = f"[providers.main]\n{WHOLE}[providers.spare]\n{WHOLE}"
    assert "there are several accounts for text messages: main, spare" in _refused(tmp_path, two)
    (named,) = accounts_of(_load(tmp_path, f'[sms]\nprovider = "spare"\n{two}'), "sms")
    assert named.label == "twilio:spare"
    assert "did you mean `spare`?" in _refused(tmp_path, f'[sms]\nprovider = "spar"\n{two}')
    assert "there is no table [providers.main]" in _refused(tmp_path, '[sms]\nprovider = "main"\n')


def test_every_fault_of_every_account_is_said_at_once(tmp_path: Path) -> None:
    said = _refused(tmp_path, '[providers.a]\nkind = "twilio"\nacount_sid = "x"\n[providers.b]\nkind = "twilo"\n')
    for part in (
        "a: unknown setting `acount_sid`; did you mean `account_sid`?",
        "a: `account_sid` is missing",
        "a: `auth_token` is missing",
        "a: `from` is missing",
        "b: there is no kind 'twilo'; did you mean `twilio`?",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("kind", "7"), "`kind` is missing"),
        (("account_sid", '"AC1"'), "expected AC and 32 of the digits"),
        (("account_sid", f'"{SID}\\n"'), "expected AC and 32 of the digits"),
        (("auth_token", '"c0ffee c0ffee c0ffee"'), "expected 16 to 128 letters and digits"),
        (("auth_token", '"c0ffeec0ffeec0ffee\\nX-Evil: 1"'), "it has a line break"),
        (("auth_token", f'"{"c0ffee" * 1_000}"'), "it is longer than"),
        (("auth_token", '""'), "it is empty"),
        (("auth_token", "[1]"), "expected text"),
        (("from", '"A name that is too long"'), "expected a number such as"),
        (("from", '"+0123"'), "expected a number such as"),
        (("from", '"Shop\\r\\nX"'), "expected a number such as"),
        (("base_url", '"http://api.twilio.com"'), "unencrypted"),
        (("base_url", '"https://u:p@api.twilio.com"'), "it has a user or a password"),
        (("base_url", '"https://api.twilio.com/2010"'), "without a path"),
        (("base_url", '"ftp://api.twilio.com"'), "is not https"),
        (("connections", "0"), "from 1 to 200"),
        (("connections", "true"), "expected text"),
        (("api_key", f'"SK{"0" * 32}"'), "give both `api_key` and `api_secret`"),
        (("auth_token_file", '"/nowhere"'), "give it, or `auth_token_file`, not both"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    key, value = change
    lines = [line for line in WHOLE.splitlines() if not line.startswith(f"{key} =")]
    assert says in _refused(tmp_path, "[providers.main]\n" + "\n".join([*lines, f"{key} = {value}"]))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"c0ffee" * 200_000, "is larger than 64 KiB"),
        (b"-----BEGIN PRIVATE KEY-----\nc0ffee\n-----END PRIVATE KEY-----\n", "it has a line break"),
        (b"\xff\xfe", "is not UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    table = WHOLE.replace(f'auth_token = "{TOKEN}"', f'auth_token_file = "{tmp_path}/token"')
    assert says in _refused(tmp_path, f"[providers.main]\n{table}")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    assert "expected JSON" in _refused(tmp_path, CLARION_PROVIDERS="twilio")
    assert "expected a table" in _refused(tmp_path, CLARION_PROVIDERS="[1]")
    assert "expected a table" in _refused(tmp_path, '[providers]\nmain = "twilio"\n')
    assert "it is named with" in _refused(tmp_path, f'[providers."a b"]\n{WHOLE}')


@pytest.mark.parametrize(
    "url",
    ["notify.example", "https://u:p@notify.example", "https://notify.example/?a=b", "ftp://a.example", "https://A b"],
)
def test_a_public_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    assert "expected an address such as" in _refused(tmp_path, f'public_url = "{url}"')


MAIL = f'kind = "mailgun"\ndomain = "mg.shop.example"\napi_key = "{TOKEN}"\nsigning_key = "{TOKEN}"\n'


POSTMARK = f'kind = "postmark"\nserver_token = "{TOKEN}"\nwebhook_password = "{TOKEN}"\n'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("server_token", '"short"'), "expected 16 to 128 letters and digits"),
        (("webhook_password", '"c0ffee:c0ffee:c0ffee"'), "expected 16 to 128 letters and digits"),
        (("stream", '"a/b"'), "expected the id of a message stream"),
        (("base_url", '"https://api.postmarkapp.com"'), "on this machine"),
    ],
)
def test_what_is_wrong_with_an_account_at_postmark_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    key, value = change
    lines = [line for line in POSTMARK.splitlines() if not line.startswith(f"{key} =")]
    assert says in _refused(tmp_path, "[providers.main]\n" + "\n".join([*lines, f"{key} = {value}"]))


RESEND = f'kind = "resend"\napi_key = "{TOKEN}"\nsigning_secret = "whsec_{"MDEy" * 8}"\n'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("signing_secret", '"c0ffeec0ffeec0ffeec0ffee"'), "expected whsec_ and base64"),
        (("signing_secret", '"whsec_MDEy"'), "expected whsec_ and base64"),
        (("signing_secret", '"whsec_!!!"'), "expected whsec_ and base64"),
        (("signing_secret", '""'), "it is empty"),
        (("base_url", '"https://api.resend.com"'), "on this machine"),
    ],
)
def test_what_is_wrong_with_an_account_at_resend_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    _load(tmp_path, f"[providers.main]\n{RESEND}")
    key, value = change
    lines = [line for line in RESEND.splitlines() if not line.startswith(f"{key} =")]
    assert says in _refused(tmp_path, "[providers.main]\n" + "\n".join([*lines, f"{key} = {value}"]))


SENDGRID = 'kind = "sendgrid"\napi_key = "SG.c0ffeec0ffeec0ffee"\nverification_key = "MFkw"\n'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("api_key", '"c0ffeec0ffeec0ffeec0ffee"'), "expected SG. and 66 letters"),
        (("verification_key", '"MFkw"'), "expected the verification key"),
        (("verification_key", '"!"'), "expected the verification key"),
        (("region", '"us"'), "expected global or eu"),
        (("callback_age", '"1s"'), "from 1m to 2d"),
        (("base_url", '"https://api.sendgrid.com"'), "on this machine"),
    ],
)
def test_what_is_wrong_with_an_account_at_sendgrid_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    key, value = change
    lines = [line for line in SENDGRID.splitlines() if not line.startswith(f"{key} =")]
    assert says in _refused(tmp_path, "[providers.main]\n" + "\n".join([*lines, f"{key} = {value}"]))


def test_mail_goes_by_smtp_unless_an_account_is_named(tmp_path: Path) -> None:
    table = f"[providers.main]\n{MAIL}"
    smtp = {"CLARION_SMTP_URL": "smtp://127.0.0.1:25"}
    (only,) = accounts_of(_load(tmp_path, table), "email")
    assert only.label == "mailgun:main"
    assert accounts_of(_load(tmp_path, table, **smtp), "email") == []
    named = _load(tmp_path, f'[email]\nprovider = "main"\n{table}', **smtp)
    assert accounts_of(named, "email") == [named.providers[0]]
    assert accounts_of(named, "sms") == []
    assert accounts_of(_load(tmp_path), "email") == []


def test_one_of_several_for_mail_is_named(tmp_path: Path) -> None:
    two = f"[providers.main]\n{MAIL}[providers.spare]\n{MAIL}"
    smtp = {"CLARION_SMTP_URL": "smtp://127.0.0.1:25"}
    assert "there are several accounts for mail: main, spare" in _refused(tmp_path, two)
    assert accounts_of(_load(tmp_path, two, **smtp), "email") == []
    assert "did you mean `spare`?" in _refused(tmp_path, f'[email]\nprovider = "spar"\n{two}', **smtp)
    # Of another channel it is none.
    assert "the account main is of kind `twilio`, which carries text messages, not mail" in _refused(
        tmp_path, f'[email]\nprovider = "main"\n[providers.main]\n{WHOLE}'
    )


def test_mail_may_be_from_the_domains_that_are_listed(tmp_path: Path) -> None:
    assert mail_domains(_load(tmp_path)) == frozenset()
    assert mail_domains(_load(tmp_path, '[email]\nfrom = "Shop <shop@shop.example>"\n')) == {"shop.example"}
    listed = '[email]\nfrom = "a@shop.example"\nfrom_domains = ["Shop.example", "exämple.de"]\n'
    assert mail_domains(_load(tmp_path, listed)) == {"shop.example", "xn--exmple-cua.de"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("domain", '"mg"'), "expected a domain in lower case"),
        (("domain", '"MG.shop.example"'), "expected a domain in lower case"),
        (("domain", '"shop.example/../other"'), "expected a domain in lower case"),
        (("domain", '"shop.example\\r\\nX"'), "expected a domain in lower case"),
        (("api_key", '"c0ffee c0ffee c0ffee"'), "expected 16 to 128 letters and digits"),
        (("signing_key", '"c0ffeec0ffeec0ffee\\nX-Evil: 1"'), "it has a line break"),
        (("region", '"mars"'), "expected us or eu"),
        (("base_url", '"https://api.mailgun.net"'), "on this machine"),
        (("base_url", '"http://10.0.0.1"'), "on this machine"),
        (("base_url", '"http://127.0.0.1:8025/v3"'), "without a path"),
        (("callback_age", '"49h"'), "from 1m to 2d"),
        (("callback_age", '"long"'), "callback_age"),
        (("connections", "201"), "from 1 to 200"),
        (("from", '"Shop"'), "unknown setting `from`"),
    ],
)
def test_what_is_wrong_with_an_account_for_mail_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    key, value = change
    lines = [line for line in MAIL.splitlines() if not line.startswith(f"{key} =")]
    assert says in _refused(tmp_path, "[providers.main]\n" + "\n".join([*lines, f"{key} = {value}"]))


def _package(folder: Path, module: str, value: str) -> None:
    """A package that offers a kind of provider, as an installed one would."""
    (folder / "carrier.py").write_text(module)
    info = folder / "carrier-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[clarion.providers]\ncarrier = {value}\n")


CARRIER = """
from clarion.channels.account import Kind, Option
KIND = Kind(
    name="{name}", channel="sms", says="a carrier", options=(Option(key="number", says="ours", required=True),),
    open=lambda account: None,
)
"""


def test_another_package_may_offer_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, CARRIER.format(name="carrier"), "carrier:KIND")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "carrier", raising=False)
    (account,) = _load(tmp_path, '[providers.main]\nkind = "carrier"\nnumber = "7"\n').providers
    assert str(account) == "main (carrier)"
    assert {"carrier", "twilio"} <= set(kinds())
    assert find_kind("twilio") is kinds()["twilio"]


@pytest.mark.parametrize(
    ("module", "value", "says"),
    [
        ("KIND = 7", "carrier:KIND", "is not a kind of provider"),
        (CARRIER.format(name="twilio"), "carrier:KIND", "calls itself 'twilio'"),
        ("import no_such_module_here", "carrier:KIND", "cannot be loaded"),
    ],
)
def test_a_package_that_offers_nonsense_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, value: str, says: str
) -> None:
    _package(tmp_path, module, value)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "carrier", raising=False)
    with pytest.raises(ConfigError, match=says):
        kinds()
    assert "carrier:KIND" in _refused(tmp_path, '[providers.main]\nkind = "other"\n')
    assert find_kind("twilio") is not None


def _service_account(**change: object) -> str:
    pem = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    whole = {
        "type": "service_account",
        "project_id": "shop-1",
        "private_key_id": "0" * 40,
        "private_key": pem.decode(),
        "client_email": "c0ffee@shop-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps({key: value for key, value in {**whole, **change}.items() if value is not None})


def test_an_account_at_fcm_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(_service_account())
    table = f'[providers.phones]\nkind = "fcm"\nservice_account_file = "{tmp_path}/key.json"\n'
    settings = _load(tmp_path, f'{table}[push]\nrate = "100/s"\n')
    (account,) = accounts_of(settings, "push")
    assert (account.label, account["base_url"]) == ("fcm:phones", "https://fcm.googleapis.com")
    assert list(rates_of(settings)) == ["provider:fcm:phones"]
    assert accounts_of(settings, "sms") == []
    assert "PRIVATE" not in f"{settings!r} {account!r} {effective(settings)!r}"
    two = table + table.replace("phones", "spare")
    assert "there are several accounts for push messages: phones, spare" in _refused(tmp_path, two)
    assert "there is no table [providers.main]" in _refused(tmp_path, f'[push]\nprovider = "main"\n{table}')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "authorized_user"}, "its `type` is not `service_account`"),
        ({"project_id": None}, "its `project_id` is missing"),
        ({"project_id": "../x"}, "its `project_id` is none"),
        ({"client_email": "x"}, "its `client_email` is none"),
        ({"private_key": "c0ffee"}, "its `private_key` is no key"),
        ({"private_key": 7}, "its `private_key` is missing"),
        ({"token_uri": "http://oauth2.googleapis.com/token"}, "its `token_uri` is not https://"),
        ({"token_uri": "ftp://oauth2.googleapis.com/token"}, "is not https"),
        ({"padding": "c0ffee" * 4_000}, "longer than 16 KiB"),
    ],
)
def test_what_is_wrong_with_a_key_of_google_is_said(tmp_path: Path, change: dict[str, object], says: str) -> None:
    table = {"phones": {"kind": "fcm", "service_account": _service_account(**change)}}
    assert says in _refused(tmp_path, CLARION_PROVIDERS=json.dumps(table))


def test_a_short_key_and_one_of_another_kind_are_refused(tmp_path: Path) -> None:
    for key in (
        rsa.generate_private_key(public_exponent=65_537, key_size=1_024),
        ec.generate_private_key(ec.SECP256R1()),
    ):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        table = {"phones": {"kind": "fcm", "service_account": _service_account(private_key=pem)}}
        assert "not of RSA with 2048 bits or more" in _refused(tmp_path, CLARION_PROVIDERS=json.dumps(table))
    assert "expected the JSON of a service account's key" in _refused(
        tmp_path, '[providers.phones]\nkind = "fcm"\nservice_account = "c0ffee"\n'
    )
