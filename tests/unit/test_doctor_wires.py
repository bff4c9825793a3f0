"""What `clarion doctor` says of addresses that are spoken to in the clear."""

from __future__ import annotations

import pytest

from clarion.cli.checkup.wires import check_wires
from clarion.config import load_settings


def found(**settings: str) -> list[tuple[str, str]]:
    environ = {f"CLARION_{name.upper()}": value for name, value in settings.items()}
    return [(one.what, one.level.value) for one in check_wires(load_settings({}, environ))]


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("postgresql://clarion:secret@db.example/clarion", "warn"),
        ("postgresql://clarion:secret@db.example/clarion?sslmode=disable", "warn"),
        ("postgresql://clarion:secret@db.example/clarion?sslmode=require", "warn"),
        ("postgresql://clarion:secret@10.0.0.5/clarion?sslmode=verify-full", "ok"),
        ("postgresql://clarion@localhost/clarion", None),
        ("postgresql://clarion@127.0.0.1:5433/clarion", None),
        ("postgresql://clarion@/clarion?host=/run/postgresql", None),
        ("postgresql://clarion@/clarion?host=db.example", "warn"),
    ],
)
def test_a_database_elsewhere_is_verified(url: str, level: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    assert found(database_url=url) == ([("encryption to the database", level)] if level else [])
    if level == "warn":
        (finding,) = check_wires(load_settings({}, {"CLARION_DATABASE_URL": url}))
        assert "secret" not in finding.says
        monkeypatch.setenv("PGSSLMODE", "verify-full")
        assert ("sslmode" in url) == (found(database_url=url) != [("encryption to the database", "ok")])


def test_brokers_elsewhere_are_encrypted() -> None:
    assert found(amqp_url="amqp://a:b@mq.example", redis_url="rediss://r.example", nats_url="nats://127.0.0.1") == [
        ("encryption to RabbitMQ", "warn")
    ]
    assert found(nats_url="tls://n1.example,nats://n2.example") == [("encryption to NATS", "warn")]
