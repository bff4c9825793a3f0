"""The recipients that an action names, as JSON: read with the rules and the error codes of a trigger over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clarion.domain.address import parse_email
from clarion.domain.audience import MOST_RECIPIENTS, NAMELESS, TOO_MANY, Audience
from clarion.domain.identifier import check_identifier
from clarion.domain.locale import normalise
from clarion.domain.phone import parse_phone
from clarion.domain.recipient import LONGEST_NAME, MOST_OWN_FIELDS, check_name
from clarion.domain.storable import pack
from clarion.domain.zone import check_zone
from clarion.errors import Fault, Invalid

_AT = "/recipients"


def read_audience(recipients: object) -> Audience:
    """Everybody whom *recipients* names: a list of ids, ``{"topic": key}`` and descriptions of people.

    What is wrong with it is among its `faults`.
    """
    audience = Audience()
    if not isinstance(recipients, list | tuple):
        audience.faults.append(Fault(_AT, "must be an array", "type"))
    elif not recipients:
        audience.faults.append(Fault(_AT, "name at least one recipient", "too_few"))
    elif len(recipients) > MOST_RECIPIENTS:
        audience.faults.append(Fault(_AT, TOO_MANY, "too_many"))
    else:
        for index, one in enumerate(recipients):
            _read_one(audience, one, f"{_AT}/{index}")
        audience.end()
    return audience


def _read_one(audience: Audience, one: object, at: str) -> None:
    faults = audience.faults
    if isinstance(one, str):
        id = _checked(check_identifier, one, at, faults)
        if id is not None:
            audience.add_id(id, at)
    elif not isinstance(one, Mapping):
        faults.append(Fault(at, "must be an object", "type"))
    elif "topic" in one:
        _unknown(one, ("topic",), at, faults)
        key = _text(one["topic"], check_identifier, f"{at}/topic", faults)
        if key is not None:
            audience.add_topic(key, f"{at}/topic")
    else:
        _read_person(audience, one, at)


#: How each field of a person is judged.
_FIELDS: Mapping[str, Callable[[str], str]] = {
    "id": check_identifier,
    "email": parse_email,
    "phone": parse_phone,
    "name": lambda text: _check_length(check_name(text)),
    "locale": normalise,
    "timezone": check_zone,
}

#: Each of these says who it is.
_NAMES = ("id", "email", "phone")


def _read_person(audience: Audience, person: Mapping[Any, Any], at: str) -> None:
    faults: list[Fault] = []
    _unknown(person, (*_FIELDS, "data"), at, faults)
    fields: dict[str, Any] = dict.fromkeys(_NAMES)
    for name, check in _FIELDS.items():
        if (value := person.get(name)) is not None:
            fields[name] = _text(value, check, f"{at}/{name}", faults)
    if "data" in person:
        fields["data"] = read_own(person["data"], f"{at}/data", faults)
    if not faults and all(fields[name] is None for name in _NAMES):
        faults.append(Fault(at, NAMELESS, "missing"))
    if faults:
        audience.faults += faults
    else:
        audience.add_person(at, **fields)


def read_own(data: object, at: str, faults: list[Fault]) -> Mapping[str, Any]:
    """The application's own fields; what is wrong with them is added to *faults*."""
    if not isinstance(data, Mapping):
        faults.append(Fault(at, "must be an object", "type"))
        return {}
    if len(data) > MOST_OWN_FIELDS:
        faults.append(Fault(at, f"at most {MOST_OWN_FIELDS} fields; this has {len(data)}", "too_many"))
        return {}
    try:
        pack(data)
    except Invalid as error:
        faults.append(Fault(at, error.message, error.code))
    return data


def _text(value: object, check: Callable[[str], str], at: str, faults: list[Fault]) -> str | None:
    if not isinstance(value, str):
        faults.append(Fault(at, "must be a string", "type"))
        return None
    return _checked(check, value, at, faults)


def _checked(check: Callable[[str], str], text: str, at: str, faults: list[Fault]) -> str | None:
    try:
        return check(text)
    except Invalid as error:
        faults.append(Fault(at, error.message, error.code))
        return None


def _check_length(name: str) -> str:
    if not name:
        raise Invalid("must not be empty", code="too_short")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"must have at most {LONGEST_NAME} characters", code="too_long")
    return name


def _unknown(members: Mapping[Any, Any], known: tuple[str, ...], at: str, faults: list[Fault]) -> None:
    for key in members:
        if key not in known:
            shown = str(key)[:64].encode("utf-8", "backslashreplace").decode()
            pointer = shown.replace("~", "~0").replace("/", "~1")
            faults.append(Fault(f"{at}/{pointer}", f"there is no field `{shown}` here", "unknown_field"))
