"""Signatures by DKIM, as another implementation judges them, and keys among the settings."""

from __future__ import annotations

import json
import stat
import uuid
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st
from tests.support.command import clarion
from tests.support.dkim import a_key, a_signer, both, verified
from tests.support.project import build

from clarion.channels.base import Email
from clarion.channels.email.dkim import SEALED, relaxed_body
from clarion.channels.email.dkim_key import DkimKey, new_private_key, read_private_key
from clarion.channels.email.letters import Letters
from clarion.channels.email.mime import Letter
from clarion.config import Settings, effective, load_settings
from clarion.connections import signer_of
from clarion.domain.content import EmailContent
from clarion.errors import ConfigError

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
#: What lines, blanks and scripts do to a body, and to a header that is folded and encoded.
WORDS = st.text(st.sampled_from("a b\t\r\n.=é日\u00a0🎉"), max_size=60)
LINES = st.text(st.sampled_from("ab =?é日-_"), max_size=120)


def signed(mail: Email, *, domain: str = "example.com", rewritten: frozenset[bytes] = frozenset()) -> bytes:
    signer = a_signer(domain)
    letters = Letters(from_domains=frozenset({"*"}), max_size=10**7, signer=signer, now=lambda: NOW)
    letter = letters.compose(mail, eight_bit=True)
    assert isinstance(letter, Letter)
    assert not letter.eight_bit
    return signer.sign(letter.data, letter.keys, at=int(NOW.timestamp()), rewritten=rewritten)


def a_mail(
    subject: str = "Your order", text: str = "Hello.\r\n", html: str | None = "<p>Hello.</p>", **more: object
) -> Email:
    values = {
        "message_id": uuid.uuid4(),
        "to": "ada@example.net",
        "to_name": "Ada",
        "sender": "Shop <shop@example.com>",
    }
    values["content"] = EmailContent(subject, html, text)
    return Email(**{**values, **more})  # type: ignore[arg-type]


@given(subject=LINES.map(str.strip), text=WORDS, html=st.none() | WORDS, extra=LINES.map(str.strip))
def test_what_is_signed_is_verified_by_another(subject: str, text: str, html: str | None, extra: str) -> None:
    data = signed(
        a_mail(subject, text, html, headers=(("X-Order", extra), ("List-Unsubscribe", "<https://x.example>")))
    )
    assert data.isascii()
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert verified(data, both()) == [True, True]


