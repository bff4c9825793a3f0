"""What rendered words come to on their channel: how much they are, and what their author should look at. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from clarion.domain import push_size, sms_text, webhook_body
from clarion.domain.card import lines_of
from clarion.domain.content import ChatContent, Content, EmailContent, InAppContent, PushContent, SmsContent

#: Of a subject; what is longer is cut off in most lists of mails.
_LONG_SUBJECT: Final = 78
#: Of the HTML of a mail; Gmail shows no more than 102 KiB and hides the rest behind a link.
_CLIPPED: Final = 102 * 1024
#: Of a text message: so many of the characters that make it longer are named.
_NAMED: Final = 5
#: Of the body of a webhook: of what may be posted, as much is no warning.
_FULL: Final = 0.8
#: Of a push message; what is longer is cut off on most screens.
_LONG_TITLE, _LONG_BODY = 65, 240


def size_of(content: Content | Mapping[str, object]) -> dict[str, Any]:
    """How much *content*, of a webhook its body, takes in what its channel counts: segments, bytes, characters."""
    match content:
        case SmsContent():
            size = sms_text.measure(content.text)
            return {"alphabet": size.alphabet.value, "units": size.units, "segments": size.segments}
        case PushContent():
            return {"bytes": push_size.measure(content), "most_bytes": push_size.MOST_BYTES}
        case EmailContent():
            return {"html_bytes": len((content.html or "").encode()), "text_bytes": len(content.text.encode())}
        case ChatContent():
            title, lines = content.title or "", lines_of(content)
            return {"characters": len(content.text) + len(title) + sum(map(len, lines))}
        case InAppContent():
            return {"characters": len(content.body)}
        case _:
            return {"bytes": len(orjson.dumps(content)), "most_bytes": webhook_body.MOST_BYTES}


def warnings_of(content: Content | Mapping[str, object]) -> list[str]:
    """What may be not as meant, though it can be sent: each as a sentence."""
    return list(_WARNINGS.get(type(content), _of_webhook)(content))


def _of_mail(content: EmailContent) -> Iterator[str]:
    if not content.subject.strip():
        yield "the subject is empty"
    if len(content.subject) > _LONG_SUBJECT:
        yield f"the subject has {len(content.subject)} characters; most lists of mails show {_LONG_SUBJECT} at most"
    size = len((content.html or "").encode())
    if size > _CLIPPED:
        yield f"the HTML has {size:,} bytes; Gmail shows no more than {_CLIPPED:,}"
    if not content.text.strip():
        yield "it has no text: programs that show no HTML show nothing"


def _of_text(content: SmsContent) -> Iterator[str]:
    size = sms_text.measure(content.text)
    if size.alphabet is sms_text.Alphabet.UCS2:
        strange = [one for one in dict.fromkeys(content.text) if sms_text.measure(one).alphabet is size.alphabet]
        many = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
        named = ", ".join(map(_named, strange[:_NAMED])) + many
        are = "is" if len(strange) == 1 else "are"
        yield f"{named} {are} not in the GSM alphabet, so that one segment has 70 characters, not 160"
    if size.segments > 1:
        yield f"it is carried, and billed, as {size.segments} messages"
    if not content.text:
        yield "it is empty"


def _of_push(content: PushContent) -> Iterator[str]:
    if len(content.title) > _LONG_TITLE:
        yield f"the title has {len(content.title)} characters; most screens show {_LONG_TITLE} at most"
    if len(content.body) > _LONG_BODY:
        yield f"the text has {len(content.body)} characters; most screens show {_LONG_BODY} at most"


def _of_webhook(content: Mapping[str, object]) -> Iterator[str]:
    size, most = len(orjson.dumps(content)), webhook_body.MOST_BYTES
    if size > most * _FULL:
        yield f"its body has {size:,} bytes; of more than {most:,} none is posted"


def _named(character: str) -> str:
    """*character*, so that it can be found; one that is not seen by its name."""
    code = f"U+{ord(character):04X}"
    if character.isprintable() and not unicodedata.combining(character):
        return f"{character} ({code})"
    return f"{code} ({unicodedata.name(character, 'a control character').lower()})"


def _nothing(_: Content) -> Iterator[str]:
    yield from ()


_WARNINGS: Final[Mapping[type, Callable[[Any], Iterator[str]]]] = {
    EmailContent: _of_mail,
    SmsContent: _of_text,
    PushContent: _of_push,
    ChatContent: _nothing,
    InAppContent: _nothing,
}
