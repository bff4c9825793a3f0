"""Discord: what goes over the wire, and that discord.py gets on with the fake it is tried against."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from tests.support.chats import DISCORD_HOOK, DISCORD_TOKEN, chat_message, discord_account

from clarion.channels.base import Chat
from clarion.channels.chat.discord_account import read_chat
from clarion.channels.chat.discord_message import escape
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.discord import DiscordFake
from clarion.dev.fakes.faults import Fault, How
from clarion.domain.content import ChatButton, ChatField
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import Invalid

with warnings.catch_warnings():  # it takes something of the standard library that newer ones have not
    warnings.simplefilter("ignore", DeprecationWarning)
    import discord

ROOM, HOOK_ID = "381870553235193857", "223704706495545344"
CARD: Any = {
    "fields": (ChatField(label="**Room**", value="<@123> [x](https://evil.example)"),),
    "buttons": (ChatButton(text="Open **it**", url="https://shop.example/1"),),
}
WORDS = {"title": "Order *1*", "url": "https://shop.example/1", "image": "https://cdn.example/a.png"}


@pytest.fixture
async def fake() -> AsyncIterator[DiscordFake]:
    async with DiscordFake(token=DISCORD_TOKEN) as fake:
        yield fake


async def _send(fake: DiscordFake, *items: Chat, **more: str) -> list[Outcome]:
    provider = open_provider("chat", discord_account(base_url=fake.url, **more))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_the_words_are_read_as_they_are_written_and_nobody_is_called(fake: DiscordFake) -> None:
    text = "@everyone <@123> **no** [x](https://evil.example/a_b)\n# head\n- item\n1. first"
    (outcome,) = await _send(fake, chat_message(ROOM, text, **WORDS))
    (said,) = fake.taken
    assert outcome == Sent(said.id)
    escaped = "@everyone \\<@123\\> \\*\\*no\\*\\* \\[x\\](https://evil.example/a_b)\n\\# head\n\\- item\n1\\. first"
    assert said.body["content"] == f"**[Order \\*1\\*](<https://shop.example/1>)**\n{escaped}"
    assert said.body["allowed_mentions"] == {"parse": []}
    assert said.body["embeds"] == [{"image": {"url": WORDS["image"]}}]
    await _send(fake, chat_message(DISCORD_HOOK, "x", url="https://shop.example/"), token="")
    body = {"content": "x\nhttps://shop.example/", "allowed_mentions": {"parse": []}}
    assert (fake.taken[1].body, fake.taken[1].room) == (body, f"webhook {HOOK_ID}")


async def test_fields_are_an_embed_and_links_are_buttons_also_of_a_webhook(fake: DiscordFake) -> None:
    outcomes = await _send(fake, chat_message(ROOM, "x", **CARD), chat_message(DISCORD_HOOK, "x", **CARD))
    assert all(isinstance(outcome, Sent) for outcome in outcomes), outcomes
    for said in fake.taken:
        value = "\\<@123\\> \\[x\\](https://evil.example)"
        assert said.body["embeds"] == [{"fields": [{"name": "\\*\\*Room\\*\\*", "value": value, "inline": True}]}]
        button = {"type": 2, "style": 5, "label": "Open **it**", "url": "https://shop.example/1"}
        assert said.body["components"] == [{"type": 1, "components": [button]}]
        assert (said.body["content"], said.body["allowed_mentions"]) == ("x", {"parse": []})


async def test_what_comes_again_within_minutes_is_made_once(fake: DiscordFake) -> None:
    item = chat_message(ROOM)
    fake.faults.add(Fault(how=How.RESET, taken=True))
    (first,) = await _send(fake, item)
    (second,) = await _send(fake, item)
    assert isinstance(first, Uncertain)
    assert second == Sent(fake.taken[0].id)
    assert len(fake.taken) == 1


async def test_each_refusal_is_what_it_says(fake: DiscordFake) -> None:
    unknown, closed, forbidden = ("38187055323519385" + end for end in "123")
    fake.rooms |= {"unknown": {unknown}, "closed": {closed}, "forbidden": {forbidden}, "gone": {HOOK_ID}}
    items = [chat_message(room) for room in (unknown, closed, DISCORD_HOOK, forbidden)]
    outcomes = await _send(fake, *items, chat_message(ROOM, "*" * 1_001))
    assert [(one.code, one.feedback) for one in outcomes if isinstance(one, Reject)] == [
        *[("invalid_recipient", Feedback.DEAD_TOKEN)] * 3,
        ("destination_refused", None),
        ("too_large", None),
    ]
    assert DISCORD_HOOK.rpartition("/")[2] not in str(outcomes)
    assert fake.asked == 4, "what is too long is not even asked"
    (own,) = await _send(fake, chat_message(), url=DISCORD_HOOK)
    assert isinstance(own, Retry)
    assert own.pause_provider, "an operator's mistake burns no message"


@pytest.mark.parametrize("hook", [False, True])
@pytest.mark.parametrize("everywhere", [False, True, None])
async def test_only_the_room_that_is_busy_waits(fake: DiscordFake, hook: bool, everywhere: bool | None) -> None:
    body = json.dumps({"message": "You are being rate limited.", "retry_after": 64.57, "global": everywhere})
    headers = {"retry-after": "65"}
    body = "" if everywhere is None else body
    fake.faults.add(Fault(how=How.ANSWER, status=429, headers=headers, body=body))
    (outcome,) = await _send(fake, chat_message(DISCORD_HOOK if hook else ROOM))
    assert isinstance(outcome, Retry)
    alone = everywhere is False
    assert (outcome.pause_provider, outcome.unspent, outcome.blameless) == (not alone, alone, True)
    assert outcome.after == timedelta(seconds=65 if everywhere is None else 64.57)


async def test_a_room_that_is_used_up_is_not_asked_until_it_is_free(fake: DiscordFake) -> None:
    """Discord counts what it refuses, and shuts out who is refused too often."""
    fake.bucket = (5, 60.5)
    provider = open_provider("chat", discord_account(base_url=fake.url))
    outcomes = await provider.send([chat_message(ROOM) for _ in range(25)])
    asked = fake.asked
    (again, other) = await provider.send([chat_message(ROOM), chat_message(ROOM[:-1] + "9")])
    await provider.close()
    assert [isinstance(one, Sent) for one in outcomes] == [True] * 5 + [False] * 20
    waits = [one for one in [*outcomes, again] if isinstance(one, Retry)]
    assert len(waits) == 21
    assert all(
        one.unspent and one.after and timedelta(seconds=59) < one.after <= timedelta(seconds=60.5) for one in waits
    )
    assert asked < 10, "few are on their way at once, and the fifth says that it was the last"
    assert isinstance(other, Sent), "no other room waits"
    assert fake.asked == asked + 1


def test_addresses_stay_links_and_all_else_is_as_it_was_written() -> None:
    assert escape("see https://a.example/x_y_z?a=*b* *now*") == "see https://a.example/x_y_z?a=*b* \\*now\\*"
    assert escape("https://a.example/x_y", all_of_it=True) == "https://a.example/x\\_y"
    assert escape("a-b 1.5 - x\n  - y\n+ z") == "a-b 1.5 - x\n  \\- y\n\\+ z"
    assert escape("back\\slash `code` ||spoiler|| ~~no~~ > q") == (
        "back\\\\slash \\`code\\` \\|\\|spoiler\\|\\| \\~\\~no\\~\\~ \\> q"
    )


def test_an_address_has_one_form() -> None:
    token = DISCORD_HOOK.rpartition("/")[2]
    usual = f"https://discord.com/api/v10/webhooks/{HOOK_ID}/{token}"
    for start in ("https://discord.com/api", "https://ptb.discord.com/api/v9", "https://discordapp.com/api"):
        assert read_chat(f"{start}/webhooks/{HOOK_ID}/{token}") == usual
    assert read_chat(f"{usual}?thread_id={ROOM}") == f"{usual}?thread_id={ROOM}"
    for wrong in (
        *(usual.replace("discord.com", "discord.com.evil.example"), usual.replace("https", "http"), usual + "/github"),
        *(
            usual.replace("discord.com", "evil@discord.com"),
            "12345",
            "#general",
            usual + "?wait=true",
            usual + "/../..",
        ),
    ):
        with pytest.raises(Invalid) as caught:
            read_chat(wrong)
        assert token not in caught.value.message


@pytest.fixture
def led(fake: DiscordFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library, which knows one address, led to the fake."""
    monkeypatch.setattr(discord.http.Route, "BASE", f"{fake.url}/api/v10")


