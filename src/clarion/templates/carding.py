"""From words to what stands under the text of a chat message: values with labels, and links as buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clarion.domain.card import is_link, too_long
from clarion.domain.content import ChatButton, ChatContent, ChatField
from clarion.templates.errors import RenderError, refused
from clarion.templates.source import BUTTONS, FIELDS
from clarion.templates.words import Choice


def fields_of(lines: Mapping[str, str]) -> tuple[ChatField, ...]:
    """The fields in *lines*, the rendered front matter; those without a value are left out."""
    read = (_read(lines, FIELDS, number, "label", "value") for number in _numbers(lines, FIELDS))
    return tuple(ChatField(label=label, value=value) for label, value in read if value)


def buttons_of(lines: Mapping[str, str]) -> tuple[ChatButton, ...]:
    """The same of buttons; those that lead nowhere are left out."""
    read = (_read(lines, BUTTONS, number, "text", "url") for number in _numbers(lines, BUTTONS))
    return tuple(ChatButton(text=text, url=url) for text, url in read if url)


def check_card(content: ChatContent, choice: Choice) -> None:
    """Raise `RenderError` for fields and buttons that not every provider takes."""
    for fault in _faults(content, choice):
        raise fault


def _faults(content: ChatContent, choice: Choice) -> Iterator[RenderError]:
    for field in content.fields:
        what = f"the field `{field.label[:40]}`"
        if not field.label:
            yield refused(choice, f"the field whose value is `{field.value[:40]}` has no label", code="empty")
        yield from _too_long(choice, what, label=field.label, value=field.value)
    for button in content.buttons:
        what = f"the button `{button.text[:40]}`"
        if not button.text:
            yield refused(choice, f"the button that leads to `{button.url[:80]}` has no text", code="empty")
        yield from _too_long(choice, what, text=button.text, url=button.url)
        if not is_link(button.url):
            detail = f"the url of {what} is not an address that begins with https:// or http://"
            yield refused(choice, detail, code="invalid_url")


def _too_long(choice: Choice, what: str, **parts: str) -> Iterator[RenderError]:
    for part, text in parts.items():
        if (said := too_long(what, part, text)) is not None:
            yield refused(choice, f"{said}; shorten it", code="too_large")


def _read(lines: Mapping[str, str], table: str, number: int, *parts: str) -> tuple[str, ...]:
    return tuple(lines[f"{table}{number}.{part}"] for part in parts)


def _numbers(lines: Mapping[str, str], table: str) -> list[int]:
    return sorted({int(key.split(".")[1]) for key in lines if key.startswith(table)})
