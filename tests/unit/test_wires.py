"""What would cross a network in the clear, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clarion import wires
from clarion.config import load_settings
from clarion.errors import ConfigError
from clarion.wires import in_the_clear, refuse


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names lead to, instead of what the machine's own look-up says."""
    known: dict[str, list[str]] = {}
    monkeypatch.setattr(wires, "_addresses", lambda name: known.get(name, []))
    return known


def _named(environ: dict[str, str], postgres: dict[str, str] | None = None) -> list[str]:
    settings = load_settings({}, {f"CLARION_{name.upper()}": value for name, value in environ.items()})
    return [one.setting for one in in_the_clear(settings, postgres or {})]


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("postgresql://u:p@db.example/x", True),
        ("postgresql://u:p@db.example/x?sslmode=disable", True),
        ("postgresql://u:p@db.example/x?sslmode=allow", True),
        ("postgresql://u:p@db.example/x?sslmode=prefer", True),
        ("postgresql://u:p@db.example/x?sslmode=REQUIRE", True),
        ("postgresql://u:p@db.example/x?sslmode=require&sslmode=disable", True),
        ("postgresql://u:p@db.example/x?sslmode=require", False),
        ("postgresql://u:p@db.example/x?sslmode=verify-ca", False),
        ("postgresql://u:p@10.0.0.5:5433/x?sslmode=verify_full", False),
        ("postgresql://u:p@10.0.0.5/x", True),
        ("postgresql://u:p@[2001:db8::1]:5432/x", True),
        ("postgresql://u:p@[::1]:5432/x", False),
        ("postgresql://u:p@127.0.0.1:5433/x", False),
        ("postgresql://u@LOCALHOST/x", False),
        ("postgresql://u:p@localhost.example/x", True),
        ("postgresql://u:p@localhost,db.example/x", True),
        ("postgresql://u:p@db.example,me@localhost/x", True),
        ("postgresql://u@/x?host=/run/postgresql", False),
        ("postgresql://u@%2Frun%2Fpostgresql/x", False),
        ("postgresql://u@/x?host=db.example", True),
        ("postgresql://u@/x?host=127.0.0.1,db.example:5433", True),
        ("postgresql://u@localhost/x?host=db.example", False),  # the address itself comes first
        ("postgresql:///x?service=main", True),
        ("postgresql:///x?service=main&sslmode=require", False),
        ("postgresql:///x", False),
        ("postgresql://u@:5433/x", False),
        ("postgresql://u:p@db%2Eexample/x", True),
    ],
)
def test_a_database(url: str, clear: bool) -> None:
    assert _named({"database_url": url}) == (["database_url"] if clear else [])


def test_a_name_that_leads_to_this_machine_alone_is_this_machine(names: dict[str, list[str]]) -> None:
    names |= {"db.local": ["127.0.0.1", "::1"], "mixed.local": ["127.0.0.1", "10.0.0.1"], "far.local": ["10.0.0.1"]}
    for host, clear in {"db.local": False, "mixed.local": True, "far.local": True, "nobody.local": True}.items():
        for setting, url in {
            "database_url": "postgresql://u@{}/x",
            "redis_url": "redis://{}",
            "smtp_url": "smtp://{}?starttls=never",
        }.items():
            assert _named({setting: url.format(host)}) == ([setting] if clear else []), (host, setting)
    (both,) = in_the_clear(load_settings({}, {"CLARION_DATABASE_URL": "postgresql://u@db.local,far.local/x"}), {})
    assert "far.local" in both.says and "db.local" not in both.says


def test_nobody_is_asked_for_a_name_where_all_is_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "_addresses", lambda name: pytest.fail(f"asked for {name}"))
    assert _named({"database_url": "postgresql://u@db.example/x?sslmode=require", "redis_url": "rediss://x"}) == []


def test_names_are_looked_up_by_the_system() -> None:
    assert wires.is_here("localhost") and not wires.is_here("no.such.name.invalid")