@pytest.mark.usefixtures("led")
async def test_the_library_sends_as_a_bot_what_we_send(fake: DiscordFake) -> None:
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(DISCORD_TOKEN)
        room = client.get_partial_messageable(int(ROOM))
        embed = discord.Embed()
        embed.set_image(url=WORDS["image"])
        none = discord.AllowedMentions.none()
        message = await room.send("**Hi**", embed=embed, nonce="abc", allowed_mentions=none)
        assert (message.content, str(message.id)) == ("**Hi**", fake.taken[0].id)
        await _send(fake, chat_message(ROOM, "Hi", title="Hi", image=WORDS["image"]))
        theirs, ours = (said.body for said in fake.taken)
        image = ours["embeds"][0]["image"]  # type: ignore[index]
        assert theirs["embeds"][0]["image"] == image  # type: ignore[index]
        assert theirs["allowed_mentions"]["parse"] == ours["allowed_mentions"]["parse"] == []  # type: ignore[index]
        assert theirs["enforce_nonce"] == ours["enforce_nonce"] is True
        fake.rooms["unknown"].add(ROOM)
        with pytest.raises(discord.NotFound) as caught:
            await room.send("x")
        assert caught.value.code == 10003
        with pytest.raises(discord.HTTPException) as long:
            await client.get_partial_messageable(int(ROOM) + 1).send("x" * 2_001)
        assert (long.value.code, "2000 or fewer in length" in str(long.value)) == (50035, True)
        stranger = discord.Client(intents=discord.Intents.none())
        with pytest.raises(discord.LoginFailure):
            await stranger.login("other")
        await stranger.close()


