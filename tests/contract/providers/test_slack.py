"""Slack: what goes over the wire, and that Slack's own library gets on with the fake it is tried against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, PlainTextObject, SectionBlock
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient
from tests.support.chats import SLACK_HOOK, SLACK_TOKEN, chat_message, slack_account

from clarion.channels.base import Chat
from clarion.channels.chat.slack_account import read_chat
from clarion.channels.open_provider import open_provider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.slack import SlackFake
from clarion.domain.content import ChatButton, ChatField
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import Invalid

ROOM = "C024BE91L"
CARD: Any = {
    "fields": (ChatField(label="*Room* <!here>", value="2 :smile:"), ChatField(label="Note", value="a\n<b>")),
    "buttons": (ChatButton(text="Open *it*", url="https://shop.example/1?a=1&b=2"),),
}
WORDS = {"title": "Order <1> & co", "url": "https://shop.example/1", "image": "https://cdn.example/a.png"}


@pytest.fixture
async def fake() -> AsyncIterator[SlackFake]:
    async with SlackFake(token=SLACK_TOKEN) as fake:
        yield fake


async def _send(fake: SlackFake, *items: Chat, **more: str) -> list[Outcome]:
    provider = open_provider("chat", slack_account(base_url=fake.url, **more))
    try:
        return await provider.send(items)
    finally:
        await provider.close()


async def test_the_words_are_read_as_they_are_written(fake: SlackFake) -> None:
    text = "<!channel> *bold* & <https://evil.example|here>"
    (outcome, plain) = await _send(fake, chat_message(ROOM, text, **WORDS), chat_message(ROOM, text))
    (said, bare) = sorted(fake.taken, key=lambda one: "blocks" not in one.body)
    assert {outcome, plain} == {Sent(said.id), Sent(bare.id)}
    escaped = "&lt;!channel&gt; *bold* &amp; &lt;https://evil.example|here&gt;"
    assert bare.body == {"channel": ROOM, "text": escaped, "mrkdwn": False}
    assert said.body["text"] == f"Order &lt;1&gt; &amp; co\n{escaped}"
    rich, image = said.body["blocks"]  # type: ignore[misc]
    head, line, words = rich["elements"][0]["elements"]  # type: ignore[has-type]
    assert head == {"type": "link", "url": WORDS["url"], "text": "Order <1> & co", "style": {"bold": True}}
    assert (line["text"], words) == ("\n", {"type": "text", "text": text}), "in rich text nothing is read as markup"
    assert image == {"type": "image", "image_url": WORDS["image"], "alt_text": "Order <1> & co"}  # type: ignore[has-type]


async def test_fields_and_buttons_are_blocks_of_plain_text(fake: SlackFake) -> None:
    outcomes = await _send(fake, chat_message(ROOM, **CARD), chat_message(SLACK_HOOK, **CARD))
    assert all(isinstance(outcome, Sent) for outcome in outcomes), outcomes
    body, hook = sorted((said.body for said in fake.taken), key=lambda body: "channel" not in body)
    assert hook["blocks"] == body["blocks"]
    _, section, actions = body["blocks"]  # type: ignore[misc]
    texts = ["*Room* <!here>\n2 :smile:", "Note\na\n<b>"]
    plain = [{"type": "plain_text", "text": text, "emoji": False} for text in texts]
    assert section == {"type": "section", "fields": plain}  # type: ignore[has-type]
    (button,) = actions["elements"]  # type: ignore[has-type]
    assert (button["text"]["text"], button["url"]) == ("Open *it*", "https://shop.example/1?a=1&b=2")
    said = "Your order is ready.\n*Room* &lt;!here&gt;: 2 :smile:\nNote: a\n&lt;b&gt;\nOpen *it*: "
    assert body["text"] == f"{said}https://shop.example/1?a=1&amp;b=2", "what notifications show has all of it"


async def test_a_webhook_needs_no_token_and_names_no_message(fake: SlackFake) -> None:
    outcomes = await _send(fake, chat_message(SLACK_HOOK, **WORDS), chat_message(ROOM), token="")
    assert outcomes[0] == Sent("ok")
    assert isinstance(outcomes[1], Reject)
    assert (outcomes[1].code, "writes to webhooks alone" in outcomes[1].reason) == ("destination_refused", True)
    (said,) = fake.taken
    assert said.room == "T0FAKE001/B0FAKE001", "the fake's ledger has no secret in it"
    (own,) = await _send(fake, chat_message(), token="", url=SLACK_HOOK)
    assert own == Sent("ok")


async def test_each_refusal_is_what_it_says(fake: SlackFake) -> None:
    fake.rooms |= {"unknown": {"C0UNKNOWN"}, "archived": {"C0ARCHIVE"}, "not_in": {"C0PRIVATE"}}
    fake.rooms["gone"] = {SLACK_HOOK.partition("/services/")[2]}
    outcomes = await _send(
        fake,
        *(chat_message(room) for room in ("C0UNKNOWN", "C0ARCHIVE", SLACK_HOOK, "C0PRIVATE")),
        chat_message(ROOM, "x" * 40_001),
    )
    assert [(one.code, one.feedback) for one in outcomes if isinstance(one, Reject)] == [
        *[("invalid_recipient", Feedback.DEAD_TOKEN)] * 3,
        ("destination_refused", None),
        ("too_large", None),
    ]
    assert SLACK_HOOK.rpartition("/")[2] not in str(outcomes)
    fake.revoked = True
    (outcome,) = await _send(fake, chat_message(ROOM))
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider) == (timedelta(minutes=1), True)
    assert "token_revoked" in outcome.reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("ratelimited", Retry),
        ("service_unavailable", Retry),
        ("fatal_error", Uncertain),
        ("msg_too_long", Reject),
        ("invalid_blocks", Reject),
        ("something_new", Reject),
    ],
)
async def test_an_error_is_one_whatever_the_status(fake: SlackFake, error: str, expected: type) -> None:
    body = f'{{"ok": false, "error": "{error}"}}'
    fake.faults.add(Fault(how=How.ANSWER, status=200, headers={"retry-after": "7"}, body=body))
    (outcome,) = await _send(fake, chat_message(ROOM))
    assert isinstance(outcome, expected)
    if isinstance(outcome, Retry):
        assert (outcome.after, outcome.pause_provider) == (timedelta(seconds=7), error == "ratelimited")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, "action_prohibited", "destination_refused"),
        (410, "channel_is_archived", "invalid_recipient"),
        (404, "whatever", "invalid_recipient"),
        (400, "invalid_payload", "rejected"),
    ],
)
async def test_a_webhook_answers_in_plain_words(fake: SlackFake, status: int, body: str, expected: str) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=status, body=body))
    (outcome,) = await _send(fake, chat_message(SLACK_HOOK))
    assert isinstance(outcome, Reject)
    assert outcome.code == expected
    if expected == "invalid_recipient":
        fake.faults.add(Fault(how=How.ANSWER, status=status, body=body))
        (own,) = await _send(fake, chat_message(), url=SLACK_HOOK)
        assert isinstance(own, Retry), "an operator's mistake burns no message"
        assert own.pause_provider
    fake.faults.add(Fault(how=How.ANSWER, status=429, headers={"retry-after": "30"}))
    (busy,) = await _send(fake, chat_message(SLACK_HOOK))
    assert isinstance(busy, Retry)
    assert (busy.after, busy.pause_provider, busy.unspent) == (timedelta(seconds=30), False, True)


async def test_a_success_of_a_webhook_is_ok_and_nothing_else(fake: SlackFake) -> None:
    fake.faults.add(Fault(how=How.ANSWER, status=200, body="<html>"), Fault(how=How.ANSWER, status=204))
    for _ in range(2):
        assert isinstance((await _send(fake, chat_message(SLACK_HOOK)))[0], Uncertain)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "#general",
            "general",
            "c024be91l",
            "C1",
            "http://hooks.slack.com/services/T0FAKE001/B0FAKE001/s3cretS3cretS3cret",
        ),
        "https://hooks.slack.com.evil.example/services/T0FAKE001/B0FAKE001/s3cretS3cretS3cret",
        "https://hooks.slack.com@evil.example/services/T0FAKE001/B0FAKE001/s3cretS3cretS3cret",
        "https://hooks.slack.com/services/T0FAKE001/B0FAKE001/s3cretS3cretS3cret?x=1",
        "https://hooks.slack.com/services/T0FAKE001/../s3cretS3cretS3cret",
        "https://127.0.0.1/services/T0FAKE001/B0FAKE001/s3cretS3cretS3cret",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_chat(text)
    assert "s3cret" not in caught.value.message


async def test_slacks_library_makes_the_blocks_that_we_send(fake: SlackFake) -> None:
    await _send(fake, chat_message(ROOM, **CARD))
    client, fields, (button,) = (
        AsyncWebClient(SLACK_TOKEN, base_url=f"{fake.url}/api/"),
        CARD["fields"],
        CARD["buttons"],
    )
    assert isinstance(button, ChatButton)
    texts = [f"{one.label}\n{one.value}" for one in fields if isinstance(one, ChatField)]
    plain = [PlainTextObject(text=text, emoji=False) for text in texts]
    label = PlainTextObject(text=button.text, emoji=False)
    element = ButtonElement(text=label, url=button.url, action_id="link-1")
    blocks = [SectionBlock(fields=plain), ActionsBlock(elements=[element])]
    await client.chat_postMessage(channel=ROOM, text="x", blocks=blocks)
    ours, theirs = (said.body["blocks"] for said in fake.taken)
    assert ours[1:] == theirs  # type: ignore[index]
    many = {"type": "plain_text", "text": "x"}
    for wrong in (
        {"type": "section", "fields": [many] * 11},
        {"type": "section", "fields": [{**many, "text": "x" * 2_001}]},
        {"type": "section"},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "mrkdwn", "text": "x"}}]},
        {"type": "actions", "elements": [{"type": "button", "text": {**many, "text": "x" * 76}}]},
        {"type": "actions", "elements": [{"type": "button", "text": many, "url": "https://" + "x" * 3_000}]},
        {"type": "actions", "elements": [{"type": "button", "text": many}] * 26},
    ):
        with pytest.raises(SlackApiError, match="invalid_blocks"):
            await client.chat_postMessage(channel=ROOM, text="x", blocks=[wrong])


async def test_slacks_library_sends_what_we_send(fake: SlackFake) -> None:
    await _send(fake, chat_message(ROOM, **WORDS, **CARD), chat_message(SLACK_HOOK, **WORDS, **CARD))
    ours, hook = sorted(fake.taken, key=lambda one: one.id.startswith("hook"))
    client = AsyncWebClient(SLACK_TOKEN, base_url=f"{fake.url}/api/")
    assert (await client.auth_test())["ok"]
    given: dict[str, Any] = {name: value for name, value in ours.body.items() if name != "channel"}
    answer = await client.chat_postMessage(channel=ROOM, **given)
    assert answer["ts"] == fake.taken[-1].id
    assert fake.taken[-1].body == ours.body
    there = SLACK_HOOK.replace("https://hooks.slack.com", fake.url)
    reply = await AsyncWebhookClient(there).send(text=str(given["text"]), blocks=given["blocks"], unfurl_links=False)
    assert (reply.status_code, reply.body) == (200, "ok")
    assert fake.taken[-1].body == {name: value for name, value in hook.body.items() if name != "mrkdwn"}


async def test_slacks_library_reads_the_fakes_errors(fake: SlackFake) -> None:
    fake.rooms |= {"unknown": {"C0UNKNOWN"}, "archived": {"C0ARCHIVE"}}
    client = AsyncWebClient(SLACK_TOKEN, base_url=f"{fake.url}/api/")
    for channel, error in (("C0UNKNOWN", "channel_not_found"), ("C0ARCHIVE", "is_archived")):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=channel, text="x")
        assert caught.value.response["error"] == error
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await AsyncWebClient("xoxb-other-0000000000", base_url=f"{fake.url}/api/").auth_test()
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client.chat_postMessage(channel=ROOM, text="x", blocks=[{"type": "no_such"}])
    fake.faults.add(
        Fault(how=How.ANSWER, status=429, headers={"retry-after": "3"}, body='{"ok": false, "error": "ratelimited"}')
    )
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=ROOM, text="x")
    assert caught.value.response.headers["Retry-After"] == "3"
    fake.rooms["gone"] = {SLACK_HOOK.partition("/services/")[2]}
    reply = await AsyncWebhookClient(SLACK_HOOK.replace("https://hooks.slack.com", fake.url)).send(text="x")
    assert (reply.status_code, reply.body) == (404, "no_service")
    assert fake.taken == []
