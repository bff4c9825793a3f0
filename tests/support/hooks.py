"""A house whose workflows tell webhooks, and the short words that their tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from tests.support.api import SECRET
from tests.support.endpoint import EndpointServer
from tests.support.house import House, open_house
from tests.support.project import build

#: The only place besides the internet that webhooks of this house may be at.
HOST, ALLOWED = "127.77.0.1", "127.77.0.0/16"
FILES = {
    "workflows/told.yaml": "steps:\n  - channel: webhook\n",
    "workflows/other.yaml": "steps:\n  - channel: webhook\n",
    "workflows/shaped.yaml": """steps:
  - channel: webhook
    type: order.shipped
    data:
      order: payload.orderId
      for: recipient.name + ' <' + recipient.email + '>'
      lines: "payload.lines.map(l, {'sku': l.sku, 'each': double(l.cents) / 100.0})"
      fixed: [1, true, null, "'text'"]
""",
    "workflows/again.yaml": "attempts: 3\nbackoff: {waits: [1s], jitter: 0}\nsteps:\n  - channel: webhook\n",
    "workflows/large.yaml": "steps:\n  - channel: webhook\n    data: payload\n",
    "bindings/disabled.yaml": """on: webhook.disabled
do:
  - timer.set:
      key: "{{ data.webhook.id }}"
      at: now + duration('1h')
      metadata: {data: data}
      do: [{timer.cancel: {key: x}}]
""",
}


_numbers = iter(range(1_000))


@asynccontextmanager
async def open_hooks(url: str, folder: Path) -> AsyncIterator[House]:
    """The house on the database at *url*, with its project in *folder*; webhooks may be at `ALLOWED`."""
    env = {"CLARION_WEBHOOK_ALLOW_NETWORKS": ALLOWED, "CLARION_SECRET": SECRET.decode()}
    services = {"allow_networks": [ip_network(ALLOWED)]}
    async with open_house(url, project=build(folder, FILES), env=env, services=services) as house:
        yield house


async def somebody(house: House) -> str:
    """A recipient of its own."""
    who = f"p{next(_numbers)}"
    await house.put(f"/v1/recipients/{who}", {"name": "Ana", "email": f"{who}@example.com"})
    return who


async def register(house: House, who: str, server: EndpointServer, path: str = "/hook", **more: Any) -> Any:
    """The webhook, with its secret."""
    body = {"url": f"http://{HOST}:{server.port}{path}", **more}
    return await house.post(f"/v1/recipients/{who}/webhooks", body, status=201)


async def shown(house: House, who: str, webhook: Any) -> Any:
    """The webhook as it is now."""
    return await house.get(f"/v1/recipients/{who}/webhooks/{webhook['id']}")


async def tell(house: House, who: str, workflow: str = "told", payload: object = None) -> Any:
    """The only message of a trigger, once that is completed."""
    body: dict[str, object] = {"recipients": [who], **({"payload": payload} if payload is not None else {})}
    id = await house.trigger(body, workflow)
    await house.finished(id)
    (message,) = (await house.get(f"/v1/messages?trigger={id}"))["items"]
    return message
