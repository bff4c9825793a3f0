"""One operation of the API: how it is called, who may call it, what it takes, answers and does.

A resource is a file of plain functions and a table of these. Everything that is the same for all (who asks, what
the body says, how errors are told) happens here, once; a function gets a `Call` that has been checked whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from clarion import clock
from clarion.api import faults, idempotency, paging, problem
from clarion.api.schema.base import Nothing, Question
from clarion.api.services import Services
from clarion.domain import json_body
from clarion.domain.careful import escape
from clarion.domain.identifier import check_identifier
from clarion.domain.scope import Scope
from clarion.errors import BadId, ClarionError, Fault, Invalid

I = TypeVar("I", bound=BaseModel | None)  # noqa: E741  (what goes In)

#: Bodies above this are parsed in a thread, so that others are answered meanwhile.
_LARGE: Final = 256 * 1024
#: What an operation takes that takes no query, or no body.
_NOTHING: Final[TypeAdapter[Nothing]] = TypeAdapter(Nothing)
#: Times are written in UTC with a Z.
JSON_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


class Admitted(Protocol):
    """Who may go in."""

    @property
    def tenant_id(self) -> UUID:
        """Whose data they may see."""

    @property
    def place(self) -> Mapping[str, str]:
        """The parts of the path that are not theirs to say, by name."""

    def may(self, needed: Scope) -> bool:
        """Whether they may do what asks for *needed*."""


class Door(Protocol):
    """Tells who may go in."""

    async def admit(self, authorization: str | None, needed: Scope | None, address: str) -> Admitted:
        """Who comes with an Authorization header from *address*, if they may do what asks for *needed*.

        Raises `Refusal`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[I]):
    """One request, checked: who asks, of what, saying what."""

    #: The only tenant this request may see; it comes from the key and from nowhere else.
    tenant_id: UUID
    #: The parts of the path, by name.
    path: Mapping[str, str]
    #: The body, or the query of a GET; None where an operation takes neither.
    input: I
    idempotency_key: str | None
    request: Request
    #: Whether the key that asks has a scope besides the operation's own.
    may: Callable[[Scope], bool]

    @property
    def place(self) -> str:
        """What a cursor of this list is good for."""
        return self.request.url.path

    def header(self, name: str) -> str | None:
        """A header of the request, e.g. ``traceparent``."""
        return self.request.headers.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to say: *content* is written as JSON; None says nothing (204)."""

    content: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        if self.content is None:
            return Response(status_code=204 if self.status == 200 else self.status, headers=dict(self.headers))
        return Response(
            orjson.dumps(self.content, option=JSON_OPTIONS),
            status_code=self.status,
            headers=dict(self.headers),
            media_type="application/json",
        )


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[I]):
    """A row in a resource's table."""

    #: Its stable name in the OpenAPI document, e.g. ``getRecipient``.
    id: str
    method: str
    path: str
    summary: str
    scope: Scope
    run: Callable[[Services, Call[I]], Awaitable[Answer | Response]]
    #: What it takes: a `Request` model is the body, a `Question` the query.
    input: type[BaseModel] | None = None
    #: What it answers when all is well, by status; None where there is no body.
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    #: Whether its body is octets of any media type, which it reads by itself; its input is the query then.
    raw: bool = False
    #: Whether recipients call it, with a token for their own feed: then its path has no id, and a call of it does.
    own: bool = False
    #: Headers that it heeds, with what each does.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Of a POST: what its Idempotency-Key does.
    once: idempotency.Once = idempotency.Once.TOGETHER

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        assert self.input is not None
        return TypeAdapter(self.input)

    @cached_property
    def may_say_nothing(self) -> bool:
        """Whether no body at all says the same as an empty object: a command, all of whose fields may be left out."""
        takes_body = self.method == "POST" and self.input is not None and not self.asks
        return takes_body and faults.fits(self.adapter, {})

    @property
    def asks(self) -> bool:
        """Whether its input is the query string."""
        return self.input is not None and issubclass(self.input, Question)


def endpoint(operation: Operation[Any], services: Services, door: Door) -> Callable[[Request], Awaitable[Response]]:
    """*operation* as the router calls it."""

    async def answer(request: Request) -> Response:
        began = clock.monotonic()
        status = 500
        try:
            response = await _answer(operation, services, door, request)
            status = response.status_code
        except ClarionError as error:
            status = problem.status_of(error)
            raise
        finally:
            services.metrics.answered(operation.id, status, clock.monotonic() - began)
        return response

    return answer


async def _answer(operation: Operation[Any], services: Services, door: Door, request: Request) -> Response:
    client = request.scope["client"]
    key = await door.admit(request.headers.get("authorization"), operation.scope, client[0] if client else "")
    services.gate.enter(key.tenant_id)
    try:
        call = Call(
            tenant_id=key.tenant_id,
            path={**_path(request), **key.place},
            idempotency_key=idempotency.key_of(request.headers) if operation.method == "POST" else None,
            input=await _input(operation, request),
            request=request,
            may=key.may,
        )
        answered = await operation.run(services, call)
    finally:
        services.gate.leave(key.tenant_id)
    return answered.response() if isinstance(answered, Answer) else answered


def page(services: Services, call: Call[Any], items: list[object], last: str | None) -> Answer:
    """A page of *items*; *last* is the position of its last item when there are more after it."""
    cursor = services.cursors.write(call.tenant_id, call.place, last) if last is not None else None
    query = call.request.query_params.multi_items()
    link = {"Link": paging.link_to_next(call.place, query, cursor)} if cursor else {}
    return Answer(content={"items": items, "next": cursor}, headers=link)


def position(services: Services, call: Call[Any], after: str | None) -> str | None:
    """Where a page begins: the position that the cursor *after* says."""
    return None if after is None else services.cursors.read(call.tenant_id, call.place, after)


def _path(request: Request) -> Mapping[str, str]:
    for name, value in request.path_params.items():
        try:
            check_identifier(value)
        except BadId as error:
            raise BadId(f"{name} in the path: {error.message}") from None
    return request.path_params


async def _input(operation: Operation[Any], request: Request) -> Any:
    try:
        return read_query(operation.adapter, request) if operation.asks else await _body(operation, request)
    except Invalid as error:
        if operation.input is None or not error.faults:
            raise
        raise faults.with_suggestions(error, operation.input) from None


async def _body(operation: Operation[Any], request: Request) -> Any:
    if request.scope["query_string"]:
        read_query(_NOTHING, request)  # what is passed over in silence could have been a wish not to do it
    if operation.input is None and operation.method != "POST":  # in a GET or DELETE it means nothing (RFC 9110)
        return None
    raw = await request.body()
    if not raw and operation.may_say_nothing:
        raw = b"{}"
    if operation.input is None:
        if raw:
            _read(_NOTHING, raw)
        return None
    if len(raw) <= _LARGE:
        return _read(operation.adapter, raw)
    return await asyncio.to_thread(_read, operation.adapter, raw)


def _read(adapter: TypeAdapter[Any], raw: bytes) -> Any:
    value = json_body.decode(raw)
    if type(value) is not dict:
        raise faults.invalid([Fault("", "the body must be a JSON object", "type")])
    return faults.read(adapter, value)


def read_query(adapter: TypeAdapter[Any], request: Request) -> Any:
    """What the query of *request* says. Raises `Invalid` with every fault."""
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise faults.invalid([Fault(f"?{escape(name)}", "give this once", "duplicate_key") for name in twice])
    return faults.read(adapter, dict(given), at="?")
