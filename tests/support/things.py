"""One of everything that a tenant can have, to ask for by id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.support.api import Api

from clarion import clock, ids
from clarion.domain.binding import Binding
from clarion.domain.content import InAppContent
from clarion.domain.plan import Wait
from clarion.domain.source import BullSource
from clarion.domain.workflow import Channel, ChannelStep, Workflow
from clarion.flows.rows import Rows
from clarion.ids import Prefix
from clarion.store import bindings, feed_delivery, inbound, quarantine, sources, workflows
from clarion.store.database import Connection
from clarion.store.feed_delivery import NewItem

#: Path parameters by the segment before them.
_OF = re.compile(r"/(\w+)/\{(\w+)\}")


#: A bundle without templates.
NO_WORDS: dict[str, Any] = {"templates": {}, "layouts": {}}


@dataclass(frozen=True, kw_only=True)
class Things:
    """Ids of what one tenant has, by the collection in a path."""

    ids: Mapping[str, str]

    def path(self, template: str) -> str:
        """*template* with the ids of these things."""
        return _OF.sub(lambda match: f"/{match[1]}/{self.ids[match[1]]}", template)

    def unknown_path(self, template: str) -> str:
        """*template* with ids that nobody has, of the same form."""
        return _OF.sub(lambda match: f"/{match[1]}/{_unlike(self.ids[match[1]])}", template)

    def body(self, body: Any, template: str) -> Any:
        """*body* with the recipient of these things as a member, where *template* is of a topic."""
        return {"ids": [self.ids["recipients"]]} if template.startswith("/v1/topics") else body


async def make_things(api: Api, tenant: str, suffix: str = "") -> Things:
    """Make one of everything for *tenant*: a recipient with an address, a device, a chat, a webhook and two items in
    the feed, a trigger, a failed message of it, a timer, a job, a broker's message in quarantine, and a suppressed
    address.
    """
    ana, guests, welcome = f"ana{suffix}", f"guests{suffix}", f"welcome{suffix}"
    tenant_id = api.tenants[tenant]
    await api.call("PUT", f"/v1/recipients/{ana}", {"email": "ana@example.com"}, tenant=tenant)
    phone = f"phone{suffix}"
    registered = await api.call(
        "PUT", f"/v1/recipients/{ana}/devices/{phone}", {"token": f"token:{tenant}{suffix}"}, tenant=tenant
    )
    assert registered.status in (200, 201), registered
    listed = await api.call("GET", f"/v1/recipients/{ana}/addresses", tenant=tenant)
    room, given = f"room{suffix}", {"provider": "telegram", "address": "1"}
    registered = await api.call("PUT", f"/v1/recipients/{ana}/chats/{room}", given, tenant=tenant)
    assert registered.status in (200, 201), registered
    await api.call("PUT", f"/v1/topics/{guests}", {"name": "Guests"}, tenant=tenant)
    await api.call("POST", f"/v1/topics/{guests}/members", {"ids": [ana]}, tenant=tenant)
    await publish(api, welcome, tenant)
    path = f"/v1/workflows/{welcome}/trigger"
    accepted = await api.call("POST", path, {"recipients": [ana]}, tenant=tenant)
    assert accepted.status == 202, accepted
    trigger: str = accepted.json["id"]
    message, *items = ids.new_many(3)
    async with api.pool.acquire() as connection, connection.transaction():
        await feed_delivery.deliver(
            connection,
            [
                NewItem(
                    tenant_id=tenant_id,
                    recipient_id=ana,
                    message_id=id,
                    workflow_key=welcome,
                    category=None,
                    content=InAppContent(title="Welcome", body="Good to see you"),
                )
                for id in items
            ],
        )
        put_aside = await _put_a_message_aside(connection, tenant_id, welcome, ana)
        await _fail_a_message(connection, tenant_id, ids.parse(Prefix.TRIGGER, trigger), message, ana, welcome)
        run = await _let_a_run_wait(connection, tenant_id, ids.parse(Prefix.TRIGGER, trigger), ana, welcome)
    timer = f"order{suffix}"
    tell = {"publish": {"kind": "nats", "target": {"subject": "expired"}}}
    set = await api.call("PUT", f"/v1/timers/{timer}", {"in": "1h", "actions": [tell]}, tenant=tenant)
    assert set.status in (200, 201), set
    job = ids.show(Prefix.JOB, ids.parse(Prefix.TRIGGER, trigger))
    uploaded = await api.call(
        "POST", "/v1/attachments?name=a.pdf", raw=f"pdf of {tenant}{suffix}".encode(), tenant=tenant
    )
    assert uploaded.status in (200, 201), uploaded
    return Things(
        ids={
            "recipients": ana,
            "attachments": uploaded.json["id"],
            "devices": phone,
            "addresses": listed.json["items"][0]["id"],
            "chats": room,
            "webhooks": await _register_webhook(api, ana, tenant),
            "topics": guests,
            "workflows": welcome,
            "triggers": trigger,
            "runs": ids.show(Prefix.RUN, run),
            "messages": ids.show(Prefix.MESSAGE, message),
            "timers": timer,
            "queues": "expand",
            "tenants": tenant,
            "categories": "news",
            "providers": "main",
            "domains": "gmail.example",
            "schedules": await _make_schedule(api, f"report{suffix}", welcome, tenant),
            "jobs": job,
            "quarantine": ids.show(Prefix.QUARANTINE, put_aside),
            "suppressions": await _suppress(api, f"ana{suffix}@example.com", tenant),
        }
    )


async def _put_a_message_aside(connection: Connection, tenant_id: UUID, workflow: str, recipient: str) -> UUID:
    """A broker's message that could not be used, and a binding that would know what to do with it; its id."""
    source = BullSource(queue=workflow)
    do = {"trigger": {"workflow": workflow, "recipients": [f"'{recipient}'"]}}
    binding = Binding(key=workflow, on=source, do=[do])
    await bindings.publish(connection, tenant_id, {binding.key: (binding.content_hash, binding.to_json())})
    number = await sources.number_of(connection, tenant_id, source.name)
    id = ids.new()
    key = inbound.inbound_id(tenant_id, source.name, id.hex)
    row = inbound.NewInbound(id=key, message_id=id.hex, state=inbound.State.QUARANTINED)
    await inbound.add(connection, tenant_id, number, [row])
    kept = quarantine.NewQuarantined(
        id=id, inbound_id=key, message_id=id.hex, subject="s", reason="poison: it was not", headers={}, body=b"{}"
    )
    await quarantine.add(connection, tenant_id, number, [kept])
    return id