def test_what_postgresql_reads_from_the_environment_counts() -> None:
    bare, far = {"database_url": "postgresql:///x"}, {"database_url": "postgresql://u@db.example/x"}
    assert _named(bare, {"PGHOST": "db.example"}) == ["database_url"]
    assert _named(bare, {"PGHOST": "/tmp"}) == []
    assert _named(bare, {"PGHOST": "db.example", "PGSSLMODE": "require"}) == []
    assert _named(far, {"PGSSLMODE": "verify-full"}) == []
    assert _named({"database_url": "postgresql://u@db.example/x?sslmode=prefer"}, {"PGSSLMODE": "require"}) != []


@pytest.mark.parametrize(
    ("setting", "url", "clear"),
    [
        ("amqp_url", "amqp://a:b@mq.example", True),
        ("amqp_url", "amqps://a:b@mq.example", False),
        ("amqp_url", "amqp://a:b@localhost:5672/x", False),
        ("nats_url", "nats://n.example", True),
        ("nats_url", "ws://n.example", True),
        ("nats_url", "wss://n.example", False),
        ("nats_url", "tls://n1.example,tls://n2.example", False),
        ("nats_url", "tls://n1.example,nats://n2.example", True),
        ("nats_url", "nats://127.0.0.1:4222,nats://[::1]:4223", False),
        ("redis_url", "redis://:p@r.example/0", True),
        ("redis_url", "rediss://:p@r.example/0", False),
        ("redis_url", "redis://127.8.9.1", False),
        ("smtp_url", "smtp://u:p@mail.example", False),  # STARTTLS is required unless said
        ("smtp_url", "smtp://u:p@mail.example?starttls=required", False),
        ("smtp_url", "smtps://u:p@mail.example", False),
        ("smtp_url", "smtp://mail.example?starttls=if-offered", True),
        ("smtp_url", "smtp://u:p@mail.example?starttls=if-offered", True),
        ("smtp_url", "smtp://mail.example?starttls=never", True),
        ("smtp_url", "smtp://127.0.0.1:25?starttls=never", False),
    ],
)
def test_a_broker_or_a_mail_server(setting: str, url: str, clear: bool) -> None:
    assert _named({setting: url}) == ([setting] if clear else [])


def test_a_mailbox_on_another_machine_is_never_in_the_clear() -> None:
    mail = {"email_bounce_address": "b@mail.example", "bounces_imap_url": "imap://u:p@imap.example"}
    assert _named(mail) == []


FAR = {
    "CLARION_DATABASE_URL": "postgresql://me:hidden@db.example/x?sslmode=disable",
    "CLARION_AMQP_URL": "amqp://me:hidden@mq.example",
    "CLARION_NATS_URL": "nats://me:hidden@n1.example,nats://me:hidden@n2.example,tls://n3.example",
    "CLARION_BROKERS": "orders=redis://:hidden@r.example news=rediss://:hidden@s.example",
    "CLARION_PROVIDERS": json.dumps({"relay": {"kind": "smtp", "url": "smtp://relay.example?starttls=never"}}),
}


def test_all_are_named_at_once_with_the_ways_out_and_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse(load_settings({"project": tmp_path}, FAR))
    head, *lines, way_out = caught.value.message.split("\n")
    settings = ("database_url", "providers.relay.url", "amqp_url", "nats_url", "brokers.orders")
    assert tuple(line.strip().partition(":")[0] for line in lines) == settings
    assert "in the clear" in head and "insecure = true" in way_out and "CLARION_INSECURE=true" in way_out
    encrypt = ("?sslmode=verify-full", "starttls=required", "amqps://", "tls://", "rediss://")
    for line, how in zip(lines, encrypt, strict=True):
        assert how in line.rpartition("; ")[2], line
    assert "n1.example, n2.example crosses" in lines[3]
    assert "hidden" not in caught.value.message
    with pytest.raises(ConfigError, match=r"^[^\n]*\n  database_url: [^\n]*\n[^\n]*$"):
        refuse(load_settings({"project": tmp_path}, FAR), only="database_url")


def test_insecure_allows_them(tmp_path: Path) -> None:
    refuse(load_settings({"project": tmp_path, "insecure": True}, FAR))
    refuse(load_settings({"project": tmp_path}, FAR | {"CLARION_INSECURE": "true"}))
    (tmp_path / "clarion.toml").write_text("insecure = true\n")
    refuse(load_settings({"project": tmp_path}, FAR))
