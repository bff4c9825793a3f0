"""Files over HTTP: what is kept and under which name, what is refused, and when it goes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.postgres import Databases
from tests.support.providers import mail_message
from tests.support.things import publish

from clarion import ids
from clarion.channels.base import Email, Provider, Wanted
from clarion.channels.email.enclosed import Enclosed
from clarion.channels.email.enclosing import Enclosing, enclose
from clarion.domain.attachment import Reference, Rules, digest_of
from clarion.domain.binding import Binding
from clarion.domain.outcome import Outcome, Reject, Sent
from clarion.domain.own_event import OwnEvent
from clarion.flows.enclosures import Content, Enclosures
from clarion.http.download import Downloads
from clarion.http.url_guard import UrlGuard
from clarion.store import attachments, bindings

DAY = timedelta(days=1)
PATH = "/v1/workflows/welcome/trigger"


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    rules = Rules(largest=1_000, hosts=["files.shop.example"])
    async with databases.migrated() as url, open_api(url, attachments=rules) as api:
        for tenant in ("one", "two"):
            await publish(api, "welcome", tenant)
        yield api


async def upload(api: Api, content: bytes, name: str = "a.pdf", **more: Any) -> Any:
    given = {"headers": {"content-type": "application/octet-stream"}} | more
    return await api.call("POST", f"/v1/attachments?name={name}", raw=content, **given)


async def test_the_same_content_is_the_same_file_of_its_tenant(api: Api) -> None:
    first = await upload(api, b"once", headers={"content-type": "application/pdf"})
    id = f"att_{hashlib.sha256(b'once').hexdigest()}"
    assert (first.status, first.json["id"], first.headers["location"]) == (201, id, f"/v1/attachments/{id}")
    again = await upload(api, b"once", "folder/b.png")
    assert (again.status, again.json["id"], again.json["name"], again.json["type"]) == (200, id, "b.png", "image/png")
    shown = (await api.call("GET", f"/v1/attachments/{id}")).json
    assert (shown["name"], shown["size"]) == ("b.png", 4)
    assert (await api.call("GET", f"/v1/attachments/{id}", tenant="two")).status == 404
    other = await upload(api, b"once", tenant="two")
    assert (other.status, other.json["id"]) == (201, id)


@pytest.mark.parametrize(
    ("query", "content", "status", "code"),
    [
        ("name=setup.exe", b"x", 422, "forbidden_type"),
        ("name=a%22%0D%0AX:%20y", b"x", 422, "invalid_name"),
        ("name=%E2%80%AEgpj.pdf", b"x", 422, "invalid_name"),
        ("name=..%2F..", b"x", 422, "invalid_name"),
        ("name=a.pdf", b"", 422, "empty"),
        ("name=a.pdf", b"x" * 1_001, 413, "too_large"),
        ("name=a.pdf&more=1", b"x", 422, "unknown_field"),
    ],
)
async def test_what_is_no_file_to_send(api: Api, query: str, content: bytes, status: int, code: str) -> None:
    reply = await api.call("POST", f"/v1/attachments?{query}", raw=content)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_name_is_cleaned(api: Api) -> None:
    assert (await upload(api, b"cleaned", "..%2F..%2Fx.zip")).json["name"] == "x.zip"


def _fault(reply: Any) -> tuple[int, list[tuple[str, str]]]:
    return reply.status, [(one["pointer"], one["code"]) for one in reply.json["errors"]]


@pytest.mark.parametrize(
    ("file", "pointer", "code"),
    [
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url", "url_not_allowed"),
        ({"url": "file:" + "///etc/passwd"}, "url", "url_not_allowed"),
        ({"url": "gopher://files.shop.example/"}, "url", "url_not_allowed"),
        ({"url": "http://files.shop.example/a.pdf"}, "url", "url_not_allowed"),
        ({"url": "https://elsewhere.example/a.pdf"}, "url", "url_not_allowed"),
        ({"url": "https://user:pass@files.shop.example/a.pdf"}, "url", "url_not_allowed"),
        ({"url": "https://files.shop.example:22/a.pdf"}, "url", "url_not_allowed"),
        ({"url": "https://files.shop.example/setup.exe"}, "name", "forbidden_type"),
        ({"url": "https://files.shop.example/a", "name": "a\r\nX: y"}, "name", "invalid_name"),
        ({"url": "https://files.shop.example/a", "inline": "a b"}, "inline", "invalid_inline"),
        ({"url": "https://files.shop.example/a", "type": "text/html\r\nX: y"}, "type", "invalid_mime"),
        ({"url": "https://files.shop.example/a", "type": "pdf"}, "type", "invalid_mime"),
        ({"id": f"att_{'0' * 64}"}, "id", "unknown_attachment"),
        ({"id": "att_1"}, "id", "invalid_id"),
        ({"id": f"att_{'0' * 64}", "url": "https://files.shop.example/a"}, "", "missing"),
        ({"name": "a.pdf"}, "", "missing"),
    ],
)
async def test_what_a_trigger_may_not_name(api: Api, file: dict[str, str], pointer: str, code: str) -> None:
    body = {"recipients": [{"email": "x@example.com"}], "attachments": [file]}
    before = await api.pool.fetchval("SELECT count(*) FROM trigger")
    at = f"/attachments/0/{pointer}".rstrip("/")
    assert _fault(await api.call("POST", PATH, body)) == (422, [(at, code)])
    assert await api.pool.fetchval("SELECT count(*) FROM trigger") == before


async def test_too_much_together_too_many_and_anothers(api: Api) -> None:
    ids = [(await upload(api, bytes([number]) * 600)).json["id"] for number in range(2)]
    people = [{"email": "x@example.com"}]

    async def asked(files: list[dict[str, str]], tenant: str = "one") -> Any:
        return await api.call("POST", PATH, {"recipients": people, "attachments": files}, tenant=tenant)

    assert _fault(await asked([{"id": id} for id in ids])) == (422, [("/attachments", "too_large")])
    assert _fault(await asked([{"id": ids[0]}], "two")) == (422, [("/attachments/0/id", "unknown_attachment")])
    two = [{"url": "https://files.shop.example/a", "inline": "logo"}, {"id": ids[0], "inline": "logo"}]
    assert _fault(await asked(two)) == (422, [("/attachments", "duplicate_key")])
    assert (await asked([{"url": "https://files.shop.example/a"}] * 21)).status == 422
    accepted = await asked([{"id": ids[0], "name": "mine.pdf"}])
    assert accepted.status == 202
    shown = (await api.call("GET", accepted.json["href"])).json["attachments"]
    assert shown == [{"id": ids[0], "name": "mine.pdf", "type": "application/pdf"}]


async def test_a_file_stays_until_its_triggers_have_ended(api: Api) -> None:
    id = (await upload(api, b"kept")).json["id"]
    body = {"recipients": [{"email": "x@example.com"}], "attachments": [{"id": id}]}
    trigger = (await api.call("POST", PATH, body)).json["id"]
    tenant, digest = api.tenants["one"], hashlib.sha256(b"kept").digest()
    await api.pool.execute("UPDATE attachment SET used_at = now() - interval '30 days'")
    async with api.pool.acquire() as connection:
        await attachments.prune(connection, DAY, 1_000)
        assert await attachments.get(connection, tenant, digest) is not None
        await connection.execute("UPDATE trigger SET status = 'completed', completed_at = now(), expanded_at = now()")
        assert await attachments.count(connection, 40 * DAY) == 0
        assert await attachments.count(connection, DAY) >= 1
        assert await attachments.prune(connection, DAY, 1_000) >= 1
        assert await attachments.get(connection, tenant, digest) is None
    assert trigger


async def test_a_file_stays_while_a_timer_a_schedule_or_a_binding_names_it(api: Api) -> None:
    """A timer while it may fire, a nested one's too; what nobody names any more goes."""
    names = ("timer", "nested", "anew", "cancelled", "fired", "schedule", "binding", "nobody")
    files = {name: str((await upload(api, name.encode())).json["id"]) for name in names}
    digests = {digest_of(id): name for name, id in files.items()}

    def tell(name: str) -> dict[str, Any]:
        return {"trigger": {"workflow": "none", "recipients": ["ann"], "attachments": [{"id": files[name]}]}}

    async def put(key: str, *actions: dict[str, Any], at: str = "2027-06-01T12:00:00Z") -> None:
        reply = await api.call("PUT", f"/v1/timers/{key}", {"at": at, "actions": list(actions)})
        assert reply.status in (200, 201), reply.body

    async def left() -> set[str]:
        async with api.pool.acquire() as connection:
            counted = await attachments.count(connection, DAY)
            assert await attachments.prune(connection, DAY, 1_000) == counted
        found = await api.pool.fetch("SELECT digest FROM attachment WHERE digest = ANY ($1::bytea[])", list(digests))
        return {digests[row["digest"]] for row in found}

    await put("plain", tell("timer"))
    later = {"key": "later", "at": "2027-06-02T12:00:00Z", "actions": [tell("nested")]}
    await put("outer", {"timer.set": later}, {"timer.set": {**later, "key": "same"}})
    await put("again", tell("anew"))
    await put("again", tell("timer"))  # it names another one now
    await put("back", tell("cancelled"))
    await api.call("POST", "/v1/timers/back/cancel")
    await put("now", {"timer.cancel": {"key": "x"}}, tell("fired"), at="2020-01-01T00:00:00Z")
    await api.pool.execute("UPDATE timer SET status = 'fired', fired_at = now() WHERE key = 'now'")
    to: dict[str, Any] = {"workflow": "welcome", "recipients": [{"topic": "'guests'"}]}
    do = [{"trigger": {**to, "attachments": [{"id": files["schedule"]}]}}]
    made = await api.call("PUT", "/v1/schedules/report", {"cron": "@daily", "do": do})
    assert made.status in (200, 201), made.body
    do = [{"trigger": {**to, "attachments": [{"id": files["binding"]}]}}]
    binding = Binding(key="b", on=OwnEvent(type="timer.fired"), do=do)
    async with api.pool.acquire() as connection, connection.transaction():
        wanted = {"b": (binding.content_hash, binding.to_json())}
        await bindings.publish(connection, api.tenants["one"], wanted)
    await api.pool.execute("UPDATE attachment SET used_at = now() - interval '2 days'")
    held = {"timer", "nested", "cancelled", "schedule", "binding"}
    assert await left() == held
    for path in ("timers/plain", "timers/outer", "timers/again", "timers/back", "schedules/report"):
        assert (await api.call("DELETE", f"/v1/{path}")).status == 204
    assert await left() == {"binding"}
    assert await api.pool.fetchval("SELECT count(*) FROM attachment_timer") == 0


