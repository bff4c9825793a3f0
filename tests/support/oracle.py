"""Judges a system that has come to rest: what was lost, what is stuck, what came twice and does not say so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.cluster import Cluster
from tests.support.process import PATIENCE_S
from tests.support.wait import wait_until

from clarion.domain.status import OPEN
from clarion.flows.verify import verify

_MESSAGES = """
    SELECT m.id, m.trigger_id, m.recipient_id, m.channel, m.status, m.reason, m.possible_duplicate, m.workflow_key,
           (SELECT count(*) FROM feed_item f WHERE f.message_id = m.id) AS items,
           (SELECT array_agg(a.intended_at ORDER BY a.number) FROM attempt a WHERE a.message_id = m.id) AS intended
    FROM message m WHERE m.tenant_id = $1
"""
_JOBS = """
    SELECT queue, kind, id, state, worker, fence, rescues, attempts,
           round(extract(epoch FROM run_at - now()), 1) AS due_in,
           round(extract(epoch FROM lease_until - now()), 1) AS leased_for
    FROM job WHERE tenant_id <> '00000000-0000-0000-0000-000000000000' ORDER BY run_at
"""
#: The clocks of the database and of the sink are one and the same, read a moment apart.
_TOLERANCE = timedelta(milliseconds=5)


@dataclass(slots=True)
class Findings:
    """What the oracle saw. `violations` by kind: each breaks a promise."""

    messages: int = 0
    receipts: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    #: Messages that say ``possible_duplicate``, and mails that did come more than once.
    labelled: int = 0
    repeated: int = 0
    violations: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def kinds(self) -> set[str]:
        """The kinds of promises that are broken."""
        return {kind for kind, found in self.violations.items() if found}

    def table(self) -> str:
        """A few lines for people."""
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(self.statuses.items()))
        lines = [
            f"{self.messages} messages ({statuses}), {self.receipts} mails taken,"
            f" {self.labelled} labelled possible_duplicate, {self.repeated} came twice"
        ]
        for kind, found in sorted(self.violations.items()):
            lines.append(f"  {kind}: {len(found)}, e.g.")
            lines += [f"    {one}" for one in found[:3]]
        return "\n".join(lines)


async def judge(
    cluster: Cluster, *, rest_s: float = PATIENCE_S, ends: Iterable[str] = ("sent", "delivered")
) -> Findings:
    """Wait until nothing is open any more, at most *rest_s*, and compare database, ledger and what was accepted.

    *ends* are the statuses that are well here; `unknown` always is for a workflow that holds.
    """
    await at_rest(cluster, rest_s)
    findings = Findings()
    async with cluster.pool.acquire() as connection:
        rows = await connection.fetch(_MESSAGES, cluster.tenant_id)
        triggers = {r["id"]: r["status"] for r in await connection.fetch("SELECT id, status FROM trigger")}
        jobs = await connection.fetch(_JOBS)
        for violation in await verify(connection, lease=timedelta(seconds=2)):
            findings.violations[f"verify.{violation.rule}"].append(f"{violation.count}: {violation.examples}")
    receipts: dict[UUID, list[datetime]] = defaultdict(list)
    for line in cluster.receipts():
        id = UUID(hex=line["message_id"].removeprefix("<msg_").partition("@")[0])
        receipts[id].append(datetime.fromtimestamp(line["at"], UTC))
    _judge_triggers(findings, cluster, triggers, rows)
    for job in jobs:
        findings.violations["job_left"].append(", ".join(f"{name} {value}" for name, value in job.items()))
    for id in receipts.keys() - {row["id"] for row in rows}:
        findings.violations["from_nowhere"].append(str(id))
    for row in rows:
        findings.messages += 1
        findings.statuses[row["status"]] += 1
        findings.labelled += row["possible_duplicate"]
        if row["channel"] == "email":
            _judge_mail(findings, row, sorted(receipts[row["id"]]), set(ends))
        else:
            _judge_item(findings, row, set(ends))
    print(findings.table())
    return findings


async def assert_survived(cluster: Cluster, **how: Any) -> Findings:
    """Judge, and fail with the table where a promise is broken."""
    findings = await judge(cluster, **how)
    assert not findings.kinds(), f"{findings.table()}\n{cluster.log()}"
    return findings


async def at_rest(cluster: Cluster, timeout: float = PATIENCE_S) -> bool:
    """Wait until no trigger, message or job is open; False when some still are after *timeout* seconds."""
    try:
        await wait_until(cluster.is_at_rest, timeout, "the system comes to rest")
        return True
    except AssertionError:
        return False


def _judge_triggers(
    findings: Findings, cluster: Cluster, triggers: Mapping[UUID, str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Every 2xx is stored and ended, and has one message a channel for each of its people."""
    reached: dict[UUID, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in rows:
        reached[row["trigger_id"]][row["recipient_id"], row["channel"]] += 1
    for one in cluster.accepted:
        status = triggers.get(one.id)
        if status is None:
            findings.violations["lost"].append(f"trigger {one.id} was accepted and is not stored")
        elif status not in ("completed", "cancelled"):
            findings.violations["stuck"].append(f"trigger {one.id} is {status}")
        elif status == "completed":
            channels = {"both": 2, "later": 2}.get(one.workflow, 1)
            found = reached[one.id]
            if {who for who, _ in found} != one.recipients or len(found) != channels * len(one.recipients):
                findings.violations["lost"].append(f"trigger {one.id} reached {len(found)} of {len(one.recipients)}")
    for id, found in reached.items():
        if any(count > 1 for count in found.values()):
            findings.violations["expanded_twice"].append(str(id))


def _judge_mail(findings: Findings, row: Mapping[str, Any], receipts: list[datetime], ends: set[str]) -> None:
    shown = f"{row['id']} of {row['workflow_key']} is {row['status']} ({row['reason']}), taken {len(receipts)} times"
    findings.receipts += len(receipts)
    findings.repeated += len(receipts) > 1
    holds = row["workflow_key"] == "mail-hold"
    if row["status"] in OPEN:
        findings.violations["stuck"].append(shown)
    elif row["status"] not in ends and not (holds and row["status"] == "unknown"):
        findings.violations["ended_badly"].append(shown)
    if row["status"] == "sent" and not receipts:
        findings.violations["lost"].append(shown)
    if receipts and row["status"] not in ("sent", "unknown") and not row["possible_duplicate"]:
        findings.violations["sent_unsaid"].append(shown)
    if len(receipts) > 1 and not row["possible_duplicate"]:
        findings.violations["unlabelled"].append(shown)
    if len(receipts) > 1 and holds:
        findings.violations["held_twice"].append(shown)
    intended = row["intended"] or []
    if len(receipts) > len(intended) or any(
        at < since - _TOLERANCE for at, since in zip(receipts, intended, strict=False)
    ):
        findings.violations["without_intent"].append(f"{shown}, intended at {intended}, taken at {receipts}")


def _judge_item(findings: Findings, row: Mapping[str, Any], ends: set[str]) -> None:
    shown = f"{row['id']} is {row['status']} ({row['reason']}) with {row['items']} items"
    if row["status"] in OPEN:
        findings.violations["stuck"].append(shown)
    elif row["status"] not in ends:
        findings.violations["ended_badly"].append(shown)
    if row["items"] != (row["status"] == "delivered"):
        findings.violations["feed"].append(shown)
