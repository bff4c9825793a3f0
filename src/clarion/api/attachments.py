"""Files that go with mails, over HTTP: uploaded once, and named by triggers."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from clarion.api import faults
from clarion.api.limits import UPLOADS_PATH
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.attachments import AttachmentReply, Upload
from clarion.api.services import Services
from clarion.domain.attachment import clean_name, clean_type, digest_of, id_of
from clarion.domain.scope import Scope
from clarion.errors import Fault, Invalid, NotFound
from clarion.store import attachments
from clarion.store.attachments import Row


async def upload(services: Services, call: Call[Upload]) -> Answer:
    """Keep the body. The same content again changes its name and type alone."""
    try:
        name = clean_name(call.input.name, services.attachments.forbidden)
    except Invalid as error:
        raise faults.invalid([Fault("?name", error.message, error.code)]) from None
    async with services.uploads:  # each body is in memory whole
        content = await call.request.body()
        if not content:
            raise faults.invalid([Fault("", "the body is the file, and it is empty", "empty")])
        digest = await asyncio.to_thread(lambda: hashlib.sha256(content).digest())
        kind = clean_type(call.header("content-type"), name)
        async with services.connection() as connection:
            row = await attachments.put(connection, call.tenant_id, digest, name=name, type=kind, content=content)
    shown = _shown(row)
    return Answer(content=shown, status=201 if row["is_new"] else 200, headers={"Location": str(shown["href"])})


async def get(services: Services, call: Call[None]) -> Answer:
    """What is known of the file, without its content."""
    id = call.path["id"]
    async with services.connection() as connection:
        row = await attachments.get(connection, call.tenant_id, digest_of(id))
    if row is None:
        raise NotFound(f"there is no file {id}")
    return Answer(content=_shown(row))


def _shown(row: Row) -> dict[str, Any]:
    id = id_of(row["digest"])
    return {
        "id": id,
        "name": row["name"],
        "type": row["type"],
        "size": row["size"],
        "href": f"{UPLOADS_PATH}/{id}",
        "created_at": row["created_at"],
    }


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="uploadAttachment",
        method="POST",
        path=UPLOADS_PATH,
        summary="Upload a file that triggers may name: the body is the file, of any media type",
        scope=Scope.TRIGGERS_WRITE,
        run=upload,
        input=Upload,
        raw=True,
        answers={200: AttachmentReply, 201: AttachmentReply},
    ),
    Operation(
        id="getAttachment",
        method="GET",
        path=f"{UPLOADS_PATH}/{{id}}",
        summary="Show what is known of an uploaded file",
        scope=Scope.TRIGGERS_READ,
        run=get,
        answers={200: AttachmentReply},
    ),
)
