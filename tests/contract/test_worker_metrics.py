"""What a worker tells Prometheus of itself, and what the API tells of all workers."""

from __future__ import annotations

import asyncio
import re
import socket
import urllib.request
from datetime import timedelta

import pytest
from tests.support.api import Api, open_api
from tests.support.house import House, open_house
from tests.support.smtp_faults import Fault

from clarion.errors import ConfigError
from clarion.flows.rates import queue_pace
from clarion.queue import limits, retention
from clarion.worker.metrics import Exposed, Meter


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


async def _asked(port: int) -> dict[str, float]:
    """What is told at *port*, by series."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            said: bytes = answer.read()
        return said.decode()

    return _series(await asyncio.to_thread(ask))


def _series(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^([^#\n].*) (\S+)$", text, re.MULTILINE)}


async def _api_tells(api: Api) -> dict[str, float]:
    return _series((await api.call("GET", "/metrics")).body.decode())


async def _prune(api: Api) -> int:
    """All of the tally, that of this minute too."""
    async with api.pool.acquire() as connection:
        return await retention.prune_tally(connection, timedelta(minutes=-2), 1_000)


async def _send(house: House, count: int, rejected: str) -> None:
    people = [{"id": f"p{n}", "email": f"p{n}@example.com"} for n in range(count)]
    people.append({"id": "nobody", "email": rejected})
    await house.finished(await house.trigger({"recipients": people}))


async def test_lists_of_jobs_messages_and_limits_are_counted(database: str) -> None:
    async with open_api(database) as api, api.pool.acquire() as connection:
        await limits.define(connection, queue_pace("email"), 500, 10)
    port, fault = _free_port(), Fault(at="rcpt", do="reply", code=550, to="nobody@example.com")
    env = {"CLARION_WORKER_METRICS_PORT": str(port)}
    async with open_house(database, env=env, faults=[fault]) as house:
        await _send(house, 20, "nobody@example.com")
        told = await _asked(port)
        ended = await _api_tells(house.api)
        while await _prune(house.api):
            pass
        later = await _api_tells(house.api)
    by = 'channel="email",outcome="{}",provider="smtp"'
    assert told[f"clarion_deliveries_total{{{by.format('sent')}}}"] == 20
    assert told[f"clarion_deliveries_total{{{by.format('rejected')}}}"] == 1
    lists = told['clarion_job_run_seconds_count{queue="email"}']
    assert 1 <= lists == told['clarion_job_wait_seconds_count{queue="email"}'] <= 21
    assert 1 <= told['clarion_provider_request_seconds_count{channel="email",provider="smtp"}'] <= lists
    assert told['clarion_rate_limit_wait_seconds_count{kind="queue"}'] >= 1
    assert ended['clarion_jobs_total{outcome="done",queue="email"}'] == 20
    assert ended['clarion_jobs_total{outcome="buried",queue="email"}'] == 1
    assert {name: value for name, value in later.items() if name.startswith("clarion_jobs_total")} == {
        name: value for name, value in ended.items() if name.startswith("clarion_jobs_total")
    }, "what is pruned is counted still"
    with pytest.raises(OSError):
        await _asked(port)


async def test_each_worker_of_a_machine_has_a_port_of_its_own() -> None:
    first = Exposed(Meter(), "127.0.0.1", _free_port())
    try:
        second = Exposed(Meter(), "127.0.0.1", first.port)
        try:
            assert second.port > first.port
            assert "clarion_build_info" in "".join(await _asked(second.port))
        finally:
            second.close()
        with pytest.raises(ConfigError, match="metrics_host"):
            Exposed(Meter(), "192.0.2.1", first.port)
    finally:
        first.close()
