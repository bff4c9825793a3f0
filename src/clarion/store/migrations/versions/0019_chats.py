"""Chats of recipients: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0019_chats.sql")
