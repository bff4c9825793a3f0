"""The part of a fake of Google's that gives access: it checks assertions of a service account as Google does.

Written from https://developers.google.com/identity/protocols/oauth2/service-account as of November 2026.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clarion import clock
from clarion.dev.fakes.faults import Faults

PATH = "/token"
#: What every token begins with.
PREFIX = "ya29.fake"

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"
_LONGEST_S = 3_600
_SKEW_S = 300


class GoogleAccessFake:
    """Knows one service account."""

    def __init__(
        self,
        *,
        project: str,
        scopes: frozenset[str],
        lifetime_s: int = 3_599,
        key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        """*key* is the account's; made anew where none is given."""
        self.faults = Faults()
        #: How often a token was asked for, whatever came of it.
        self.asked = 0
        self.lifetime_s = lifetime_s
        self._project = project
        self._scopes = scopes
        self._email = f"clarion@{project}.iam.gserviceaccount.com"
        self._key = key or rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self._given: set[str] = set()

    def service_account(self, token_uri: str) -> str:
        """The JSON of the account's key."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return json.dumps(
            {
                "type": "service_account",
                "project_id": self._project,
                "private_key_id": "0123456789abcdef" * 2,
                "private_key": pem.decode(),
                "client_email": self._email,
                "client_id": "123456789012345678901",
                "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                "token_uri": token_uri,
            }
        )

    def knows(self, authorization: str) -> bool:
        """Whether the header holds a token that was given out and not taken back."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and token in self._given

    def revoke_all(self) -> None:
        """No token that was given out is good any more."""
        self._given.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A request for a token."""
        self.asked += 1
        form = dict(parse_qsl(await request.text()))

        async def take() -> web.Response:
            status, told = self.grant(form)
            return web.json_response(told, status=status)

        return await self.faults.handle(request, take)

    def grant(self, form: Mapping[str, str]) -> tuple[int, Mapping[str, object]]:
        """The status and the JSON that answer a request with this form."""
        if form.get("grant_type") != _GRANT:
            return _refused("unsupported_grant_type", "Invalid grant_type: " + form.get("grant_type", ""))
        try:
            claims = jwt.decode(
                form.get("assertion", ""),
                self._key.public_key(),
                algorithms=["RS256"],
                audience=_AUDIENCE,
                leeway=_SKEW_S,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            return _refused("invalid_grant", f"Invalid JWT Signature or claims: {type(error).__name__}")
        if claims["iss"] != self._email:
            return _refused("invalid_grant", "Invalid grant: account not found")
        lasts, age = claims["exp"] - claims["iat"], clock.now().timestamp() - claims["iat"]
        if lasts > _LONGEST_S or abs(age) > _LONGEST_S:
            return _refused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
        if not self._scopes.intersection(str(claims.get("scope", "")).split()):
            return _refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = f"{PREFIX}.{secrets.token_urlsafe(24)}"
        self._given.add(token)
        return 200, {"access_token": token, "expires_in": self.lifetime_s, "token_type": "Bearer"}


def _refused(error: str, description: str) -> tuple[int, Mapping[str, object]]:
    return 400, {"error": error, "error_description": description}
