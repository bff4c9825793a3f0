"""Bindings that listen to one and the same queue or consumer: it is opened once, so they must say the same of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from clarion.domain.binding import Binding
from clarion.domain.source import BullSource, NatsSource, RabbitSource, Source, differences
from clarion.project.mistake import Mistake
from clarion.project.plain_value import locate
from clarion.project.yaml_text import compose

_OWN = {
    RabbitSource: "or let one of them have a `queue` of its own",
    NatsSource: "or let one of them have a `durable` of its own",
    BullSource: "only `jobs` may differ",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """A binding file that listens at a broker, and where it says what."""

    file: str
    source: Source
    #: Line and column of each key that it says of the source; under "" those of the source itself.
    places: Mapping[str, tuple[int, int]]

    def place(self, key: str) -> tuple[int, int]:
        return self.places.get(key, self.places[""])


def listener_of(text: str, file: str, binding: Binding) -> Listener | None:
    """The listener that *binding* is, whose file's content is *text*; None when it hears an own event."""
    source = binding.source
    root, _ = compose(text, file)
    if source is None or root is None:
        return None
    (kind,) = binding.to_json()["on"]
    whole, _ = locate(root, f"/on/{kind}")
    found = {"": whole}
    for field in fields(source):
        key, _ = locate(root, f"/on/{kind}/{field.name}")
        if key is not whole:
            found[field.name] = key
    places = {name: (key.start_mark.line + 1, key.start_mark.column + 1) for name, key in found.items()}
    return Listener(file, source, places)


def contradictions(listeners: Iterable[Listener]) -> Iterator[Mistake]:
    """An error for each key that says something else than the first file with the same source does."""
    first: dict[str, Listener] = {}
    for listener in listeners:
        other = first.setdefault(listener.source.name, listener)
        for key in differences(other.source, listener.source):
            line, column = listener.place(key)
            theirs, _ = other.place(key)
            yield Mistake(
                file=listener.file,
                line=line,
                column=column,
                message=f"`{key}` is not what {other.file}:{theirs} says of the same source `{other.source.name}`",
                hint=f"say the same in both, {_OWN[type(other.source)]}",
            )
