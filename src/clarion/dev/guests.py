"""The guests of the hotel example: made up, many, in several languages and scripts, and always the same."""

# ruff: noqa: RUF001 - names are spelled as their bearers spell them
from __future__ import annotations

import json
import sys
from collections.abc import Iterator

#: How many guests the topic has unless said.
COUNT = 10_000

#: Locale, time zone, given names, family names. One locale has no words of its own (el: it gets English), some fall
#: back by a step (pt-BR to pt), and one guest in twelve has no locale at all.
_PEOPLE: tuple[tuple[str | None, str | None, str, str], ...] = (
    ("en", "Europe/London", "Ada Grace Oliver Maeve Zoë Idris", "Okafor Hughes Smith Byrne Patel O’Neill"),
    ("en-US", "America/New_York", "Amelia Noah Harper Mateo Imani Eli", "Johnson Rivera Nguyen Washington Lee Cohen"),
    ("de", "Europe/Berlin", "Jörg Anneliese Björn Käthe Özlem Lukas", "Müller Groß Schäfer Yılmaz Weiß Krüger"),
    ("de-AT", "Europe/Vienna", "Leopold Sophie Xaver Theresia Franz Mira", "Gruber Höfler Pichler Königs Auer Novák"),
    ("fr", "Europe/Paris", "Élodie François Chloé Anaïs Gaël Zoé", "Lefèvre Dupont Bâtard N’Diaye Garçon Noël"),
    ("pt", "Europe/Lisbon", "João Inês Tomás Conceição Nuno Lídia", "Araújo Simões Gonçalves Falcão Brandão Sá"),
    (
        "pt-BR",
        "America/Sao_Paulo",
        "Thiago Luíza Caetano Iracema Raí Moema",
        "Guimarães Conceição Fagundes Sertão Leão Paixão",
    ),
    ("ja", "Asia/Tokyo", "花子 太郎 美咲 翔 さくら 健", "山田 佐藤 鈴木 髙橋 渡邉 伊藤"),
    ("el", "Europe/Athens", "Ελένη Γιώργος Μαρία Νίκος Ζωή Άρης", "Παπαδοπούλου Αγγελής Ξένος Ρήγα Ωνάσης Μύρων"),
    ("en-IN", "Asia/Kolkata", "अनन्या राहुल प्रिया अर्जुन मीरा किरण", "शर्मा पटेल नायर गुप्ता राव सिंह"),
    ("fr-MA", "Africa/Casablanca", "ليلى يوسف مريم كريم نور سليم", "العلوي بناني التازي الفاسي حداد برادة"),
    (None, None, "Nitish Ингрид Wanjiru Søren Siobhán Đặng", "Kumar Соколова Mwangi Ångström Ó'Brien Nguyễn"),
)
_FAMILY_FIRST = frozenset({"ja"})


def guests(count: int = COUNT) -> Iterator[dict[str, object]]:
    """Recipients ``guest-00001`` … as ``PUT /v1/recipients/{id}`` takes them, their ``id`` included.

    Their addresses end in ``guests.example``, which no mail can reach (RFC 2606).
    """
    for number in range(1, count + 1):
        locale, timezone, given, family = _PEOPLE[number % len(_PEOPLE)]
        turn = number // len(_PEOPLE)
        first, last = given.split()[turn % 6], family.split()[turn // 6 % 6]
        guest: dict[str, object] = {
            "id": f"guest-{number:05d}",
            "name": f"{last} {first}" if locale in _FAMILY_FIRST else f"{first} {last}",
            "email": f"guest-{number:05d}@guests.example",
            "data": {"room": 100 + number % 400, "tier": ("basic", "silver", "gold")[number % 3]},
        }
        if locale is not None:
            guest |= {"locale": locale, "timezone": timezone}
        yield guest


def main() -> None:
    """``python -m clarion.dev.guests [COUNT]``: one guest a line, as JSON."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    for guest in guests(count):
        sys.stdout.write(json.dumps(guest, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
