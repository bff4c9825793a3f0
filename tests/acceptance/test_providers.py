"""Providers, whole: over HTTP in, by a provider out, its bad days survived, what it tells later believed.

One day that is bad in every way at once: too many requests, a server that is away, one that fails at it, an answer that
is lost. Afterwards nobody has been written to twice, and the provider's ledger and the database say the same, both
ways.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.providers import (
    ACCESS_KEY,
    AWS_SECRET,
    RESEND_KEY,
    RESEND_SECRET,
    SENDGRID_KEY,
    TOPIC,
    ses_fake,
)
from tests.support.providers_sms import VONAGE_KEY, VONAGE_SECRET, VONAGE_SIGNING, vonage_fake

from clarion.channels.open_provider import open_callbacks
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.resend import ResendFake
from clarion.dev.fakes.sendgrid import SendGridFake
from clarion.dev.fakes.sns import SnsFake
from clarion.project.providers import read_accounts

PEOPLE = 12
FILES = {
    "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
    "workflows/mail.yaml": "backoff: {waits: [50ms]}\non_uncertain: hold\nsteps: [{channel: email}]\n",
    "workflows/text.yaml": "backoff: {waits: [50ms]}\non_uncertain: hold\nsteps: [{channel: sms}]\n",
    "templates/mail/email.txt": "---\nsubject: Order {{ payload.orderId }}\n---\nDear {{ recipient.name }}, ready.",
    "templates/text/sms.txt": "Dear {{ recipient.name }}, ready.",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A fake that runs, and what the suite must know of it."""

    channel: str
    fake: Any
    #: The account's table in the settings.
    table: Mapping[str, str]
    #: The words of its own for `sent`, `delivered` and a bounce for good; None where it tells nothing later.
    words: tuple[str, str, str] | None
    #: To whom a mail or a message of the ledger went.
    to: Callable[[Any], str]
    #: Makes it call the address.
    listen: Callable[[str], Awaitable[None]]


@asynccontextmanager
async def _ses() -> AsyncIterator[Line]:
    async with ses_fake() as fake:

        async def listen(url: str) -> None:
            fake.endpoint = url
            assert await fake.subscribe() == 200
            assert len(fake.confirmed) == 1

        keys = {"access_key_id": ACCESS_KEY, "secret_access_key": AWS_SECRET, "topic_arn": TOPIC}
        yield Line(
            channel="email",
            fake=fake,
            table={"kind": "ses", "region": "eu-west-1", **keys},
            words=("Send", "Delivery", "Bounce"),
            to=lambda taken: taken.to[0],
            listen=listen,
        )


@asynccontextmanager
async def _resend() -> AsyncIterator[Line]:
    async with ResendFake(api_key=RESEND_KEY, signing_secret=RESEND_SECRET, domain="shop.example") as fake:
        yield Line(
            channel="email",
            fake=fake,
            table={"kind": "resend", "api_key": RESEND_KEY, "signing_secret": RESEND_SECRET},
            words=("email.sent", "email.delivered", "email.bounced"),
            to=lambda taken: taken.to[0],
            listen=_hook(fake, "webhook"),
        )


@asynccontextmanager
async def _sendgrid() -> AsyncIterator[Line]:
    async with SendGridFake(api_key=SENDGRID_KEY, domain="shop.example") as fake:
        yield Line(
            channel="email",
            fake=fake,
            table={"kind": "sendgrid", "api_key": SENDGRID_KEY, "verification_key": fake.verification_key},
            words=("processed", "delivered", "bounce"),
            to=lambda taken: taken.to,
            listen=_hook(fake, "webhook"),
        )


@asynccontextmanager
async def _vonage() -> AsyncIterator[Line]:
    async with vonage_fake() as fake:
        keys = {"api_key": VONAGE_KEY, "api_secret": VONAGE_SECRET, "signature_secret": VONAGE_SIGNING}
        yield Line(
            channel="sms",
            fake=fake,
            table={"kind": "vonage", "from": "Shop", **keys},
            words=("accepted", "delivered", "failed"),
            to=lambda taken: f"+{taken.to}",
            listen=_hook(fake, "_webhook"),
        )


@asynccontextmanager
async def _sns() -> AsyncIterator[Line]:
    async with SnsFake(access_key=ACCESS_KEY, secret=AWS_SECRET) as fake:
        yield Line(
            channel="sms",
            fake=fake,
            table={
                **{"kind": "sns", "region": "eu-west-1"},
                **{"access_key_id": ACCESS_KEY, "secret_access_key": AWS_SECRET},
            },
            words=None,
            to=lambda taken: taken.to,
            listen=_hook(fake, "webhook"),
        )


