"""Addresses of chats that are secrets are kept sealed: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_sql("0026_sealed_chats.sql")
