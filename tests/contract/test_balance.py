"""Weights that give way, shared by workers: what all have seen moves them once, and all use what was moved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.api import Api, open_api
from tests.support.callbacks import MAIN, open_scene, report
from tests.support.providers import twilio_account

from clarion.domain.balance import Rules
from clarion.domain.route import Fitness, Route, choose
from clarion.flows.balance import Balance

A, B = "twilio:main", "twilio:spare"
ROUTES = (
    Route(accounts=(A, B), weights=(80, 20), balance=Rules(slow=timedelta(seconds=1)), name="route 1"),
    Route(accounts=(A, B), weights=(1, 1), name="route 2"),
)


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database, accounts=(twilio_account("main"), twilio_account("spare"))) as api:
        yield api


def _weights(balance: Balance) -> list[tuple[int, ...]]:
    return [route.weights for route in balance.routes]


async def _pass(api: Api, minutes: float) -> None:
    by = timedelta(minutes=minutes)
    await api.pool.execute("UPDATE balance SET moved_at = moved_at - $1::interval", by)
    await api.pool.execute("UPDATE provider_tally SET minute = minute - $1::interval", by)


async def test_two_workers_move_ten_points_once_and_back_again(api: Api) -> None:
    one, two = Balance("sms", ROUTES), Balance("sms", ROUTES)
    for balance in (one, two):
        balance.saw(A, 50, 1.5 if balance is two else 0.5)
        balance.saw(B, 60, 0.2)
        balance.saw("twilio:else", 50, 9)
    assert await one.run_once(api.pool) == 0, "it has seen nothing slow, and the other has not told yet"
    assert await two.run_once(api.pool) == 1
    assert await one.run_once(api.pool) == 1
    assert _weights(one) == _weights(two) == [(70, 30), (1, 1)], "once, and only what is to be balanced"
    choice = choose(one.routes[0], {A: Fitness(), B: Fitness()}, (), 0.75)
    assert choice.account == B
    assert choice.reason == f"route 1; by weight {A} 70, {B} 30 ({A} took longer than 1 s for 50 of 100 messages)"
    listed = {found["name"]: found for found in (await api.call("GET", "/v1/providers")).json["items"]}
    assert (listed["main"]["moved_points"], listed["spare"]["moved_points"]) == (-10, 10)
    assert "took longer than 1 s" in listed["main"]["moved_reason"]
    await _pass(api, 5)
    two.saw(A, 1, 0.1)
    assert await two.run_once(api.pool) == 1
    assert _weights(two)[0] == (60, 40), "the slow ones are in the window still"
    for weights in ((70, 30), (80, 20)):
        await _pass(api, 15)
        await one.run_once(api.pool)
        assert _weights(one)[0] == weights
    assert await two.run_once(api.pool) == 0
    assert two.routes == ROUTES


async def test_what_is_told_later_moves_points_as_well(database: str) -> None:
    async with open_scene(database) as scene:
        balance = Balance("sms", [Route(accounts=(MAIN, B), weights=(80, 20), balance=Rules(), name="route 1")])
        made = await scene.sent(30)
        await scene.tell(report(made[0], "failed"))
        assert await scene.api.pool.fetchval("SELECT count(*) FROM provider_tally") == 0, "nobody counts yet"
        balance.saw(MAIN, 30, 0.1)
        balance.saw(B, 30, 0.1)
        assert await balance.run_once(scene.api.pool) == 0
        await scene.tell(*(report(id, "bounced", feedback="hard_bounce") for id in made[1:11]))
        await scene.tell(*(report(id, "delivered") for id in made[11:15]))
        assert await balance.run_once(scene.api.pool) == 0, "who is not there is nobody's fault"
        await scene.tell(*(report(id, "failed") for id in made[11:15]), *(report(id, "failed") for id in made[15:19]))
        assert await balance.run_once(scene.api.pool) == 0, "delivered is delivered, and four are too few"
        await scene.tell(report(made[15], "failed"), report(made[19], "bounced", feedback="soft_bounce"))
        assert await balance.run_once(scene.api.pool) == 1
        assert _weights(balance) == [(70, 30)]
        said = f"{MAIN} said later that 5 had failed, to 30 messages that it was given"
        assert balance.routes[0].moved == said


async def test_it_begins_anew_where_the_settings_have_changed(api: Api) -> None:
    before = Balance("sms", ROUTES)
    before.saw(A, 50, 9)
    assert await before.run_once(api.pool) == 1
    after = Balance("sms", (Route(accounts=(A, B), weights=(60, 40), balance=Rules(), name="route 1"),))
    await _pass(api, 16)
    assert await after.run_once(api.pool) == 0
    assert await api.pool.fetchval("SELECT base = points AND moved_at IS NULL FROM balance")
