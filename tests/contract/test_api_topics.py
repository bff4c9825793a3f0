"""Topics over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.api import Api, open_api

PATH = "/v1/topics/guests"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


async def test_a_topic_is_put_shown_renamed_and_forgotten(api: Api) -> None:
    assert (await api.call("GET", PATH)).status == 404
    created = await api.call("PUT", PATH, {"name": "Guests"})
    assert (created.status, created.json["members"], created.json["name"]) == (201, 0, "Guests")
    assert (await api.call("GET", PATH)).json == created.json
    renamed = await api.call("PUT", PATH, {})
    assert (renamed.status, renamed.json["name"]) == (200, None)
    assert (await api.call("DELETE", PATH)).status == 204
    assert (await api.call("DELETE", PATH)).status == 404


async def test_members_come_and_go_and_are_counted(api: Api) -> None:
    await api.call("PUT", PATH, {})
    ids = [f"user-{i}" for i in range(10_000)]
    await api.call("POST", "/v1/recipients/bulk", {"recipients": [{"id": id} for id in ids]})
    some = await api.call("POST", f"{PATH}/members", {"ids": ids[:10] + ids[:3]})
    assert some.json == {"added": 10, "already": 0, "members": 10}
    whole = await api.call("POST", f"{PATH}/members", {"ids": ids})
    assert whole.json == {"added": 9_990, "already": 10, "members": 10_000}
    gone = await api.call("POST", f"{PATH}/members/remove", {"ids": [*ids[:100], "nobody"]})
    assert gone.json == {"removed": 100, "members": 9_900}
    await api.call("DELETE", f"/v1/recipients/{ids[-1]}")
    assert (await api.call("GET", PATH)).json["members"] == 9_899
    assert (await api.call("POST", f"{PATH}/members", {"ids": [*ids, "x"]})).code == "too_many"


async def test_ids_that_nobody_knows_are_all_named_and_nothing_is_added(api: Api) -> None:
    await api.call("PUT", PATH, {})
    await api.call("PUT", "/v1/recipients/ana", {})
    reply = await api.call("POST", f"{PATH}/members", {"ids": ["x", "ana", "y"]})
    assert (reply.status, reply.code, reply.pointers) == (422, "unknown_recipient", ["/ids/0", "/ids/2"])
    assert (await api.call("GET", PATH)).json["members"] == 0
    assert (await api.call("POST", "/v1/topics/none/members", {"ids": ["ana"]})).status == 404
