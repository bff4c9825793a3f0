"""What providers have told: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("0010_callbacks.sql")
