"""Answers to requests with an Idempotency-Key: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    run_sql("0031_kept_answers.sql")
