"""Mail through Postmark, whole: over HTTP in, by Postmark out, and what it tells later believed when it logs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.house import open_house
from tests.support.project import build
from tests.support.providers import SERVER_TOKEN, WEBHOOK_PASSWORD

from clarion.channels.email.postmark_callbacks import PostmarkCallbacks
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.postmark import PostmarkFake

FILES = {
    "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
    "workflows/ready.yaml": "backoff: {waits: [50ms]}\nsteps: [{channel: email}]\n",
    "templates/ready/email.txt": "---\nsubject: Order {{ payload.orderId }}\n---\nDear {{ recipient.name }}, ready.",
}


async def test_mails_go_out_and_a_bounce_corrects_delivered(database: str, tmp_path: Path) -> None:
    account = {"kind": "postmark", "server_token": SERVER_TOKEN, "webhook_password": WEBHOOK_PASSWORD}
    async with PostmarkFake(
        server_token=SERVER_TOKEN, domain="shop.example", webhook_login=("clarion", WEBHOOK_PASSWORD)
    ) as fake:
        fake.faults.add(Fault(how=How.ANSWER, status=503), Fault(how=How.ANSWER, status=429))
        accounts = json.dumps({"main": account | {"base_url": fake.url}})
        env = {"CLARION_PROVIDERS": accounts, "CLARION_EMAIL_PROVIDER": "main"}
        async with open_house(database, project=build(tmp_path, FILES), env=env) as house:
            integrations: Any = house.api.services.integrations
            integrations["postmark", "main"] = PostmarkCallbacks(WEBHOOK_PASSWORD)
            fake.webhook = f"http://127.0.0.1:{house.api.port}/v1/callbacks/postmark/main"
            people = [{"id": f"p{n}", "name": "Ann", "email": f"p{n}@example.com"} for n in range(5)]
            people.append({"id": "gone", "name": "Ben", "email": "ben@inactive.example"})
            trigger = await house.trigger({"recipients": people}, "ready")
            done = (await house.finished(trigger))["by_channel"]["email"]
            assert (done["sent"], done["failed"]) == (5, 1)
            assert sorted(taken.to for taken in fake.taken) == [f"p{n}@example.com" for n in range(5)]
            first = next(taken for taken in fake.taken if taken.to == "p0@example.com")
            assert "Dear Ann, ready." in first.text
            assert [await fake.report(first.id, record) for record in ("Delivery", "Bounce")] == [200, 200]
            fake._webhook_login = ("clarion", "guessed")
            assert await fake.report(fake.taken[1].id, "Bounce") == 403
            messages = await house.messages(trigger)
            assert messages["p0", "email"]["status"] == "bounced"
            assert messages["p0", "email"]["reason"] == "HardBounce: 550 5.1.1 no such user"
            assert messages["gone", "email"]["reason"].startswith("invalid_recipient")
            assert sum(message["status"] == "sent" for message in messages.values()) == 4
            await house.check()
