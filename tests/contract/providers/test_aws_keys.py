"""Keys of roles at Amazon: where they are had, renewed before they run out, and that Amazon's library has the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.support.endpoint import EndpointServer, hang, status
from tests.support.providers import ACCESS_KEY, AWS_SECRET, mail_message, ses_fake, text_message

from clarion import clock
from clarion.channels.account import Account
from clarion.channels.aws.access import Access, open_access
from clarion.channels.aws.container import Container
from clarion.channels.aws.keys import Keys
from clarion.channels.email.ses import Ses
from clarion.channels.sms.sns import Sns
from clarion.dev.fakes.aws_roles import CONTAINER, ROLE, AwsRolesFake
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.ses import SesFake
from clarion.dev.fakes.sns import SnsFake
from clarion.domain.outcome import Outcome, Retry, Sent
from clarion.http.client import Patience
from clarion.project.providers import read_accounts, with_variables

TOKEN = "eyJ5ecre7." + "c0ffee" * 8
WAYS = ["container", "web_identity", "instance"]


@pytest.fixture
async def roles() -> AsyncIterator[AwsRolesFake]:
    async with AwsRolesFake(token=TOKEN) as roles:
        yield roles


@pytest.fixture
async def ses(roles: AwsRolesFake) -> AsyncIterator[SesFake]:
    """A fake of SES where that role is let in."""
    async with ses_fake(sessions=roles.sessions) as fake:
        yield fake


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What the platform writes for the container."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[timedelta]]:
    """How far both clocks are moved on: the last of the list counts."""
    now, monotonic, by = clock.now, clock.monotonic, [timedelta(0)]
    monkeypatch.setattr(clock, "now", lambda: now() + by[-1])
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + by[-1].total_seconds())
    yield by


def _variables(roles: AwsRolesFake, file: Path) -> dict[str, str]:
    """What a platform that gives roles puts into the environment."""
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": roles.url + CONTAINER,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": roles.url,
    }


def _account(way: str, kind: str, variables: dict[str, str], base_url: str) -> Account:
    accounts = read_accounts({"main": {"kind": kind, "region": "eu-west-1", "credentials": way}})
    (account,) = with_variables(accounts, variables)
    values = {**account.values, "base_url": base_url}
    return replace(account, values=values, from_domains=frozenset({"shop.example"}))


async def _send(provider: Ses | Sns, item: Any) -> Outcome:
    try:
        return (await provider.send([item]))[0]
    finally:
        await provider.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_role_sends_mail_and_text(roles: AwsRolesFake, ses: SesFake, file: Path, way: str) -> None:
    """STS and SES are one server to a fake: so its account of SES asks the roles, and sends to the other."""
    variables = _variables(roles, file)
    account = _account(way, "ses", variables, ses.url)
    provider = Ses(account)
    provider._access = open_access(replace(account, values={**account.values, "base_url": roles.url}))
    outcomes = await provider.send([mail_message() for _ in range(3)])
    assert [type(one) for one in outcomes] == [Sent] * 3, outcomes
    assert (roles.asked, len(ses.taken)) == (1, 3), "they are asked for once"
    roles.sessions.take_back()
    refused = await provider.send([mail_message()])
    assert isinstance(refused[0], Retry), refused
    assert refused[0].pause_provider
    assert isinstance(await _send(provider, mail_message()), Sent), "the next ones are new"
    assert roles.asked == 2
    async with SnsFake(access_key=ACCESS_KEY, secret=AWS_SECRET, sessions=roles.sessions) as sns:
        account = _account(way, "sns", variables, sns.url)
        texts = Sns(account)
        texts._access = open_access(replace(account, values={**account.values, "base_url": roles.url}))
        assert isinstance(await _send(texts, text_message("+447700900000")), Sent)
        assert TOKEN not in f"{texts!r} {vars(texts)!r} {vars(texts._access)!r}"
        assert roles.sessions.given[-1].secret not in f"{vars(texts._access)!r}"


@pytest.mark.parametrize("way", WAYS)
async def test_amazons_library_has_its_keys_of_the_fake(
    roles: AwsRolesFake, ses: SesFake, file: Path, way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = {"container": "CONTAINER", "web_identity": "ROLE WEB_IDENTITY", "instance": "EC2"}[way].split()
    for name, value in _variables(roles, file).items():
        if any(f"AWS_{word}" in name for word in wanted):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", roles.url)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))

    def send() -> Any:
        session = boto3.Session(region_name="eu-west-1")
        once = Config(retries={"total_max_attempts": 1}, proxies={})
        client = session.client("sesv2", endpoint_url=ses.url, config=once)
        raw = b"From: shop@shop.example\r\nTo: a@example.com\r\nSubject: Hi\r\n\r\nHi\r\n"
        return client.send_email(Content={"Raw": {"Data": raw}}, Destination={"ToAddresses": ["a@example.com"]})

    answer = await asyncio.to_thread(send)
    assert answer["MessageId"] == ses.taken[0].id
    assert roles.asked >= 1


async def test_keys_are_renewed_before_they_run_out_and_old_ones_serve_till_then(
    roles: AwsRolesFake, file: Path, moved: list[timedelta]
) -> None:
    access = Access(Container(roles.url + CONTAINER, str(file)))
    first = await asyncio.gather(*(access.keys() for _ in range(20)))
    assert (roles.asked, len({one.access_key for one in first if isinstance(one, Keys)})) == (1, 1)
    moved.append(timedelta(minutes=47))
    assert await access.keys() == first[0]
    moved.append(timedelta(minutes=49))
    roles.faults.add(Fault(how=How.ANSWER, status=500))
    assert await access.keys() == first[0], "new ones cannot be had, and these are still good"
    assert await access.keys() == first[0]
    assert roles.asked == 2, "the next look is after a rest"
    moved.append(timedelta(minutes=50))
    second = await access.keys()
    assert isinstance(second, Keys) and second != first[0]
    moved.append(timedelta(minutes=50 + 60))
    roles.faults.add(Fault(how=How.ANSWER, status=500))
    gone = await access.keys()
    assert isinstance(gone, Retry) and gone.pause_provider, "the old ones have run out"
    file.write_text("another\n")  # noqa: ASYNC240
    refused = await access.keys()
    assert isinstance(refused, Retry)
    assert refused.after == timedelta(minutes=1)
    assert "HTTP 401" in refused.reason and "another" not in refused.reason
    roles.token = "another"
    assert isinstance(await access.keys(), Keys), "the file is read each time"
    await access.close()


async def test_a_short_life_is_halved(roles: AwsRolesFake, file: Path, moved: list[timedelta]) -> None:
    roles.lifetime = timedelta(minutes=10)
    access = Access(Container(roles.url + CONTAINER, str(file)))
    first = await access.keys()
    moved.append(timedelta(minutes=4))
    assert await access.keys() == first
    moved.append(timedelta(minutes=6))
    assert await access.keys() != first
    await access.close()


@pytest.mark.parametrize(
    "answer",
    [
        hang,
        status(500),
        status(200, body=b"no"),
        status(200, body=b'{"AccessKeyId": "ASIA", "SecretAccessKey": "s"}'),
        status(
            200, body=b'{"AccessKeyId":"A","SecretAccessKey":"s","Token":"a\\nb","Expiration":"2099-01-01T00:00:00Z"}'
        ),
        status(200, body=b'{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"soon"}'),
        status(302, "location: http://127.0.0.1:1/"),
    ],
)
async def test_what_gives_no_keys_makes_everybody_wait(answer: Any) -> None:
    quick = Patience(connect=timedelta(seconds=0.3), total=timedelta(seconds=0.3))
    async with EndpointServer(answer=answer) as server:
        access = Access(Container(f"http://127.0.0.1:{server.port}/", None, patience=quick))
        keys = await access.keys()
        await access.close()
    assert isinstance(keys, Retry)
    assert keys.pause_provider
    assert keys.reason.startswith("no access keys: ")


async def test_a_platform_that_says_nothing_makes_everybody_wait_and_says_so() -> None:
    for way in ("container", "web_identity"):
        provider = Ses(_account(way, "ses", {}, "http://127.0.0.1:9"))
        outcome = await _send(provider, mail_message())
        assert isinstance(outcome, Retry) and outcome.pause_provider
        assert f"`credentials = {way}`" in outcome.reason
    missing = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"}
    outcome = await _send(Ses(_account("web_identity", "ses", missing, "http://127.0.0.1:9")), mail_message())
    assert isinstance(outcome, Retry)
    assert "'/nowhere/token' cannot be read" in outcome.reason
