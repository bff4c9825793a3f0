"""What messages of brokers caused besides triggers: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_sql("0029_inbound_did.sql")
