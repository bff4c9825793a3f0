"""How much tenants may have waiting, and how many they may reach a day: plain SQL in the file beside this one."""

from __future__ import annotations

from clarion.store.migrate import run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    run_sql("0033_tenant_quota.sql")
