"""What `clarion doctor` says of addresses that are spoken to in the clear."""

from __future__ import annotations

import pytest

from clarion.cli.checkup.wires import check_wires
from clarion.config import load_settings
from clarion.wires import WAY_OUT, in_the_clear


def found(**settings: str) -> list[tuple[str, str]]:
    environ = {f"CLARION_{name.upper()}": value for name, value in settings.items()}
    return [(one.what, one.level.value) for one in check_wires(load_settings({}, environ))]


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("postgresql://clarion:secret@db.example/clarion", "fail"),
        ("postgresql://clarion:secret@db.example/clarion?sslmode=disable", "fail"),
        ("postgresql://clarion:secret@db.example/clarion?sslmode=require", "warn"),
        ("postgresql://clarion:secret@10.0.0.5/clarion?sslmode=verify-full", "ok"),
        ("postgresql://clarion@localhost/clarion", None),
        ("postgresql://clarion@127.0.0.1:5433/clarion", None),
        ("postgresql://clarion@/clarion?host=/run/postgresql", None),
        ("postgresql://clarion@/clarion?host=db.example", "fail"),
    ],
)
def test_a_database_elsewhere_is_verified(url: str, level: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    what = "encryption of database_url"
    assert found(database_url=url) == ([(what, level)] if level else [])
    if level in ("warn", "fail"):
        (finding,) = check_wires(load_settings({}, {"CLARION_DATABASE_URL": url}))
        assert "secret" not in finding.says
        assert found(database_url=url, insecure="true") == [(what, "warn")]
        monkeypatch.setenv("PGSSLMODE", "verify-full")
        assert ("sslmode" in url) == (found(database_url=url) != [(what, "ok")])


def test_brokers_and_mail_servers_elsewhere_are_encrypted() -> None:
    assert found(amqp_url="amqp://a:b@mq.example", redis_url="rediss://r.example", nats_url="nats://127.0.0.1") == [
        ("encryption of amqp_url", "fail")
    ]
    assert found(nats_url="tls://n1.example,nats://n2.example") == [("encryption of nats_url", "fail")]
    assert found(smtp_url="smtp://m.example?starttls=never", insecure="true") == [("encryption of smtp_url", "warn")]
    assert found(smtp_url="smtp://m.example") == []


def test_the_words_are_those_of_the_refusal() -> None:
    settings = load_settings({}, {"CLARION_AMQP_URL": "amqp://a:b@mq.example"})
    (finding,) = check_wires(settings)
    (clear,) = in_the_clear(settings)
    assert finding.says == f"{clear.says}, so Clarion does not start"
    assert finding.how == f"{clear.how}; or, {WAY_OUT}"
