"""The hotel example: its words come out whole in every language, for guests from everywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clarion.dev.guests import COUNT, guests
from clarion.domain.address import parse_email
from clarion.domain.content import Content, EmailContent, InAppContent
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel
from clarion.project.load import load_project
from clarion.templates.compiled import compile_bundle

HOTEL = Path(__file__).parents[2] / "examples/hotel"
PAYLOAD = {"name": "Nitish official", "orderId": "12345", "message": "See you <soon> & safe travels."}


def contents(recipients: list[Recipient]) -> dict[Channel, list[Content]]:
    """What each of *recipients* is told, per channel."""
    project, _ = load_project(HOTEL)
    assert project is not None
    draft = project.workflows[0]
    bundle = compile_bundle(draft.bundle, project.default_locale)
    shared = {"payload": PAYLOAD, "workflow": {"key": draft.workflow.key}, "trigger": {"id": "trg_1"}}
    said: dict[Channel, list[Content]] = {}
    for step in draft.workflow.channel_steps:
        prepared = bundle.for_trigger(step.template, step.channel, shared)
        message = {"id": "msg_1", "channel": step.channel.value}
        said[step.channel] = [prepared.render(recipient, message) for recipient in recipients]
    return said


def recipient(**fields: object) -> Recipient:
    return Recipient(**{"id": "r", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("locale", "subject", "lang"),
    [
        (None, "Your booking 12345 is confirmed", "en"),
        ("en-IN", "Your booking 12345 is confirmed", "en"),
        ("el", "Your booking 12345 is confirmed", "en"),
        ("de-AT", "Ihre Buchung 12345 ist bestätigt", "de"),
        ("fr", "Votre réservation 12345 est confirmée", "fr"),
        ("pt", "A sua reserva 12345 está confirmada", "pt"),
        ("pt-BR", "A sua reserva 12345 está confirmada", "pt"),
        ("ja", "ご予約 12345 が確定しました", "ja"),
    ],
)
def test_the_mail_in_each_language(locale: str | None, subject: str, lang: str) -> None:
    (mail,) = contents([recipient(name="Ada <Lovelace>", locale=locale)])[Channel.EMAIL]
    assert isinstance(mail, EmailContent)
    assert mail.subject == subject
    assert mail.html is not None
    assert f'<div lang="{lang}" dir="ltr">' in mail.html
    assert mail.html.startswith("<!doctype html>")
    assert "Ada &lt;Lovelace&gt;" in mail.html
    assert "See you &lt;soon&gt; &amp; safe travels." in mail.html
    assert "https://aurora.example/bookings/12345" in mail.html
    assert len(mail.html.encode()) < 20_000
    assert mail.text.startswith("HOTEL AURORA\n")
    assert "Ada <Lovelace>" in mail.text
    assert "See you <soon> & safe travels." in mail.text
    assert "{{" not in mail.html + mail.text
    assert "---" not in mail.text


def test_who_has_no_name_is_called_by_the_payloads() -> None:
    said = contents([recipient(email="nitish@example.com")])
    mail, item = said[Channel.EMAIL][0], said[Channel.IN_APP][0]
    assert isinstance(mail, EmailContent)
    assert "Dear Nitish official," in mail.text
    assert item == InAppContent(
        title="Booking 12345 is confirmed",
        body="Thank you, Nitish official! See you <soon> & safe travels.",
        url="https://aurora.example/bookings/12345",
    )


def test_the_html_is_well_formed_and_accessible() -> None:
    (mail,) = contents([recipient(name="Ada")])[Channel.EMAIL]
    assert isinstance(mail, EmailContent)
    reader = Tags()
    reader.feed(mail.html or "")
    assert reader.open == []
    assert reader.crossed == []
    layout = [attributes for tag, attributes in reader.seen if tag == "table" and attributes.get("class") != "panel"]
    assert all(attributes.get("role") == "presentation" for attributes in layout)
    assert [tag for tag, _ in reader.seen if tag in ("h1", "h2")] == ["h1", "h2"]
    assert all(attributes.get("scope") for tag, attributes in reader.seen if tag == "th")
    assert dict(reader.seen)["html"]["lang"] == "en"
    assert not any(tag in ("script", "form", "iframe", "link") for tag, _ in reader.seen)


VOID = {"meta", "br", "hr", "img"}


class Tags(HTMLParser):
    """What was opened and not closed, or closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            self.crossed.append(tag)


def test_the_guests_are_always_the_same() -> None:
    made = list(guests())
    assert len(made) == COUNT == 10_000
    assert made == list(guests())
    assert made[:3] == list(guests(3))
    assert len({guest["id"] for guest in made}) == 10_000
    assert [made[0]["id"], made[-1]["id"]] == ["guest-00001", "guest-10000"]
    for guest in made:
        assert parse_email(str(guest["email"])) == f"{guest['id']}@guests.example"
        assert re.fullmatch(r"[A-Za-z0-9_@.+-]{1,128}", str(guest["id"]))
    locales = {guest.get("locale") for guest in made}
    assert {None, "en", "de", "fr", "pt", "pt-BR", "ja", "el"} <= locales
    assert len({guest["name"] for guest in made}) > 400


def test_every_kind_of_guest_gets_words() -> None:
    some = [recipient(**guest) for guest in guests(120)]
    said = contents(some)
    assert all(
        isinstance(mail, EmailContent) and str(guest.name) in mail.text
        for guest, mail in zip(some, said[Channel.EMAIL], strict=True)
    )
    subjects = {mail.subject for mail in said[Channel.EMAIL] if isinstance(mail, EmailContent)}
    assert len(subjects) == 5
