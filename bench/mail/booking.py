"""What fills the mail: 36 values that a whole topic shares, and 20 of each guest's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
SUBJECT = "Your booking is confirmed"
WORKFLOW = "booking-confirmed"

PAYLOAD: dict[str, object] = {
    "airport": "AUR International",
    "airport_minutes": 25,
    "arrival": "2027-03-04",
    "breakfast_from": "06:30",
    "breakfast_room": "Winter Garden",
    "breakfast_to": "10:30",
    "cancellation": "free until two days before arrival",
    "check_in": "15:00",
    "check_out": "11:00",
    "city": "Tromsø",
    "city_tax": "3.20",
    "company": "Aurora Hotels AS",
    "contact": "stay@aurora.example",
    "country": "Norway",
    "currency": "EUR",
    "departure": "2027-03-08",
    "dinner_from": "18:00",
    "dinner_to": "22:30",
    "gym_from": "05:00",
    "gym_to": "23:00",
    "hotel": "Hotel Aurora",
    "manager": "Ingrid Solberg",
    "message": "The northern lights were seen from our roof on nine of the last ten nights; bring something warm.",
    "parking": "in the courtyard, 18.00 a night",
    "pets": "welcome, on a lead",
    "phone": "+47 555 01 234",
    "pool_from": "07:00",
    "pool_to": "21:00",
    "postcode": "9008",
    "register": "NO 999 888 777",
    "restaurant": "Polaris",
    "street": "Strandgata 12",
    "vat": "NO999888777MVA",
    "website": "aurora.example/stay",
    "wifi_name": "Aurora Guests",
    "wifi_password": "polar-night-27",
}

_VIEWS = ("harbour", "garden", "mountain", "courtyard")
_BEDS = ("one king-size bed", "two single beds", "one queen-size bed and a sofa bed")
_TIERS = ("Silver", "Gold", "Platinum")
_TITLES = ("Ms", "Mr", "Dr", "Mx")
_NAMES = ("Ada Lovelace", "Grace Hopper", "Søren Kierkegaard", "Renée Descartes", "Nitish official", "Łukasz Nowak")


def guest(number: int, prefix: str = "guest") -> dict[str, object]:
    """Recipient *number* as Clarion's API takes it; the same number gives the same guest."""
    nights = number % 9 + 1
    return {
        "id": f"{prefix}-{number:07d}",
        "email": f"{prefix}-{number:07d}@guests.example",
        "name": _NAMES[number % len(_NAMES)],
        "data": {
            "adults": number % 3 + 1,
            "bed": _BEDS[number % len(_BEDS)],
            "booking": f"B{number:08d}",
            "card": f"card ending in {number % 10_000:04d}",
            "children": number % 4,
            "code": f"{number * 7919 % 1_000_000:06d}",
            "extras": f"{number % 50}.00",
            "floor": number % 12 + 1,
            "invoice": f"2027-{number:07d}",
            "member": f"{number * 31 % 10_000_000:07d}",
            "nights": nights,
            "points": number * 17 % 90_000,
            "rate": "129.00",
            "room": number % 12 * 100 + number % 40 + 101,
            "tier": _TIERS[number % len(_TIERS)],
            "title": _TITLES[number % len(_TITLES)],
            "total": f"{nights * 129 + number % 50}.00",
            "view": _VIEWS[number % len(_VIEWS)],
        },
    }


def guests(count: int, *, start: int = 0, prefix: str = "guest") -> Iterator[dict[str, object]]:
    """Guests *start* to *start* + *count*, one at a time: a million of them need no memory."""
    return (guest(number, prefix) for number in range(start, start + count))


def write_bookings(file: Path, count: int) -> None:
    """The same mails as jobs of the hotel mailer, a line of JSON each: ``{to, subject, params}``."""
    with file.open("w") as out:
        for recipient in guests(count):
            params = {"payload": PAYLOAD, "recipient": recipient}
            out.write(json.dumps({"to": recipient["email"], "subject": SUBJECT, "params": params}) + "\n")