async def test_files_of_another_tenant_are_not_read_whatever_a_trigger_says(api: Api) -> None:
    """A trigger's row names ids: whose they are is the trigger's tenant, and nothing else."""
    id = (await upload(api, b"secret of one")).json["id"]
    guard = UrlGuard()
    downloads = Downloads(guard)
    made: list[list[Content]] = []

    def make(files: Any) -> list[Content]:
        made.append(list(files))
        return list(files)

    enclosures = Enclosures(api.pool, guard, Rules(), make, downloads=downloads)
    of_one = Wanted(api.tenants["one"], ids.new(), (Reference(id=id, name="a.pdf"),))
    for _ in range(2):
        async with enclosures.lend(of_one) as found:
            assert found == [Content("a.pdf", "application/pdf", b"secret of one", None)]
    assert len(made) == 1, "what is there is not made again"
    async with enclosures.lend(of_one._replace(tenant_id=api.tenants["two"])) as refused:
        assert isinstance(refused, Reject)
    assert refused.code == "attachment_unavailable"
    await downloads.close()


class Carrying(Provider[Email]):
    """Notes how much is on its way at once, each file counted once."""

    name = "carrying"

    def __init__(self) -> None:
        self.now: Counter[Enclosed] = Counter()
        self.most = 0
        self.calls = 0

    async def send(self, items: Sequence[Email]) -> list[Outcome]:
        self.calls += 1
        files = {mail.enclosed for mail in items if mail.enclosed is not None}
        self.now.update(files)
        self.most = max(self.most, sum(len(file.content) for one in +self.now for file in one.files))
        await asyncio.sleep(0)
        self.now.subtract(files)
        return [Sent(mail.message_id.hex) for mail in items]

    async def close(self) -> None:
        """Nothing is open."""


