"""Apprise: one address for an account, threads that are bounded, and no more certainty than the library has."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter
from tests.support.apprise import AppriseCase
from tests.support.chats import chat_message
from tests.support.endpoint import Answer, EndpointServer, cut, hang, status
from tests.support.providers import account_at
from tests.support.smtp_certificate import make_certificate, server_context

from clarion.channels.account import Account
from clarion.channels.chat.apprise import Apprise
from clarion.channels.chat.apprise_answer import outcome_of
from clarion.channels.chat.apprise_call import is_known
from clarion.channels.chat.apprise_reading import bound
from clarion.dev.fakes.faults import Fault, How
from clarion.domain.content import ChatButton, ChatField
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import Invalid
from clarion.project.providers import read_accounts

SECRET = "5ecre7c0ffee"


def _account(port: int, scheme: str = "json", **more: str) -> Account:
    url = f"{scheme}://user:{SECRET}@127.0.0.1:{port}/room?retry=5&optional=yes"
    return account_at("tail", {"kind": "apprise", "url": url, **more}, None)


async def _send(server: EndpointServer, *, to: str = "", **words: Any) -> Outcome:
    provider = Apprise(_account(server.port))
    (outcome,) = await provider.send([chat_message(to, **words)])
    await provider.close()
    assert SECRET not in f"{outcome!r} {provider!r} {vars(provider)!r}"
    return outcome


async def test_what_it_is_given_arrives_as_text() -> None:
    async with EndpointServer(answer=status(200)) as server:
        outcome = await _send(server, text="*It* is <ready> & :smile:", title="Order", url="https://shop.example/1")
        assert outcome == Sent("taken by JSON")
        said = json.loads(server.posted[0].body)
        assert (said["title"], said["message"]) == ("Order", "*It* is <ready> & :smile:\nhttps://shop.example/1")
        card: Any = {
            "fields": (ChatField(label="Room", value="2"),),
            "buttons": (ChatButton(text="Open", url="https://a.b"),),
        }
        assert isinstance(await _send(server, text="x", **card), Sent)
        assert json.loads(server.posted[1].body)["message"] == "x\nRoom: 2\nOpen: https://a.b"
        refused = await _send(server, to="elsewhere")
        assert isinstance(refused, Reject)
        assert (refused.code, len(server.posted)) == ("destination_refused", 2)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status(202), Sent),
        (status(204), Sent),
        (status(200, body=b'{"error": "no"}'), Sent),
        *((status(code), Retry) for code in (301, 401, 403, 404, 405)),
        (status(429), Retry),
        (status(503), Retry),
        *((status(code), Reject) for code in (400, 409, 410, 413)),
        *((status(code), Uncertain) for code in (500, 502, 504)),
        (cut, Uncertain),
    ],
)
async def test_it_knows_no_more_than_the_library_says(answer: Answer, expected: type) -> None:
    async with EndpointServer(answer=answer) as server:
        outcome = await _send(server)
        assert isinstance(outcome, expected), outcome
        assert len(server.posted) == 1, "only Clarion tries again, and an optional failure is one"


async def test_a_redirect_is_not_followed() -> None:
    async with EndpointServer() as inside, EndpointServer() as server:
        server.answer = status(307, f"location: http://127.0.0.1:{inside.port}/")
        assert isinstance(await _send(server), Retry)
        assert (len(server.posted), inside.connections) == (1, 0)


@pytest.mark.parametrize("how", [How.ENDLESS, How.HUGE, How.DRIP, How.GZIP_BOMB])
async def test_an_answer_without_end_is_not_read(how: How, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status decides, and neither memory nor a thread is spent on the rest."""
    case = AppriseCase()
    with monkeypatch.context() as soon:
        soon.setattr(HTTPAdapter, "build_response", HTTPAdapter.build_response)
        bound(longest_s=0.5)
        async with case.running():
            case.faults.add(Fault(how=how, status=200, taken=True), Fault(how=how, status=503))
            provider = case.provider()
            outcomes = [(await provider.send([case.item()]))[0] for _ in range(2)]
            assert [type(one) for one in outcomes] == [Sent, Retry], outcomes


async def test_nobody_there_is_no_more_certain_to_it() -> None:
    async with EndpointServer() as server:
        pass
    assert isinstance(await _send(server), Uncertain)


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    async with EndpointServer(tls=server_context(certificate, key)) as server:
        provider = Apprise(_account(server.port, "jsons"))
        (outcome,) = await provider.send([chat_message()])
        await provider.close()
        assert isinstance(outcome, Uncertain)
        assert server.posted == []


async def test_what_does_not_end_holds_up_no_more_than_its_places() -> None:
    async with EndpointServer(answer=hang) as server:
        provider = Apprise(_account(server.port, connections="2"), deadline=timedelta(seconds=0.3))
        outcomes = await provider.send([chat_message() for _ in range(4)])
        assert sorted(type(one).__name__ for one in outcomes) == ["Retry", "Retry", "Uncertain", "Uncertain"]
        assert all(one.pause_provider for one in outcomes if isinstance(one, Retry))
    # The server is gone, and so the calls end: their places are free again.
    async with asyncio.timeout(20):
        while any(isinstance(one, Retry) for one in await provider.send([chat_message()])):
            pass
    await provider.close()


def test_lines_that_name_several_statuses_name_none() -> None:
    for logged in (["error=404.", "error=500."], ["no status"], []):
        assert isinstance(outcome_of("FAILURE", "X", logged), Uncertain)
    assert isinstance(outcome_of("TIMEOUT", "X", ["error=404."]), Uncertain)
    assert isinstance(outcome_of("NOMATCH", "X", []), Retry)


def test_what_apprise_knows_nothing_of_is_told_and_not_repeated() -> None:
    assert is_known("ntfy://ntfy.example/topic")
    for url in (f"nope://{SECRET}", f"json:{SECRET}", f"slack://{SECRET}"):
        with pytest.raises((ValueError, Invalid)) as caught:
            read_accounts({"tail": {"kind": "apprise", "url": url}})
        assert SECRET not in str(caught.value)