@given(st.binary().map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"\r\n")) | WORDS.map(str.encode))
def test_a_body_is_relaxed_as_another_does_it(body: bytes) -> None:
    body = b"\r\n".join(body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")) + b"\r\n"
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


def test_every_field_of_ours_is_signed_and_those_that_count_are_sealed() -> None:
    headers = (("List-Unsubscribe", "<https://x.example/u>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    data = signed(a_mail(headers=headers))
    tags = {
        part.strip().partition("=")[0]: "".join(part.partition("=")[2].split())
        for part in data.partition(b"\r\nDKIM-Signature")[0].decode().partition(":")[2].split(";")
    }
    assert (tags["a"], tags["d"], tags["c"], tags["t"]) == (
        "rsa-sha256",
        "example.com",
        "relaxed/relaxed",
        str(int(NOW.timestamp())),
    )
    names = tags["h"].split(":")
    written = [
        line.partition(":")[0].lower()
        for line in data.rpartition(b"DKIM-Signature")[2].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        if not line.startswith(" ")
    ]
    assert {"list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "from", "to", "subject"} <= set(written)
    sealed = [name.decode() for name in SEALED]
    assert sorted(names) == sorted([*written, *sealed])


@pytest.mark.parametrize(
    "field", ["From: Eve <eve@example.org>", "Subject: Pay here", "Reply-To: eve@example.org", "Cc: a@b.example"]
)
def test_a_field_that_is_added_breaks_both(field: str) -> None:
    data = signed(a_mail())
    head, _, rest = data.rpartition(b"\r\nFrom: ")
    assert verified(head + b"\r\n" + field.encode() + b"\r\nFrom: " + rest, both()) == [False, False]
    assert (
        verified(data.replace(b"MIME-Version: 1.0", field.encode() + b"\r\nMIME-Version: 1.0"), both()) == [False] * 2
    )


def test_a_body_that_is_changed_or_added_to_breaks_both() -> None:
    data = signed(a_mail())
    assert verified(data.replace(b"<p>Hello", b"<p>Hallo"), both()) == [False, False]
    assert verified(data + b"more\r\n", both()) == [False, False]
    assert verified(data + b"\r\n\r\n", both()) == [True, True]  # what relays may do


def test_what_a_provider_writes_anew_is_not_signed() -> None:
    data = signed(a_mail(), rewritten=frozenset({b"date", b"message-id"}))
    changed = data.replace(b"Message-ID: <msg_", b"Message-ID: <their_").replace(b"Date: Wed", b"Date: Thu")
    assert changed != data
    assert verified(changed, both()) == [True, True]


def test_a_domain_without_keys_has_those_of_the_one_above_it_or_is_not_signed() -> None:
    assert verified(signed(a_mail(sender="shop@news.example.com")), both()) == [True, True]
    for sender in ("shop@example.org", "shop@notexample.com"):
        letters = Letters(from_domains=frozenset({"*"}), max_size=10**6, signer=a_signer())
        letter = letters.compose(a_mail(sender=sender, text="Grüße"), eight_bit=True)
        assert isinstance(letter, Letter)
        assert letter.eight_bit
        assert not letter.keys


async def test_a_key_is_made_named_and_signs(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"{kind}.pem" for kind in ("rsa", "ed")}
    made = [
        await clarion("dkim", "create", "Shop.Example", files["rsa"], "--json"),
        await clarion("dkim", "create", "shop.example", files["ed"], "--ed25519", "--selector", "new1", "--json"),
    ]
    assert [one.code for one in made] == [0, 0]
    assert [one.json["name"] for one in made] == ["clarion1._domainkey.shop.example", "new1._domainkey.shop.example"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files.values())
    again = await clarion("dkim", "create", "shop.example", files["rsa"])
    assert (again.code, "exists" in again.err) == (2, True)
    toml = f"""
[email]
from = "Shop <orders@news.shop.example>"
[email.dkim."shop.example"]
selector = "clarion1"
key_file = "{files["rsa"]}"
ed25519_selector = "new1"
ed25519_key_file = "{files["ed"]}"
"""
    settings = load_settings({"project": build(tmp_path / "project", {"clarion.toml": toml})}, {})
    shown = {name: value for name, value, _ in effective(settings)}
    assert shown["email.dkim"] == "shop.example = clarion1 (RSA 2048), new1 (Ed25519)"
    assert "PRIVATE" not in repr(settings)
    told = await clarion("dkim", "records", "--project", tmp_path / "project", "--json")
    assert [line["value"] for line in told.lines] == [one.json["value"] for one in made]
    signer = signer_of(settings)
    assert signer is not None
    keys = signer.keys_for("news.shop.example")
    letters = Letters(from_domains=frozenset({"*"}), max_size=10**6, signer=signer)
    letter = letters.compose(a_mail(sender="orders@news.shop.example"), eight_bit=True)
    assert isinstance(letter, Letter)
    assert verified((await letters.sealed(letter)).data, keys) == [True, True]
    strings = made[0].json["zone"].split('"')[1::2]
    assert "".join(strings) == made[0].json["value"]
    assert all(len(string) <= 255 for string in strings)


@cache
def _pem() -> bytes:
    return new_private_key()[1]


def _locked(form: PrivateFormat) -> bytes:
    return read_private_key(_pem()).private_bytes(Encoding.PEM, form, BestAvailableEncryption("für Elise".encode()))


def test_a_key_may_be_locked(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("für Elise\n")
    for name, form in (("new", PrivateFormat.PKCS8), ("old", PrivateFormat.TraditionalOpenSSL)):
        (tmp_path / name).write_bytes(_locked(form))
    toml = '[email]\nfrom = "a@shop.example"\n'
    tables = (
        {"selector": "one", "key_file": f"{tmp_path}/new", "passphrase_file": f"{tmp_path}/phrase"},
        {"selector": "one", "key_file": f"{tmp_path}/old", "passphrase": "für Elise"},
    )
    for number, table in enumerate(tables):
        settings = _load(tmp_path / f"p{number}", toml, CLARION_EMAIL_DKIM=json.dumps({"shop.example": table}))
        (key,) = settings.email.dkim["shop.example"]
        assert key.record() == DkimKey(domain="shop.example", selector="one", key=read_private_key(_pem())).record()
        assert "Elise" not in repr(settings)


def _load(folder: Path, toml: str, **environ: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, environ)


def test_a_domain_may_stand_without_quotes_and_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(_pem())
    table = {"selector": "one", "key_file": str(tmp_path / "key.pem")}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    named = '[email]\nfrom = "a@shop.example"\n'
    for found in (
        _load(tmp_path / "a", f"{named}[email.dkim.shop.example]\n{lines}\n"),
        _load(tmp_path / "b", named, CLARION_EMAIL_DKIM=json.dumps({"shop.example": table})),
    ):
        assert [str(key) for key in found.email.dkim["shop.example"]] == ["one (RSA 2048)"]
    assert signer_of(Settings()) is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('selector = "one"', "`key_file` is missing"),
        ('key_file = "{key}"', "`selector` is missing"),
        ('selector = "o ne"\nkey_file = "{key}"', "a selector is up to 63"),
        ('selector = "one"\nkey_file = "nowhere.pem"', "cannot be read: No such file"),
        ('selector = "one"\nkey_file = "{text}"', "no private key in PEM"),
        ('selector = "one"\nkey_file = "{curve}"', "neither RSA nor Ed25519"),
        ('selector = "one"\nkey_file = "{ed}"', "is Ed25519: name it as `ed25519_key_file`"),
        ('ed25519_selector = "one"\ned25519_key_file = "{key}"', "is RSA: name it as `key_file`"),
        ('selector = "one"\nkey_file = "{key}"\ned25519_selector = "one"\ned25519_key_file = "{ed}"', "same selector"),
        ('selector = "one"\nkey_file = "{locked}"', "the key is locked: give its `passphrase`, or `passphrase_file`"),
        ('selector = "one"\nkey_file = "{locked}"\npassphrase = "MIstaken"', "the passphrase does not open the key"),
        ('selector = "one"\nkey_file = "{old}"\npassphrase = "MIstaken"', "the passphrase does not open the key"),
        ('selector = "one"\nkey_file = "{locked}"\npassphrase = ""', "`passphrase` is no text, or empty"),
        ('selector = "one"\nkey_file = "{locked}"\npassphrase_file = "no"', "`passphrase_file`: the file 'no' cannot"),
        ('selector = "one"\nkey_file = "{locked}"\npassphrase = "x"\npassphrase_file = "x"', "only one of the two"),
        ('selector = "one"\nkey_file = "{key}"\npassphrase = "x"', "the key is not locked: leave it out"),
        ('selector = "one"\nkey_file = "{text}"\npassphrase = "x"', "no private key in PEM"),
        ('ed25519_passphrase = "x"', "`ed25519_passphrase` is of no use without `ed25519_key_file`"),
        ('selector = "one"\nkey_fil = "{key}"', "unknown setting `key_fil`; did you mean `key_file`?"),
        ("", "expected a table with `selector` and `key_file`"),
    ],
)
def test_what_is_wrong_with_a_key_is_told(tmp_path: Path, lines: str, says: str) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pems = {"key": _pem(), "ed": new_private_key(ed25519_=True)[1], "text": b"hello", "curve": curve}
    pems |= {"locked": _locked(PrivateFormat.PKCS8), "old": _locked(PrivateFormat.TraditionalOpenSSL)}
    for name, pem in pems.items():
        (tmp_path / name).write_bytes(pem)
    lines = lines.format(**{name: tmp_path / name for name in pems})
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path / "p", f'[email]\nfrom = "a@shop.example"\n[email.dkim."shop.example"]\n{lines}\n')
    assert says in caught.value.message
    assert "clarion.toml:3: `email.dkim`: shop.example: " in caught.value.message
    assert "MI" not in caught.value.message


def test_a_key_of_a_domain_that_no_mail_is_from_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(_pem())
    table = f'[email.dkim."shp.example"]\nselector = "s"\nkey_file = "{tmp_path}/key.pem"\n'
    with pytest.raises(ConfigError, match=r"clarion.toml:3: email.dkim.shp.example: no mail may be from shp.example"):
        _load(tmp_path / "p", f'[email]\nfrom = "a@shop.example"\n{table}')


def test_a_key_does_not_show_itself() -> None:
    key = a_key()
    assert repr(key) == "DkimKey(domain='example.com', selector='clarion1')"
    assert isinstance(key, DkimKey)