async def test_no_more_files_are_in_hand_than_there_is_room_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of mails whose files are all different, and several such lists at once: none waits for ever."""
    monkeypatch.setattr("clarion.flows.enclosures._ROOM", 0)  # as large as two of the largest: 2,000
    kept = [(await upload(api, bytes([number]) * 400)).json["id"] for number in range(12)]
    wanted = [Wanted(api.tenants["one"], ids.new(), (Reference(id=id, name="a.pdf"),)) for id in kept]
    away = Wanted(api.tenants["two"], ids.new(), (Reference(id=kept[0], name="a.pdf"),))
    enclosures = Enclosures(api.pool, UrlGuard(), Rules(largest=1_000), enclose)
    carrying = Carrying()
    provider = Enclosing(carrying, enclosures.lend)
    mails = [mail_message()._replace(message_id=ids.new(), wanted=one) for one in (*wanted, None, away, *wanted)]
    async with asyncio.timeout(20):
        lists = await asyncio.gather(*(provider.send(mails[turn:] + mails[:turn]) for turn in range(6)))
    for turn, outcomes in enumerate(lists):
        for mail, outcome in zip(mails[turn:] + mails[:turn], outcomes, strict=True):
            if mail.wanted is away:
                assert isinstance(outcome, Reject)
            else:
                assert outcome == Sent(mail.message_id.hex)
    assert 800 <= carrying.most <= 2_000
    one, *_ = wanted
    carrying.calls = 0
    assert len(await provider.send([mail._replace(wanted=one) for mail in mails])) == len(mails)
    assert carrying.calls == 1, "mails with the same files go together"
