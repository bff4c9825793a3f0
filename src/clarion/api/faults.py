"""What pydantic finds wrong, in our words: every fault, each with its JSON pointer and a stable code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from clarion.domain.careful import MAX_FAULTS, escape
from clarion.domain.suggest import nearest
from clarion.errors import Fault, Invalid

#: Pydantic's words → ours, by the end of its word where a family shares one.
_CODES: Final[Mapping[str, str]] = {
    "extra_forbidden": "unknown_field",
    "missing": "missing",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_many",
    "too_short": "too_few",
    "literal_error": "not_allowed",
    "enum": "not_allowed",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
}

#: Where pydantic speaks Python.
_TEXTS: Final[Mapping[str, str]] = {
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be an array",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "missing": "is needed",
}

T = TypeVar("T")


def read(adapter: TypeAdapter[T], value: object, *, at: str = "") -> T:
    """*value* as what *adapter* describes; raises `Invalid` that names every fault, at pointers below *at*."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise invalid(faults_of(error, at=at)) from None


def fits(adapter: TypeAdapter[Any], value: object) -> bool:
    """Whether *value* is what *adapter* describes."""
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def invalid(faults: Sequence[Fault]) -> Invalid:
    """The error that tells *faults*: its code is theirs when they agree, else ``invalid``."""
    codes = {fault.code for fault in faults}
    first = faults[0]
    where = f"{first.pointer}: " if first.pointer else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Invalid(f"{where}{first.detail}{more}", code=codes.pop() if len(codes) == 1 else "invalid", faults=faults)


def faults_of(error: ValidationError, *, at: str = "") -> list[Fault]:
    """Every fault of *error*, up to `MAX_FAULTS`."""
    found = error.errors(include_url=False, include_context=True, include_input=False)
    return [_fault(detail, at) for detail in found[:MAX_FAULTS]]


def pointer_of(location: Sequence[object], at: str = "") -> str:
    """A JSON pointer to *location*. Parts in angle brackets name a member of a union, not a place."""
    parts = [escape(part) for part in map(str, location) if not (part.startswith("<") and part.endswith(">"))]
    return at + "/".join(parts) if at == "?" else at + "".join(f"/{part}" for part in parts)


def _fault(detail: Mapping[str, Any], at: str) -> Fault:
    kind: str = detail["type"]
    if kind in _CODES:
        code = _CODES[kind]
    elif kind.endswith(("_type", "_parsing", "_attributes_type")) or kind == "int_from_float":
        code = "type"
    else:
        code = kind
    text: str = detail["msg"]
    if kind in _TEXTS and (kind != "missing" or text == "Field required"):  # else they are our own words
        text = _TEXTS[kind]
    if kind == "extra_forbidden":
        text = f"there is no field `{escape(str(detail['loc'][-1]))}` here"
    return Fault(pointer_of(detail["loc"], at), text, code)


def with_suggestions(error: Invalid, model: type[BaseModel]) -> Invalid:
    """*error*, its unknown fields put right where one that *model* has in that place is near."""
    faults = []
    for fault in error.faults:
        above, _, name = fault.pointer[1:].rpartition("/")
        near = nearest(name, _fields(model, above)) if fault.code == "unknown_field" else None
        is_near = near is not None and near != name
        faults.append(Fault(fault.pointer, f"{fault.detail}: did you mean `{near}`?", fault.code) if is_near else fault)
    return invalid(faults)


def _fields(model: type[BaseModel], pointer: str) -> set[str]:
    """The fields of what *model* has at *pointer*, of all kinds that may stand there."""
    found: set[object] = {model}
    for name in filter(None, pointer.split("/")):
        if not name.isdigit():  # the items of a list are found with it
            fields = [one.model_fields[name] for one in _models(found) if name in one.model_fields]
            found = {part for field in fields for part in _parts(field.annotation)}
    return {name for one in _models(found) for name in one.model_fields}


def _models(found: Iterable[object]) -> list[type[BaseModel]]:
    return [one for one in found if isinstance(one, type) and issubclass(one, BaseModel)]


def _parts(annotation: object) -> Iterator[object]:
    """All that *annotation* is made of: of ``list[A | B] | None`` both A and B."""
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
