"""The OpenAPI 3.1 document: FastAPI writes it from routes; here it learns what bodies and queries look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from clarion import __version__
from clarion.api import callbacks, engagement, feed, feed_stream, unsubscribe
from clarion.api.operation import Operation
from clarion.api.problem import MEDIA_TYPE
from clarion.api.schema.base import Problem
from clarion.api.schema.recipients import BulkRecipient
from clarion.api.schema.suppressions import NewSuppressionBody

_REFERENCE: Final = "#/components/schemas/{model}"
_TEXT: Final = {"type": "string"}
#: What any operation may answer instead.
_PROBLEMS: Final = {
    400: "The request cannot be read: not JSON, or a header or cursor is wrong.",
    401: "There is no valid API key.",
    403: "The API key lacks the scope.",
    404: "There is no such thing.",
    409: "It contradicts what is stored, or the same request is still being answered.",
    413: "The body is too large.",
    415: "The body is not plain application/json.",
    422: "What the request says cannot be used; `errors` names every fault.",
    429: "More than a tenant, or somebody without a key that opens, may ask; send again after `Retry-After`.",
    503: "A part that is needed is away; try again.",
}
#: What comes with some of them.
_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}
_HEADER_WORDS: Final = {
    "WWW-Authenticate": "Always `Bearer`.",
    "Retry-After": "Whole seconds.",
    "RateLimit": "What is left of the policy that was met (draft-ietf-httpapi-ratelimit-headers-10).",
    "RateLimit-Policy": "That policy.",
}


_KEYED: Final = (
    "1 to 255 printable ASCII characters: the same request again under it within 24 hours changes nothing, and is"
    " answered as the first was, with `Idempotency-Replayed: true`."
)
_OWN: Final = "For recipients: needs a token of theirs, from `mintFeedToken`."


def _new_app() -> FastAPI:
    """The application as it is called in its description, with no routes yet."""
    return FastAPI(
        title="Clarion",
        version=__version__,
        summary="Say what happened; everyone who should hear of it does.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )


def describe(operations: Iterable[Operation[Any]]) -> dict[str, Any]:
    """The document of an API that has *operations*, without a running one."""
    app, table = _new_app(), (*operations, *feed.OWN_OPERATIONS)
    for operation in table:
        app.add_api_route(operation.path, _nothing, **_route_arguments(operation))
    app.add_api_route(callbacks.PATH, _nothing, **callbacks.ROUTE)
    for path, route in feed_stream.routes():
        app.add_api_route(path, _nothing, **route)
    for route in unsubscribe.routes():
        app.add_api_route(unsubscribe.PATH, _nothing, **route)
    for path, route in engagement.routes():
        app.add_api_route(path, _nothing, **route)
    return _document(app, table)


async def _nothing() -> Response:
    raise AssertionError("what describes the API does not answer")


def _route_arguments(operation: Operation[Any]) -> dict[str, Any]:
    """What FastAPI is told of *operation* besides its path and function."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": model}
        if model
        else {"description": "Done; there is nothing to say." if status == 204 else "Text."}
        for status, model in operation.answers.items()
    }
    return {
        "methods": [operation.method],
        "operation_id": operation.id,
        "summary": operation.summary,
        "description": _OWN if operation.own else f"Needs the scope `{operation.scope.value}`.",
        "tags": [operation.path.removeprefix("/v1").split("/")[1]],
        "status_code": min(operation.answers),
        "response_model": None,
        "responses": responses,
        "openapi_extra": _input(operation),
    }


def _document(app: FastAPI, operations: tuple[Operation[Any], ...]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, openapi_version="3.1.0", summary=app.summary, routes=app.routes
    )
    models: list[type[BaseModel]] = [Problem, BulkRecipient, NewSuppressionBody]
    models += [operation.input for operation in operations if operation.input is not None and not operation.asks]
    _, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], ref_template=_REFERENCE
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(definitions["$defs"])
    components["responses"] = {str(status): _problem(status) for status in _PROBLEMS}
    # Written once and referred to: each operation may answer each of them.
    problems = {status: {"$ref": f"#/components/responses/{status}"} for status in components["responses"]}
    for path in document["paths"].values():
        for described in path.values():
            described["responses"].update(problems)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key: `clk_live_…`."},
        "token": {"type": "http", "scheme": "bearer", "description": "A recipient's token, from `mintFeedToken`."},
    }
    document["security"] = [{"key": []}]
    return document


def _problem(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": _PROBLEMS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model=Problem.__name__)}}},
    }
    if names := _HEADERS.get(status):
        told["headers"] = {name: {"description": _HEADER_WORDS[name], "schema": _TEXT} for name in names}
    return told


def _input(operation: Operation[Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {"parameters": [_path_parameter(name) for name in _path_names(operation.path)]}
    if operation.own:
        extra["security"] = [{"token": []}]
    keyed = {"Idempotency-Key": _KEYED} if operation.method == "POST" and operation.once.keeps else {}
    for name, description in (keyed | dict(operation.headers)).items():
        extra["parameters"].append({"name": name, "in": "header", "description": description, "schema": _TEXT})
    if operation.asks and operation.input is not None:
        schema = operation.input.model_json_schema()
        for name, property in schema["properties"].items():
            description = property.pop("description", "")
            required = {"required": True} if name in schema.get("required", ()) else {}
            extra["parameters"].append(
                {"name": name, "in": "query", "description": description, **required, "schema": property}
            )
        if operation.raw:
            extra["requestBody"] = {"required": True, "content": {"*/*": {"schema": {}}}}
    elif operation.input is not None:
        reference = {"$ref": _REFERENCE.format(model=operation.input.__name__)}
        extra["requestBody"] = {
            "required": not operation.may_say_nothing,
            "content": {"application/json": {"schema": reference}},
        }
    return extra


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}
