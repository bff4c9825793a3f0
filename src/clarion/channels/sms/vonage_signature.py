"""How Vonage signs parameters, in both directions.

Written from https://developer.vonage.com/en/getting-started/concepts/signing-messages as of November 2026. Vonage's own
library for Python (vonage-http-client 1.5) must agree, in the tests.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable


def signature(secret: bytes, method: str, parameters: Iterable[tuple[str, str]]) -> str:
    """``sig`` of *parameters*, all but itself: in the order of their names, and what would part them replaced."""
    text = "".join(f"&{name}={value.translate(_PARTING)}" for name, value in sorted(parameters))
    return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), method).hex()


_PARTING = str.maketrans("&=", "__")