def _hook(fake: Any, name: str) -> Callable[[str], Awaitable[None]]:
    async def listen(url: str) -> None:
        setattr(fake, name, url)

    return listen


LINES = {"ses": _ses, "resend": _resend, "sendgrid": _sendgrid, "vonage": _vonage, "sns": _sns}


@pytest.mark.parametrize("kind", LINES)
async def test_a_bad_day_is_survived_and_what_is_told_later_is_believed(
    database: str, tmp_path: Path, kind: str
) -> None:
    async with LINES[kind]() as line:
        line.fake.faults.add(
            Fault(how=How.ANSWER, status=503),
            Fault(how=How.ANSWER, status=429, headers={"retry-after": "1"}),
            Fault(how=How.ANSWER, status=500),
            Fault(how=How.RESET, taken=True),
            Fault(how=How.CLOSE),
        )
        table = {**line.table, "base_url": line.fake.url}
        env = {
            "CLARION_PROVIDERS": json.dumps({"main": table}),
            f"CLARION_{line.channel.upper()}_PROVIDER": "main",
        }
        async with open_house(database, project=build(tmp_path, FILES), env=env) as house:
            trigger = await house.trigger({"recipients": _people()}, "mail" if line.channel == "email" else "text")
            ends = (await house.finished(trigger))["by_channel"][line.channel]
            assert (ends["sent"], ends["unknown"], ends["failed"]) == (PEOPLE - 3, 3, 0)
            await _compare(house, trigger, line)
            if line.words is not None:
                await _tell(house, trigger, line, table)
            await house.check()


def _people() -> list[dict[str, str]]:
    return [
        {"id": f"p{n}", "name": "Ann", "email": f"p{n}@example.com", "phone": f"+4477009000{n:02d}"}
        for n in range(PEOPLE)
    ]


async def _compare(house: House, trigger: str, line: Line) -> None:
    """What was sent was taken, once; what was taken and is not sent, nobody knows of."""
    by_address = {person[_address(line)]: person["id"] for person in _people()}
    taken = {by_address[line.to(one)]: one.id for one in line.fake.taken}
    assert len(taken) == len(line.fake.taken) == PEOPLE - 2, "nobody is written to twice"
    for (person, _), message in (await house.messages(trigger)).items():
        if message["status"] == "sent":
            told = await house.get(message["href"])
            assert (told["provider_message_id"], told["timeline"][1]["provider"][-5:]) == (taken[person], ":main")
        else:
            assert message["status"] == "unknown"
    assert house.smtp.message_ids() == []


async def _tell(house: House, trigger: str, line: Line, table: Mapping[str, str]) -> None:
    """A lost answer is settled, a late bounce corrects what was told before; who is not the provider moves nothing."""
    sent, delivered, bounced = line.words or ("", "", "")
    (account,) = read_accounts({"main": dict(table)})
    integrations: Any = house.api.services.integrations
    integrations[account.kind.name, "main"] = believes = open_callbacks([account])[account.kind.name, "main"]
    await line.listen(f"http://127.0.0.1:{house.api.port}/v1/callbacks/{account.kind.name}/main")
    by_id = {person["id"]: person[_address(line)] for person in _people()}

    async def statuses() -> dict[str, str]:
        messages = await house.messages(trigger)
        return {by_id[person]: message["status"] for (person, _), message in messages.items()}

    before = await statuses()
    lost = next(one for one in line.fake.taken if before[line.to(one)] == "unknown")
    first = next(one for one in line.fake.taken if before[line.to(one)] == "sent")
    assert await line.fake.report(lost.id, sent) == 200
    assert [await line.fake.report(first.id, word) for word in (delivered, bounced, delivered)] == [200, 200, 200]
    now = await statuses()
    assert (now[line.to(lost)], now[line.to(first)]) == ("sent", "bounced")
    changed = {line.to(lost), line.to(first)}
    assert {who: status for who, status in now.items() if who not in changed} == {
        who: status for who, status in before.items() if who not in changed
    }
    # Another account's proof, at this one's address.
    integrations[account.kind.name, "main"] = other = open_callbacks([_stranger(account)])[account.kind.name, "main"]
    assert await line.fake.report(lost.id, bounced) == 403
    assert (await statuses())[line.to(lost)] == "sent"
    await believes.close()
    await other.close()


def _address(line: Line) -> str:
    return "email" if line.channel == "email" else "phone"


def _stranger(account: Any) -> Any:
    """The same account, which believes somebody else."""
    others = {
        "signing_secret": "whsec_" + "b3RoZXJz" * 4,
        "verification_key": SendGridFake(api_key="", domain="").verification_key,
        "signature_secret": "another-secret",
        "topic_arn": TOPIC + "-2",
    }
    return replace(account, values={name: others.get(name, value) for name, value in account.values.items()})
