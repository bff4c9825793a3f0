"""Chats of recipients over HTTP: where they are comes in the body, and is never shown whole."""

from __future__ import annotations

from typing import Any

from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.chats import ChatFields, ChatReply, ChatsReply
from clarion.api.services import Services
from clarion.domain.chat import Chat
from clarion.domain.scope import Scope
from clarion.domain.suggest import did_you_mean
from clarion.errors import Fault, Invalid, NotFound
from clarion.store import chats


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All of them: they are few."""
    async with services.connection() as connection:
        found = await chats.list_(connection, call.tenant_id, call.path["id"])
    if found is None:
        raise _nobody(call)
    return Answer(content={"items": [_shown(one) for one in found]})


async def get(services: Services, call: Call[None]) -> Answer:
    """The chat."""
    async with services.connection() as connection:
        found = await chats.get(connection, call.tenant_id, call.path["id"], call.path["chat"])
    if found is None:
        raise _unknown(call)
    return Answer(content=_shown(found))


async def put(services: Services, call: Call[ChatFields]) -> Answer:
    """Register it, where it is now; the same again says that it is still there."""
    given = call.input
    address = _address(services, given)
    async with services.transaction() as connection:
        done = await services.chats.put(
            connection,
            call.tenant_id,
            call.path["id"],
            call.path["chat"],
            provider=given.provider,
            account=given.account,
            address=address,
        )
        if done is None:
            raise _nobody(call)
    chat, created = done
    return Answer(content=_shown(chat), status=201 if created else 200)


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget it."""
    async with services.transaction() as connection:
        if not await chats.delete(connection, call.tenant_id, call.path["id"], call.path["chat"]):
            raise _unknown(call)
    return Answer()


def _address(services: Services, given: ChatFields) -> str:
    """Where the chat is, in its usual form; empty for the account's own room. Raises `Invalid`."""
    kind = services.chat_kinds.get(given.provider)
    if kind is None:
        hint = did_you_mean(given.provider, services.chat_kinds)
        detail = f"no kind of account called {given.provider} reaches chats; {hint}"
        raise _fault("/provider", detail, "unknown_provider")
    of_kind = {account.name for account in services.accounts if account.kind.name == kind.name}
    if given.account is not None and given.account not in of_kind:
        hint = did_you_mean(given.account, of_kind) if of_kind else "there is none of that kind in the settings"
        detail = f"there is no account {given.account} of the kind {kind.name}: {hint}"
        raise _fault("/account", detail, "unknown_account")
    if given.address is None:
        return ""
    if kind.read_chat is None:
        detail = f"an account of the kind {kind.name} has one room, its own: leave the address out"
        raise _fault("/address", detail, "invalid_address")
    try:
        return kind.read_chat(given.address)
    except Invalid as error:
        raise _fault("/address", error.message, "invalid_address") from None


def _fault(pointer: str, detail: str, code: str) -> Invalid:
    return Invalid(detail, code=code, faults=[Fault(pointer, detail, code)])


def _shown(chat: Chat) -> dict[str, object]:
    return {
        "id": chat.id,
        "provider": chat.provider,
        "account": chat.account,
        "address": chat.shown,
        "created_at": chat.created_at,
        "seen_at": chat.seen_at,
        "disabled_at": chat.disabled_at,
        "disabled_reason": chat.disabled_reason,
    }


def _nobody(call: Call[Any]) -> NotFound:
    return NotFound(f"there is no recipient {call.path['id']}")


def _unknown(call: Call[Any]) -> NotFound:
    return NotFound(f"{call.path['id']} has no chat {call.path['chat']}")


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listChats",
        method="GET",
        path="/v1/recipients/{id}/chats",
        summary="List a recipient's chats",
        scope=Scope.RECIPIENTS_READ,
        run=list_all,
        answers={200: ChatsReply},
    ),
    Operation(
        id="getChat",
        method="GET",
        path="/v1/recipients/{id}/chats/{chat}",
        summary="Show a recipient's chat",
        scope=Scope.RECIPIENTS_READ,
        run=get,
        answers={200: ChatReply},
    ),
    Operation(
        id="putChat",
        method="PUT",
        path="/v1/recipients/{id}/chats/{chat}",
        summary="Register a recipient's chat, or where it is now",
        scope=Scope.RECIPIENTS_WRITE,
        run=put,
        input=ChatFields,
        answers={200: ChatReply, 201: ChatReply},
    ),
    Operation(
        id="deleteChat",
        method="DELETE",
        path="/v1/recipients/{id}/chats/{chat}",
        summary="Forget a recipient's chat",
        scope=Scope.RECIPIENTS_WRITE,
        run=delete,
        answers={204: None},
    ),
)
