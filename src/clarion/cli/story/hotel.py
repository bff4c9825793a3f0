"""Where the hotel of the demonstration is."""

from __future__ import annotations

from pathlib import Path

import clarion
from clarion.errors import ConfigError

WORKFLOW = "booking-confirmed"
TOPIC = "guests"


def hotel() -> Path:
    """The project folder of the hotel: in the installed package, else in the repository that this runs from.

    Raises `ConfigError` when there is neither.
    """
    package = Path(clarion.__file__).resolve().parent
    for folder in (package / "dev" / "hotel", package.parents[1] / "examples" / "hotel"):
        if (folder / "workflows" / f"{WORKFLOW}.yaml").is_file():
            return folder
    raise ConfigError(
        "The hotel of the demonstration is not installed here. Get Clarion's repository and run `make demo` in it."
    )
