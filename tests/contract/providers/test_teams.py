"""Teams: what goes over the wire. No library is kept up for workflows, so that none has tried the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.chats import TEAMS_SIGNATURE, chat_message, teams_account, teams_url

from clarion.channels.base import Chat
from clarion.channels.chat.teams_account import read_chat
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.teams import TeamsFake
from clarion.dev.fakes.teams_rules import refusal_of
from clarion.domain.content import ChatButton, ChatField
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import Invalid


@pytest.fixture
async def fake() -> AsyncIterator[TeamsFake]:
    async with TeamsFake(signature=TEAMS_SIGNATURE) as fake:
        yield fake


async def _send(fake: TeamsFake, *items: Chat, **more: str) -> list[Outcome]:
    provider = open_provider("chat", teams_account(base_url=fake.url, **more))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_the_words_are_runs_of_text_in_a_card(fake: TeamsFake) -> None:
    words = {"title": "Order **1**", "url": "https://shop.example/1", "image": "https://cdn.example/a.png"}
    (outcome,) = await _send(fake, chat_message(teams_url("one"), "**no** [x](y)\n\nlast", **words))
    (said,) = fake.taken
    assert outcome == Sent(said.id)
    (attachment,) = said.body["attachments"]  # type: ignore[misc]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"  # type: ignore[has-type]
    body = attachment["content"]["body"]  # type: ignore[has-type]
    assert [one["type"] for one in body] == [*["RichTextBlock"] * 4, "Image"]
    assert [one["inlines"][0]["text"] for one in body[:-1]] == ["Order **1**", "**no** [x](y)", " ", "last"]
    assert body[0]["inlines"][0]["selectAction"] == {"type": "Action.OpenUrl", "url": "https://shop.example/1"}
    assert (said.room, TEAMS_SIGNATURE in str(fake.ledger())) == ("one", False)
    (own,) = await _send(fake, chat_message("", "x", url="https://shop.example/"), url=teams_url("own"))
    assert (isinstance(own, Sent), fake.taken[1].room) == (True, "own")


async def test_fields_are_rows_of_runs_and_links_are_actions(fake: TeamsFake) -> None:
    card = {
        "fields": (ChatField(label="**Room**", value="[2](https://evil.example)\n{{DATE(2026-01-01T00:00:00Z)}}"),),
        "buttons": (ChatButton(text="Open", url="https://shop.example/1"),),
    }
    (outcome,) = await _send(fake, chat_message(teams_url("one"), "x", **card))
    assert isinstance(outcome, Sent)
    content = fake.taken[0].body["attachments"][0]["content"]  # type: ignore[index]
    label, value = content["body"][1]["columns"]
    runs = [[one["inlines"][0]["text"] for one in column["items"]] for column in (label, value)]
    assert runs == [["**Room**"], ["[2](https://evil.example)", "{{DATE(2026-01-01T00:00:00Z)}}"]]
    assert {one["type"] for column in (label, value) for one in column["items"]} == {"RichTextBlock"}, "no Markdown"
    assert label["items"][0]["inlines"][0]["weight"] == "Bolder"
    assert content["actions"] == [{"type": "Action.OpenUrl", "url": "https://shop.example/1", "title": "Open"}]
    for more in (6, 7):
        wrong = {**content, "actions": content["actions"] * more}
        posted = {"type": "message", "attachments": [{**fake.taken[0].body["attachments"][0], "content": wrong}]}  # type: ignore[index]
        assert (refusal_of(posted) is None) == (more == 6)


async def test_each_refusal_is_what_it_says(fake: TeamsFake) -> None:
    fake.rooms |= {"deleted": {"gone"}, "off": {"off"}}
    wrong = teams_url("one").replace(TEAMS_SIGNATURE, "5ecre7-and-made-anew-since-then")
    items = [chat_message(room) for room in (teams_url("gone"), teams_url("off"), wrong)]
    outcomes = await _send(fake, *items, chat_message(teams_url("one"), "x" * 28_000))
    assert [(one.code, one.feedback) for one in outcomes if isinstance(one, Reject)] == [
        *[("invalid_recipient", Feedback.DEAD_TOKEN)] * 3,
        ("too_large", None),
    ]
    (own,) = await _send(fake, chat_message(), url=teams_url("gone"))
    assert isinstance(own, Retry)
    assert own.pause_provider, "an operator's mistake burns no message"


async def test_a_run_that_is_not_named_was_taken_all_the_same(fake: TeamsFake) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=202), Fault(how=How.ANSWER, status=200, body="done"))
    outcomes = [(await _send(fake, chat_message(teams_url("one"))))[0] for _ in range(2)]
    assert outcomes == [Sent("HTTP 202"), Sent("HTTP 200")]


async def test_no_reason_repeats_an_address(fake: TeamsFake) -> None:
    url = teams_url("one")
    fake.faults.add(Fault(how=How.ANSWER, status=400, body=f"no: {url[url.index('?') :]} sig={TEAMS_SIGNATURE}"))
    (outcome,) = await _send(fake, chat_message(url))
    assert isinstance(outcome, Reject)
    assert TEAMS_SIGNATURE not in str(outcome)


async def test_a_host_that_is_not_there_holds_up_no_other() -> None:
    """Who names one costs the account nothing: no pause, and no breaker opens for it."""
    nowhere = chat_message("https://nowhere.invalid/workflows/x/triggers/manual/paths/invoke?sig=x")
    provider = open_provider("chat", teams_account())
    outcomes = [(await provider.send([nowhere]))[0] for _ in range(7)]
    await provider.close()
    assert all(isinstance(one, Retry) and one.blameless and not one.pause_provider for one in outcomes)
    assert isinstance(outcomes[-1], Retry)
    assert outcomes[-1].unspent
    assert timedelta(seconds=20) < (outcomes[-1].after or timedelta(0)) <= timedelta(seconds=30)


@pytest.mark.parametrize(("status", "waits"), [(429, True), (503, True), (500, False), (405, False), (302, False)])
async def test_what_a_room_that_others_name_answers_concerns_it_alone(
    fake: TeamsFake, status: int, waits: bool
) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=status, headers={"retry-after": "30"}))
    (outcome,) = await _send(fake, chat_message(teams_url("one")))
    assert isinstance(outcome, Retry | Uncertain)
    assert outcome.blameless
    if isinstance(outcome, Retry):
        assert (outcome.pause_provider, outcome.unspent) == (False, waits)
    fake.faults.add(Fault(how=How.ANSWER, status=status, headers={"retry-after": "30"}))
    (own,) = await _send(fake, chat_message(), url=teams_url("own"))
    assert not isinstance(own, Retry) or own.pause_provider, "of the account's own all wait"


async def test_nothing_in_a_network_is_asked_whatever_stands_in_the_database() -> None:
    provider = open_provider("chat", teams_account())
    inside = ("127.0.0.1", "169.254.169.254", "[::1]", "localhost", "10.0.0.1")
    items = [chat_message(f"https://{host}/workflows/x/triggers/manual/paths/invoke?sig=x") for host in inside]
    outcomes = await provider.send(items)
    await provider.close()
    assert [(type(one), getattr(one, "code", "")) for one in outcomes] == [(Reject, "url_not_allowed")] * len(inside)


def test_only_a_workflows_address_is_one() -> None:
    usual = teams_url("one")
    newer = (
        "https://default0123456789abcdef.01.environment.api.powerplatform.com:443/powerautomate/automations/direct"
        f"/workflows/abc/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers&sv=1.0&sig={TEAMS_SIGNATURE}"
    )
    assert (read_chat(usual), read_chat(newer)) == (usual, newer)
    for wrong in (
        usual.replace("logic.azure.com", "logic.azure.com.evil.example"),
        usual.replace("https", "http"),
        usual.replace(":443", ":8443"),
        usual.partition("?")[0],
        usual.replace("/workflows/", "/../workflows/"),
        f"https://169.254.169.254/workflows/x/triggers/manual/paths/invoke?sig={TEAMS_SIGNATURE}",
        f"https://logic.azure.com@127.0.0.1/workflows/x/triggers/manual/paths/invoke?sig={TEAMS_SIGNATURE}",
        "general",
    ):
        with pytest.raises(Invalid) as caught:
            read_chat(wrong)
        assert TEAMS_SIGNATURE not in caught.value.message
    with pytest.raises(Invalid, match="retired"):
        read_chat("https://shop.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d")
