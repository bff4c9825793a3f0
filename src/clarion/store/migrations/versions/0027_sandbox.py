"""Triggers in a sandbox: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_sql("0027_sandbox.sql")
