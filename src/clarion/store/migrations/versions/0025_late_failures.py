"""Failures told later count where weights give way: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_sql("0025_late_failures.sql")
