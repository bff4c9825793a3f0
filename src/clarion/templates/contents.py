"""From words to what a channel carries: how the content of each is made, and what no provider should be given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from clarion.domain.content import ChatContent, Content, EmailContent, InAppContent, PushContent, SmsContent
from clarion.domain.sms_text import MOST_SEGMENTS, measure
from clarion.domain.step import Channel
from clarion.templates.chatting import chat, check_chat
from clarion.templates.errors import refused
from clarion.templates.limits import Limits, Run
from clarion.templates.program import Program
from clarion.templates.pushing import check_push, push
from clarion.templates.words import Choice, Words

#: What no header and no title may hold: control characters and Unicode's own line ends.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Where a link may lead: the web, a mailbox, a telephone, or a page of the application itself.
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:|/(?!/)|\Z)[^\s\\]*\Z", re.IGNORECASE)


def _email(words: Words, variables: Mapping[str, object], run: Run) -> EmailContent:
    subject = words.lines["subject"].render(variables, run)
    html, values = None, None
    if words.html is not None:
        html, values = _render(words.html, variables, run)
    if words.text is not None:
        text = words.text.render(variables, run)
    else:
        assert words.twin is not None
        text = words.twin.text(html or "", values)
    return EmailContent(subject=subject, html=html, text=text)


def _sms(words: Words, variables: Mapping[str, object], run: Run) -> SmsContent:
    assert words.text is not None
    return SmsContent(text=words.text.render(variables, run).strip())


def _in_app(words: Words, variables: Mapping[str, object], run: Run) -> InAppContent:
    assert words.text is not None
    url = words.lines["url"].render(variables, run).strip() if "url" in words.lines else None
    return InAppContent(
        title=words.lines["title"].render(variables, run),
        body=words.text.render(variables, run).strip(),
        url=url or None,
    )


#: How the content of each channel is made. Raises what Liquid does.
MAKE: Mapping[Channel, Callable[[Words, Mapping[str, object], Run], Content]] = {
    Channel.EMAIL: _email,
    Channel.SMS: _sms,
    Channel.PUSH: push,
    Channel.CHAT: chat,
    Channel.IN_APP: _in_app,
}


def check(content: Content, choice: Choice, limits: Limits) -> None:
    """Raise `RenderError` for what no provider should be given."""
    match content:
        case EmailContent():
            _check_line("subject", content.subject, choice)
            _check_size((content.subject, content.text, content.html or ""), choice, limits)
        case SmsContent():
            _check_size((content.text,), choice, limits)
            _check_sms(content.text, choice)
        case PushContent():
            _check_url(content.url, choice)
            check_push(content, choice)
            _check_line("title", content.title, choice)
        case ChatContent():
            _check_size(tuple(_texts_of(content)), choice, limits)
            check_chat(content, choice)
            _check_line("title", content.title or "", choice)
            for field in content.fields:
                _check_line("label of a field", field.label, choice)
            for button in content.buttons:
                _check_line("text of a button", button.text, choice)
        case InAppContent():
            _check_url(content.url, choice)
            _check_line("title", content.title, choice)
            _check_size((content.title, content.body, content.url or ""), choice, limits)


def _texts_of(content: ChatContent) -> Iterator[str]:
    yield from (content.text, content.title or "", content.url or "", content.image or "")
    for field in content.fields:
        yield from (field.label, field.value)
    for button in content.buttons:
        yield from (button.text, button.url)


def _check_url(url: str | None, choice: Choice) -> None:
    if not _ADDRESS.match(url or ""):
        detail = "the url is neither http(s), mailto or tel nor a path that begins with /"
        raise refused(choice, detail, code="invalid_url")


def _check_line(key: str, text: str, choice: Choice) -> None:
    if _CONTROL.search(text):
        detail = f"the {key} has a line end or another control character in it"
        raise refused(choice, detail, code="invalid_header")


def _check_size(texts: tuple[str, ...], choice: Choice, limits: Limits) -> None:
    if sum(map(_most_bytes, texts)) <= limits.output:
        return
    size = sum(map(_bytes, texts))
    if size < 0:
        raise refused(choice, "half of a surrogate pair", code="invalid_text")
    if size > limits.output:
        raise refused(choice, f"{size:,} bytes, where {limits.output:,} are allowed", code="too_large")


def _check_sms(text: str, choice: Choice) -> None:
    if not text:
        raise refused(choice, "a text message without any words: no provider takes one", code="empty")
    size = measure(text)
    if size.segments > MOST_SEGMENTS:
        detail = f"{size.segments:,} segments in {size.alphabet}, where {MOST_SEGMENTS} are allowed; shorten it"
        raise refused(choice, detail, code="too_large")


def _render(program: Program, variables: Mapping[str, object], run: Run) -> tuple[str, list[str] | None]:
    """What *program* gives, and the values of its holes if holes are all it has."""
    if program.steps:
        return program.render(variables, run), None
    out = list(program.parts)
    values = program.fill(out, variables, run)
    return "".join(out), values


def _most_bytes(text: str) -> int:
    """No fewer than the length of *text* in UTF-8, and for Latin letters in a tenth of the time; never fewer than can
    be allowed when it cannot be written in it."""
    if text.isascii():
        return len(text)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        size = _bytes(text)
        return size if size >= 0 else 1 << 60
    return 2 * len(text)


def _bytes(text: str) -> int:
    """The length of *text* in UTF-8; far below zero when it cannot be written in it."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return -(1 << 60)
