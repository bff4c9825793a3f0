"""Triggers: what an application says has happened, and to whom."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from clarion.api.schema.base import ChannelName, Identifier, Moment, Own, Paged, Reply, Request, checked
from clarion.api.schema.moment import WrittenMoment
from clarion.api.schema.recipients import RecipientFields
from clarion.domain import identifier
from clarion.domain.attachment import MOST_FILES, check_inline, check_type, digest_of
from clarion.domain.attachment_json import LONGEST_SAID, LONGEST_URL
from clarion.domain.audience import MOST_RECIPIENTS, NAMELESS, TOO_MANY

TriggerStatus = Literal["accepted", "expanding", "running", "completed", "cancelled"]


class InlineRecipient(RecipientFields):
    """A person described in the request: stored before they hear of it.

    Without an id their address names them, without that their number.
    """

    id: Identifier | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> InlineRecipient:
        if self.id is None and self.email is None and self.phone is None:
            raise PydanticCustomError("missing", NAMELESS)
        return self


class TopicRecipients(Request):
    """Everybody who belongs to a topic."""

    topic: Identifier


def _kind(value: object) -> str:
    """Which of the three an item is, so that its faults are told as those of one kind."""
    if isinstance(value, str):
        return "<id>"
    fields = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return "<topic>" if "topic" in fields else "<person>"


TriggerRecipient = Annotated[
    Annotated[Identifier, Tag("<id>")]
    | Annotated[TopicRecipients, Tag("<topic>")]
    | Annotated[InlineRecipient, Tag("<person>")],
    Discriminator(_kind),
]


def _few_enough(recipients: object) -> object:
    """A million recipients are refused before any of them is looked at."""
    if isinstance(recipients, list) and len(recipients) > MOST_RECIPIENTS:
        raise PydanticCustomError("too_many", "{text}", {"text": TOO_MANY})
    return recipients


def _is_id(text: str) -> str:
    digest_of(text)
    return text


TransactionId = Annotated[
    str, Field(min_length=1, max_length=identifier.LONGEST_REFERENCE), checked(identifier.check_reference)
]


class AttachedFile(Request):
    """A file that goes with the mails: one that was uploaded, or one that is fetched when they are sent."""

    id: Annotated[str, checked(_is_id)] | None = Field(None, description="As `POST /v1/attachments` answered it.")
    url: Annotated[str, Field(max_length=LONGEST_URL)] | None = Field(
        None, description="Of a host that `attachments.allowed_hosts` names."
    )
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_SAID)] | None = Field(
        None, description="Under which it arrives; unless said, as it is called where it comes from."
    )
    inline: Annotated[str, checked(check_inline)] | None = Field(
        None, description='By which the mail\'s HTML shows it: `<img src="cid:…">`.'
    )
    type: Annotated[str, checked(check_type)] | None = Field(None, description="Its media type.")

    @model_validator(mode="after")
    def _is_one(self) -> AttachedFile:
        if (self.id is None) == (self.url is None):
            raise PydanticCustomError("missing", "give either `id` or `url`")
        return self


class TriggerBody(Request):
    """Who hears of it, and what templates are told."""

    recipients: Annotated[list[TriggerRecipient], Field(min_length=1), BeforeValidator(_few_enough)]
    payload: dict[str, Any] = Field(default_factory=dict, description="What templates and conditions see as `payload`.")
    metadata: Own = Field(default_factory=dict, description="Kept and shown with the trigger; not for templates.")
    channels: Annotated[list[ChannelName], Field(min_length=1)] | None = Field(
        None, description="Narrows the workflow's channels to these."
    )
    transaction_id: TransactionId | None = None
    priority: Literal["critical", "high", "normal", "low"] | None = None
    attachments: Annotated[list[AttachedFile], Field(max_length=MOST_FILES)] = Field(
        default_factory=list, description="Files that go with its mails; other channels have none."
    )
    sandbox: bool = Field(
        False,
        description="All of it happens, and nothing leaves: no provider, webhook or feed gets its messages.",
    )
    send_at: WrittenMoment | None = Field(None, description="Not before then. A time of the last 24 h means now.")
    expires_at: WrittenMoment | None = Field(
        None,
        description="What is not sent by then is not sent at all; unless given, the workflow's `expires_after` from"
        " `send_at`, or from now.",
    )

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "recipients": ["user-1", {"email": "nitish@example.com", "name": "Nitish official"}],
                    "payload": {"name": "Nitish official", "orderId": "12345", "message": "See you soon"},
                },
                {"recipients": [{"topic": "guests"}], "payload": {"orderId": "12345"}, "channels": ["email"]},
            ]
        },
    )


class TriggersQuestion(Paged):
    """Which triggers."""

    workflow: Identifier | None = None
    status: TriggerStatus | None = None
    transaction_id: TransactionId | None = None


class AcceptedReply(Reply):
    """It is on disk."""

    id: str
    status: str
    href: str
    duplicates: int = Field(description="How many recipients were named more than once; each hears of it once.")


class Recipients(Reply):
    """How far the expansion is."""

    total: int | None = Field(description="An estimate until all are expanded: who is in two topics counts twice.")
    expanded: int


class Runs(Reply):
    """How many are not done, each the workflow for one recipient."""

    waiting: int = Field(description="Those that wait in a delay.")


class TriggerReply(Reply):
    """A trigger and what became of it."""

    id: str
    href: str
    workflow: str
    workflow_version: int | None
    status: TriggerStatus
    priority: str
    channels: list[str] | None
    metadata: dict[str, Any]
    attachments: list[dict[str, str]] = Field(description="Files that go with its mails, as they were named.")
    transaction_id: str | None
    sandbox: bool = Field(description="Whether nothing of it leaves.")
    recipients: Recipients
    runs: Runs
    messages: dict[str, int] = Field(description="How many messages are in each status.")
    by_channel: dict[str, dict[str, int]]
    rate_per_s: float | None = Field(
        description="Messages that came to an end, per second, on average; nothing once a run has had to wait."
    )
    eta_s: float | None = Field(description="Seconds until all have, at that rate.")
    send_at: Moment | None
    expires_at: Moment
    created_at: Moment
    expanded_at: Moment | None
    completed_at: Moment | None
    cancelled_at: Moment | None


class TriggersReply(Reply):
    """A page of triggers, newest first."""

    items: list[TriggerReply]
    next: str | None
