"""The page behind a link to unsubscribe: a question with a button, and what is said when it was pressed.

No script, no cookie, nothing from elsewhere, and nothing on it that a browser would tell another site.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Final, NamedTuple

from starlette.responses import HTMLResponse, Response

from clarion.domain.unsubscribe import Link


class _Words(NamedTuple):
    title: str
    ask: str
    button: str
    note: str
    done: str
    stays: str
    unknown: str


#: By language. What is in braces is put in, escaped.
_WORDS: Final[Mapping[str, _Words]] = MappingProxyType(
    {
        "en": _Words(
            "Unsubscribe",
            "Do you want no more messages of the category “{category}” to {address}?",
            "Unsubscribe",
            "Nothing has been changed yet.",
            "You are unsubscribed: no more messages of the category “{category}” are sent to {address}.",
            "Messages that you need, such as those about the security of your account, still come.",
            "This link does not lead anywhere. Perhaps a part of it is missing.",
        ),
        "de": _Words(
            "Abmelden",
            "Möchten Sie keine Nachrichten der Kategorie „{category}“ an {address} mehr erhalten?",
            "Abmelden",
            "Noch ist nichts geändert.",
            "Sie sind abgemeldet: Nachrichten der Kategorie „{category}“ gehen nicht mehr an {address}.",
            "Nachrichten, die Sie brauchen, etwa zur Sicherheit Ihres Kontos, kommen weiterhin.",
            "Dieser Link führt nirgendwohin. Vielleicht fehlt ein Teil davon.",
        ),
        "fr": _Words(
            "Se désabonner",
            "Ne souhaitez-vous plus recevoir de messages de la catégorie « {category} » à {address} ?",
            "Se désabonner",
            "Rien n'a encore été modifié.",
            "Vous êtes désabonné : plus aucun message de la catégorie « {category} » n'est envoyé à {address}.",
            "Les messages indispensables, par exemple sur la sécurité de votre compte, continuent d'arriver.",
            "Ce lien ne mène nulle part. Il en manque peut-être une partie.",
        ),
        "es": _Words(
            "Cancelar la suscripción",
            "¿No quiere recibir más mensajes de la categoría «{category}» en {address}?",
            "Cancelar la suscripción",
            "Todavía no se ha cambiado nada.",
            "Se ha cancelado la suscripción: no se envían más mensajes de la categoría «{category}» a {address}.",
            "Los mensajes necesarios, como los de la seguridad de su cuenta, siguen llegando.",
            "Este enlace no lleva a ninguna parte. Quizá le falte una parte.",
        ),
    }
)
_FALLBACK: Final = "en"

_STYLE: Final = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1.25rem;color:#1d2330;"
    "background:#fff}h1{font-size:1.5rem}button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;"
    "background:#1d4ed8;color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #93b4ff}small{color:#566}"
    "@media (prefers-color-scheme:dark){body{color:#e6e9f0;background:#14171f}small{color:#a5adbd}}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Vary": "Accept-Language",
    }
)


def ask(link: Link, accept_language: str) -> Response:
    """Whether they want to: nothing happens until the button is pressed."""
    language, words = _words(accept_language)
    # Its one field is what RFC 8058 has mail programs send, so that button and program do the same.
    form = (
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        f"<button>{escape(words.button)}</button></form>"
    )
    body = f"<p>{_about(words.ask, link)}</p>{form}<p><small>{escape(words.note)}</small></p>"
    return _page(200, language, words, body)


def done(link: Link, accept_language: str) -> Response:
    """That it has happened."""
    language, words = _words(accept_language)
    about = _about(words.done, link)
    return _page(200, language, words, f'<p role="status">{about}</p><p><small>{escape(words.stays)}</small></p>')


def unknown(accept_language: str) -> Response:
    """There is no such link; why not is nobody's business."""
    language, words = _words(accept_language)
    return _page(404, language, words, f"<p>{escape(words.unknown)}</p>")


def _page(status: int, language: str, words: _Words, body: str) -> Response:
    title = escape(words.title)
    page = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(page, status_code=status, headers={**HEADERS, "Content-Language": language})


def _about(text: str, link: Link) -> str:
    return escape(text).format(category=escape(link.category), address=f"<b>{escape(_veiled(link.address))}</b>")


def _veiled(address: str) -> str:
    """Enough of *address* for its owner to know it, and too little for who was forwarded the message."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at else f"{address[:3]}…{address[-2:]}"


def _words(accept_language: str) -> tuple[str, _Words]:
    """The first language wanted (RFC 9110, 12.5.4) that there is."""
    wanted = []
    for place, part in enumerate(accept_language[:500].split(",")):
        tag, _, rest = part.strip().partition(";")
        weight = rest.strip().removeprefix("q=")
        try:
            wanted.append((-float(weight) if rest else -1.0, place, tag.partition("-")[0].lower()))
        except ValueError:
            continue
    language = next((tag for weight, _, tag in sorted(wanted) if tag in _WORDS and weight < 0), _FALLBACK)
    return language, _WORDS[language]
