"""What a trigger in the sandbox causes stays there, too: what bindings publish and trigger, and what timers do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.endpoint import EndpointServer
from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.wait import wait_until

PUBLISH = "publish: {kind: webhook, type: '%s', body: {why: event.type, sandbox: %s}}"
FILES = {
    # Of a sent mail: a message for an endpoint, another workflow, a timer that is due at once, and one taken back.
    "bindings/sent.yaml": f"""on: {{message.sent: {{workflow: hello}}}}
do:
  - {PUBLISH % ("mail.sent", "data.sandbox")}
  - trigger: {{workflow: other, recipients: ["'eve'"], transaction_id: by-binding}}
  - timer.set:
      key: order-1
      at: now
      do:
        - {PUBLISH % ("order.expired", "data.sandbox")}
        - trigger: {{workflow: other, recipients: ["'eve'"], transaction_id: by-timer}}
        - timer.set: {{key: order-3, at: now + duration('1h'), do: [{{timer.cancel: {{key: order-2}}}}]}}
  - timer.cancel: {{key: order-2}}
""",
    "bindings/fired.yaml": f"""on: timer.fired
do:
  - {PUBLISH % ("timer.{{ data.timer.key }}", "data.sandbox")}
""",
    "bindings/completed.yaml": f"""on: {{trigger.completed: {{workflow: other}}}}
when: "!data.sandbox"
do:
  - {PUBLISH % ("other.completed", "data.sandbox")}
""",
    "bindings/buried.yaml": f"""on: {{job.failed: {{queue: email}}}}
do:
  - {PUBLISH % ("job.failed", "data.sandbox")}
""",
    "workflows/other.yaml": "steps:\n  - channel: email\n",
    "templates/other/email.txt": "---\nsubject: Other\n---\nOther\n",
}
TELL = {"publish": {"kind": "webhook", "target": {"type": "real"}}}


async def _publications(house: House) -> dict[str, dict[str, Any]]:
    """What was published, as its jobs say, by type."""
    rows = await house.api.pool.fetch("SELECT args, result FROM job_done WHERE queue = 'publish'")
    return {row["args"]["target"]["type"]: {**row["args"], **row["result"]} for row in rows}


async def _timers(house: House) -> dict[str, str]:
    return {row["key"]: row["status"] for row in await house.api.pool.fetch("SELECT key, status FROM timer")}


def _published(house: House, *types: str) -> Callable[[], Awaitable[bool]]:
    async def all_there() -> bool:
        return set(types) <= (await _publications(house)).keys()

    return all_there


async def test_nothing_that_comes_of_it_leaves(database: str, tmp_path: Path) -> None:
    async with EndpointServer() as server:
        endpoints = {"orders": {"url": f"http://127.0.0.1:{server.port}/", "secrets": ["whsec_" + "b" * 32]}}
        env = {"CLARION_WEBHOOKS": json.dumps(endpoints), "CLARION_PUBLISH_ALLOW_NETWORKS": "127.0.0.0/8"}
        async with open_house(database, project=build(tmp_path, FILES), env=env) as house:
            for key in ("order-1", "order-2"):  # real ones, which the sandbox must leave alone
                await house.put(f"/v1/timers/{key}", {"in": "1h", "actions": [TELL]})
            body: dict[str, object] = {"recipients": [{"id": "eve", "name": "Eve", "email": "eve@example.com"}]}
            await house.trigger({**body, "sandbox": True}, workflow="hello")
            nameless = {"id": "bob", "email": "bob@example.com"}  # whose mail cannot be made: its job is buried
            await house.trigger({"recipients": [nameless], "sandbox": True}, workflow="hello")
            kinds = ("mail.sent", "order.expired", "timer.order-1")
            await wait_until(_published(house, *kinds, "job.failed"), 20, "the publications of the sandbox")
            for one in (await _publications(house)).values():
                assert (one["sandbox"], one["status"], one["receipt"]) == (True, "published", "sandbox")
            said = {type: one["body"]["sandbox"] for type, one in (await _publications(house)).items()}
            assert said == dict.fromkeys((*kinds, "job.failed"), True)
            inside = {"sandbox:order-1": "fired", "sandbox:order-3": "pending"}
            assert await _timers(house) == {"order-1": "pending", "order-2": "pending", **inside}
            made = (await house.get("/v1/triggers?workflow=other"))["items"]
            assert {(one["transaction_id"], one["sandbox"]) for one in made} == {
                ("by-binding", True),
                ("by-timer", True),
            }
            for one in made:
                await house.finished(one["id"])
            shown = (await house.get("/v1/timers?key_prefix=sandbox:"))["items"]
            assert [one["key"] for one in shown] == ["sandbox:order-1", "sandbox:order-3"]
            assert (await house.get(f"/v1/timers/{shown[1]['id']}"))["status"] == "pending"
            assert (server.posted, house.smtp.accepted) == ([], [])

            await house.trigger(body, workflow="hello")  # the same, really
            await wait_until(_published(house, "other.completed"), 20, "what is really published")
            await wait_until(lambda: len(server.posted) >= 5, 20, "what leaves")
            assert {json.loads(one.body)["type"] for one in server.posted} == {*kinds, "other.completed"}
            assert await _timers(house) == {
                **{"order-1": "fired", "order-2": "cancelled", "order-3": "pending"},
                **inside,
            }
            await house.check()


async def test_what_brokers_timers_and_schedules_trigger_may_say_so(database: str, tmp_path: Path) -> None:
    """`sandbox` of a trigger, as a truth or as an expression; a timer over HTTP has it as the request has."""
    do = {"trigger": {"workflow": "other", "recipients": [{"id": "'eve'", "email": "'eve@example.com'"}]}}
    async with open_house(database, project=build(tmp_path, FILES)) as house:
        for key, sandbox in (("yes", True), ("said", "data.manual"), ("no", "!data.manual")):
            given = {"trigger": {**do["trigger"], "sandbox": sandbox, "transaction_id": key}}
            await house.put(f"/v1/schedules/{key}", {"cron": "0 0 1 1 *", "do": [given]})
            await house.post(f"/v1/schedules/{key}/run", status=202)
        person = {"id": "eve", "name": "Eve", "email": "eve@example.com"}
        fired = {"workflow": "other", "recipients": [person], "sandbox": True, "transaction_id": "timer"}
        await house.put("/v1/timers/t", {"in": "0s", "actions": [{"trigger": fired}]})

        async def made() -> bool:
            return len((await house.get("/v1/triggers?workflow=other"))["items"]) == 4

        await wait_until(made, 20, "four triggers")
        found = (await house.get("/v1/triggers?workflow=other"))["items"]
        assert {one["transaction_id"]: one["sandbox"] for one in found} == {
            **{"yes": True, "said": True, "no": False, "timer": True},
        }
        for one in found:
            await house.finished(one["id"])
        assert len(house.smtp.accepted) == 1
        wrong = {"trigger": {**do["trigger"], "sandbox": "data.key"}}
        await house.put("/v1/schedules/wrong", {"cron": "0 0 1 1 *", "do": [wrong]})
        run = await house.post("/v1/schedules/wrong/run", status=202)
        assert run

        async def failed() -> bool:
            runs = (await house.get("/v1/schedules/wrong/runs"))["items"]
            return bool(runs) and runs[0]["status"] == "failed" and "neither true nor false" in runs[0]["error"]

        await wait_until(failed, 20, "the run that cannot be done")