async def _register_webhook(api: Api, recipient: str, tenant: str) -> str:
    kept = (await api.call("GET", f"/v1/recipients/{recipient}/webhooks", tenant=tenant)).json["items"]
    if kept:
        return str(kept[0]["id"])
    body = {"url": "https://hooks.invalid/"}
    reply = await api.call("POST", f"/v1/recipients/{recipient}/webhooks", body, tenant=tenant)
    assert reply.status == 201, reply
    id: str = reply.json["id"]
    return id


async def _suppress(api: Api, address: str, tenant: str) -> str:
    reply = await api.call("POST", "/v1/suppressions", {"suppressions": [{"address": address}]}, tenant=tenant)
    assert reply.status == 200, reply
    id: str = reply.json["results"][0]["id"]
    return id


async def _make_schedule(api: Api, key: str, workflow: str, tenant: str) -> str:
    do = [{"trigger": {"workflow": workflow, "recipients": [{"topic": "'guests'"}]}}]
    reply = await api.call("PUT", f"/v1/schedules/{key}", {"cron": "@daily", "do": do}, tenant=tenant)
    assert reply.status in (200, 201), reply
    return key


async def publish(api: Api, key: str, tenant: str) -> None:
    """Publish a workflow *key* with a step by mail and one in the app; its templates are not looked at here."""
    steps = tuple(ChannelStep(key=channel.value, channel=channel, template=channel.value) for channel in Channel)
    definition = Workflow(key=key, steps=steps).to_json()
    async with api.pool.acquire() as connection, connection.transaction():
        await workflows.publish(
            connection,
            api.tenants[tenant],
            key,
            hash="h",
            definition=definition,
            bundle={"templates": {}, "layouts": {}},
        )


async def _fail_a_message(
    connection: Connection, tenant_id: UUID, trigger_id: UUID, id: UUID, recipient: str, workflow: str
) -> None:
    """A message as one that the provider refused leaves it."""
    version = await workflows.current(connection, tenant_id, workflow)
    assert version is not None
    run = ids.new()
    await connection.execute(
        "INSERT INTO run (id, tenant_id, trigger_id, workflow_version_id, recipient_id, step, status)"
        " VALUES ($1, $2, $3, $4, $5, 1, 'completed')",
        *(run, tenant_id, trigger_id, version["id"], recipient),
    )
    await connection.execute(
        "INSERT INTO message (id, tenant_id, trigger_id, run_id, expires_at, step, attempts, channel, status,"
        " workflow_key, recipient_id, address, provider, reason, ended_at)"
        " VALUES ($1, $2, $3, $4, clock_timestamp() + interval '1 day', 0, 1, 'email', 'failed', $5, $6, 'a@b.example',"
        " 'smtp', '550 no such user', clock_timestamp())",
        *(id, tenant_id, trigger_id, run, workflow, recipient),
    )
    await connection.execute(
        "INSERT INTO attempt (message_id, number, fence, tenant_id, status, provider, worker, reason, ended_at)"
        " VALUES ($1, 1, 1, $2, 'rejected', 'smtp', 'w', '550 no such user', clock_timestamp())",
        *(id, tenant_id),
    )
    await connection.execute(
        "INSERT INTO trigger_count (trigger_id, channel, slot, tenant_id, failed) VALUES ($1, 'email', 0, $2, 1)",
        *(trigger_id, tenant_id),
    )


async def _let_a_run_wait(
    connection: Connection, tenant_id: UUID, trigger_id: UUID, recipient: str, workflow: str
) -> UUID:
    """A run as one in a delay is left."""
    version = await workflows.current(connection, tenant_id, workflow)
    assert version is not None
    rows = Rows(clock.now())
    run = ids.new()
    trigger = {"id": trigger_id, "tenant_id": tenant_id, "priority": 2}
    rows.runs.append((run, tenant_id, trigger_id, version["id"], recipient, 0, "running"))
    rows.add_wait(trigger, run, Wait(0, rows.now + timedelta(hours=1)))
    await rows.write(connection, slot=0)
    return run


def _unlike(id: str) -> str:
    return id[:-1] + ("0" if id[-1] != "0" else "1")
