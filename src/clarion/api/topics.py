"""Topics over HTTP."""

from __future__ import annotations

from typing import Any

from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.topics import AddedReply, Members, RemovedReply, TopicFields, TopicReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.errors import Fault, NotFound
from clarion.store import recipients, topics
from clarion.store.topics import Topic


async def get(services: Services, call: Call[None]) -> Answer:
    """The topic."""
    async with services.connection() as connection:
        topic = await topics.get(connection, call.tenant_id, call.path["key"])
    if topic is None:
        raise _unknown(call)
    return Answer(content=_shown(topic))


async def put(services: Services, call: Call[TopicFields]) -> Answer:
    """Create or rename the topic; its members stay."""
    async with services.transaction() as connection:
        topic, created = await topics.put(connection, call.tenant_id, call.path["key"], call.input.name)
    return Answer(content=_shown(topic), status=201 if created else 200)


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget the topic; its recipients stay."""
    async with services.transaction() as connection:
        if not await topics.delete(connection, call.tenant_id, call.path["key"]):
            raise _unknown(call)
    return Answer()


async def add_members(services: Services, call: Call[Members]) -> Answer:
    """Add recipients, all or none: an id that nobody knows is named, and nothing is changed."""
    given = list(dict.fromkeys(call.input.ids))
    async with services.transaction() as connection:
        if await topics.get(connection, call.tenant_id, call.path["key"]) is None:
            raise _unknown(call)
        if missing := set(await recipients.missing(connection, call.tenant_id, given)):
            raise faults.invalid(
                [
                    Fault(f"/ids/{index}", f"there is no recipient {id}", "unknown_recipient")
                    for index, id in enumerate(call.input.ids)
                    if id in missing
                ]
            )
        change = await topics.add_members(connection, call.tenant_id, call.path["key"], given)
    if change is None:  # it was deleted just now
        raise _unknown(call)
    already = len(given) - change.changed
    return Answer(content={"added": change.changed, "already": already, "members": change.members})


async def remove_members(services: Services, call: Call[Members]) -> Answer:
    """Take recipients out; those who are not in it are passed over."""
    async with services.transaction() as connection:
        change = await topics.remove_members(connection, call.tenant_id, call.path["key"], call.input.ids)
    if change is None:
        raise _unknown(call)
    return Answer(content={"removed": change.changed, "members": change.members})


def _shown(topic: Topic) -> dict[str, object]:
    return {
        "key": topic.key,
        "name": topic.name,
        "members": topic.member_count,
        "created_at": topic.created_at,
        "updated_at": topic.updated_at,
    }


def _unknown(call: Call[Any]) -> NotFound:
    return NotFound(f"there is no topic {call.path['key']}")


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="getTopic",
        method="GET",
        path="/v1/topics/{key}",
        summary="Show a topic",
        scope=Scope.TOPICS_READ,
        run=get,
        answers={200: TopicReply},
    ),
    Operation(
        id="putTopic",
        method="PUT",
        path="/v1/topics/{key}",
        summary="Create or rename a topic",
        scope=Scope.TOPICS_WRITE,
        run=put,
        input=TopicFields,
        answers={200: TopicReply, 201: TopicReply},
    ),
    Operation(
        id="deleteTopic",
        method="DELETE",
        path="/v1/topics/{key}",
        summary="Forget a topic",
        scope=Scope.TOPICS_WRITE,
        run=delete,
        answers={204: None},
    ),
    Operation(
        id="addTopicMembers",
        method="POST",
        path="/v1/topics/{key}/members",
        summary="Add up to 10,000 recipients to a topic",
        scope=Scope.TOPICS_WRITE,
        run=add_members,
        input=Members,
        answers={200: AddedReply},
    ),
    Operation(
        id="removeTopicMembers",
        method="POST",
        path="/v1/topics/{key}/members/remove",
        summary="Take up to 10,000 recipients out of a topic",
        scope=Scope.TOPICS_WRITE,
        run=remove_members,
        input=Members,
        answers={200: RemovedReply},
    ),
)