@pytest.mark.usefixtures("led")
async def test_the_library_sends_the_fields_and_buttons_that_we_send(fake: DiscordFake) -> None:
    card = {"fields": (ChatField(label="Room", value="2"),), "buttons": CARD["buttons"]}
    await _send(fake, chat_message(ROOM, "x", **card))
    view = discord.ui.View()
    view.add_item(discord.ui.Button(label="Open **it**", url="https://shop.example/1"))
    embed = discord.Embed().add_field(name="Room", value="2")
    async with discord.Client(intents=discord.Intents.none()) as client, aiohttp.ClientSession() as session:
        await client.login(DISCORD_TOKEN)
        room = client.get_partial_messageable(int(ROOM))
        message = await room.send("x", embed=embed, view=view)
        (row,) = message.components
        assert isinstance(row, discord.ActionRow)
        assert [(one.label, one.url) for one in row.children if isinstance(one, discord.Button)] == [
            ("Open **it**", "https://shop.example/1")
        ]
        await discord.Webhook.from_url(DISCORD_HOOK, session=session).send("x", embed=embed, view=view)
        bodies = [said.body for said in fake.taken]
        for body in bodies:
            (ours, *_), (mine, *_) = body["embeds"], bodies[0]["embeds"]  # type: ignore[misc]
            assert ours["fields"] == mine["fields"]  # type: ignore[has-type]
            (pressed,) = body["components"][0]["components"]  # type: ignore[index]
            assert pressed.items() >= bodies[0]["components"][0]["components"][0].items()  # type: ignore[index]
        assert not view.is_dispatchable(), "no application need hear that it was pressed"
        wrong: list[dict[str, Any]] = [
            {"embed": discord.Embed().add_field(name="x" * 257, value="x")},
            {"embed": discord.Embed().add_field(name="x", value="x" * 1_025)},
            {"embed": discord.Embed().add_field(name="", value="x")},
            {"embeds": [discord.Embed(description="x" * 4_000).add_field(name="x", value="x" * 1_000)] * 2},
            {"view": discord.ui.View().add_item(discord.ui.Button(label="x", url="https://x.example/" + "x" * 500))},
            {"view": discord.ui.View().add_item(discord.ui.Button(label="x", url="nowhere"))},
        ]
        for given in wrong:
            with pytest.raises(discord.HTTPException) as caught:
                await room.send("x", **given)
            assert caught.value.code == 50035, given
    there = f"{fake.url}/api{DISCORD_HOOK.partition('/api')[2]}?wait=true"
    async with aiohttp.ClientSession() as session, session.post(there, json=bodies[0]) as reply:
        assert reply.status == 400, "a webhook that does not ask for buttons has none"


@pytest.mark.usefixtures("led")
async def test_the_library_sends_as_a_webhook(fake: DiscordFake) -> None:
    async with aiohttp.ClientSession() as session:
        hook = discord.Webhook.from_url(DISCORD_HOOK, session=session)
        message = await hook.send("Hi", wait=True, allowed_mentions=discord.AllowedMentions.none())
        assert (str(message.id), fake.taken[0].body["content"]) == (fake.taken[0].id, "Hi")
        fake.rooms["gone"].add(HOOK_ID)
        with pytest.raises(discord.NotFound) as caught:
            await hook.send("Hi", wait=True)
        assert caught.value.code == 10015
