"""Devices of recipients: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("0013_devices.sql")
