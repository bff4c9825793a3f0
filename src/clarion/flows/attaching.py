"""The files that requests name: what of them is allowed, and how they are held for their triggers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import UUID

from clarion import ids
from clarion.domain.action import Action, SetTimer, Trigger
from clarion.domain.attachment import Reference, Rules, clean_name, digest_of
from clarion.errors import Fault, Invalid
from clarion.http.url_guard import Destination, UrlGuard, parse_url
from clarion.store import attachments
from clarion.store.attachments import Name, Row
from clarion.store.database import Connection

if TYPE_CHECKING:
    from clarion.flows.trigger import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Which files go with mails, and from where they are fetched."""

    rules: Rules = field(default_factory=Rules)
    guard: UrlGuard = field(default_factory=UrlGuard)


async def attach(connection: Connection, tenant_id: UUID, request: Request, rules: Rules) -> Request:
    """*request* with its files as they are now, and an id for whose trigger they are kept. Raises `Invalid`.

    Locks the files: call it before the people of the request are locked.
    """
    held = await attachments.use(connection, names(tenant_id, request.attachments))
    files = known(tenant_id, request.attachments, held, rules)
    id = request.id or ids.new()
    await attachments.keep(connection, uses(tenant_id, files, id))
    return replace(request, attachments=files, id=id)


def names(tenant_id: UUID, files: Sequence[Reference]) -> set[Name]:
    """Those of *files* that were uploaded, as the store calls them."""
    return {(tenant_id, digest_of(one.id)) for one in files if one.id is not None}


def uploaded(tenant_id: UUID, actions: Iterable[Action]) -> Iterator[Name]:
    """The files that *actions* name by id, also those of the timers that they set, as the store calls them.

    An id that is none is told of when they are done.
    """
    for action in actions:
        if isinstance(action, SetTimer):
            yield from uploaded(tenant_id, action.actions)
        elif isinstance(action, Trigger):
            for one in action.attachments:
                id = one.get("id") if isinstance(one, Mapping) else None
                with suppress(Invalid):
                    if isinstance(id, str):
                        yield tenant_id, digest_of(id)


def uses(tenant_id: UUID, files: Sequence[Reference], trigger_id: UUID) -> Collection[tuple[Name, UUID]]:
    """What the store is told of the *files* of one trigger."""
    return [(name, trigger_id) for name in names(tenant_id, files)]


def known(tenant_id: UUID, files: Sequence[Reference], held: Mapping[Name, Row], rules: Rules) -> list[Reference]:
    """*files* with what is known of those that were uploaded, which are among *held*. Raises `Invalid`."""
    found: list[Reference] = []
    faults: list[Fault] = []
    size = 0
    for index, one in enumerate(files):
        if one.id is None:
            found.append(one)
        elif (row := held.get((tenant_id, digest_of(one.id)))) is None:
            detail = f"there is no file {one.id}: upload it first"
            faults.append(Fault(f"/attachments/{index}/id", detail, "unknown_attachment"))
        else:
            size += row["size"]
            found.append(one._replace(name=one.name or row["name"], type=one.type or row["type"]))
    if size > rules.largest:
        detail = f"they have {size:,} bytes together, where {rules.largest:,} are allowed"
        faults.append(Fault("/attachments", detail, "too_large"))
    if faults:
        said = f"{faults[0].pointer}: {faults[0].detail}"
        raise Invalid(f"The files of the request cannot be sent: {said}", code=faults[0].code, faults=faults)
    return found


def url_of(text: str, rules: Rules, guard: UrlGuard) -> Destination:
    """*text* as a URL that files may be fetched from. Raises `Invalid` (``url_not_allowed``)."""
    url = parse_url(text)
    guard.check(url)
    if not rules.allows_host(url.host):
        detail = f"{url.host} is not among those of the setting attachments.allowed_hosts"
        raise Invalid(f"the URL is not allowed: {detail}", code="url_not_allowed")
    return url


def checked(references: Sequence[Reference], rules: Rules, guard: UrlGuard) -> tuple[list[Reference], list[Fault]]:
    """*references* with cleaned names, and everything that is wrong with them, by their place in the request."""
    good: list[Reference] = []
    faults: list[Fault] = []
    for index, one in enumerate(references):
        try:
            url = url_of(one.url, rules, guard) if one.url is not None else None
        except Invalid as error:
            faults.append(Fault(f"/attachments/{index}/url", error.message, error.code))
            continue
        said = one.name if url is None else called(one, url)
        try:
            name = None if said is None else clean_name(said, rules.forbidden)
        except Invalid as error:
            faults.append(Fault(f"/attachments/{index}/name", error.message, error.code))
            continue
        good.append(one._replace(name=name))
    names = [one.inline for one in good if one.inline is not None]
    if len(set(names)) < len(names):
        faults.append(Fault("/attachments", "two of them have the same `inline`", "duplicate_key"))
    return good, faults


def called(reference: Reference, url: Destination) -> str:
    """What a file that is fetched is called: by its trigger, or else by the last part of its URL."""
    return reference.name or unquote(url.path.rpartition("/")[2]) or "attachment"
