"""A local server that gives out a role's keys as Amazon does: to containers, to instances, and for a web identity.

Written from https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html and
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html as of November 2026. Amazon's own
library (boto3 1.44) gets its keys here in the tests. A service account's token is one that it was told: it checks no
signature of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl

from aiohttp import web

from clarion import clock
from clarion.dev.fakes.aws_login import Session, Sessions
from clarion.dev.fakes.serving import Fake

ROLE = "arn:aws:iam::123456789012:role/clarion"
CONTAINER = "/v2/credentials/0a1b2c3d"
_METADATA = "/latest/meta-data/iam/security-credentials/"
_NAME = "clarion"
_ASSUMED = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <AssumedRoleUser>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:{name}</AssumedRoleId><Arn>{arn}/{name}</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
      <SessionToken>{token}</SessionToken><Expiration>{until}</Expiration>
    </Credentials>
    <Provider>oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""
_REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>
</ErrorResponse>"""


class AwsRolesFake(Fake):
    """One role, which everybody may have who proves to be where, or who, its keys are for."""

    def __init__(self, *, token: str, lifetime: timedelta = timedelta(hours=1), port: int = 0) -> None:
        """*token* is the container's, and the service account's."""
        super().__init__(port=port)
        self.sessions = Sessions()
        self.lifetime = lifetime
        self.token = token
        #: Those of instances are good for their time.
        self._opened: dict[str, float] = {}

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get(CONTAINER, self._container)
        router.add_put("/latest/api/token", self._open)
        router.add_get(_METADATA, self._roles)
        router.add_get(_METADATA + _NAME, self._instance)
        router.add_post("/", self._assume)

    def ledger(self) -> list[Mapping[str, object]]:
        return [{"access_key": one.access_key, "until": _shown(one)} for one in self.sessions.given]

    def forget(self) -> None:
        self.sessions.take_back()

    async def _container(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1

        async def take() -> web.StreamResponse:
            if request.headers.get("authorization") != self.token:
                return web.json_response({"code": "AccessDenied", "message": "who are you?"}, status=401)
            return web.json_response({"RoleArn": ROLE, **_json(self.sessions.give(self.lifetime))})

        return await self.faults.handle(request, take)

    async def _open(self, request: web.Request) -> web.StreamResponse:
        seconds = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not seconds.isdigit() or not 1 <= int(seconds) <= 21_600:
            return web.Response(status=400)
        token = secrets.token_urlsafe(40)
        self._opened[token] = clock.monotonic() + int(seconds)
        return web.Response(text=token, headers={"x-aws-ec2-metadata-token-ttl-seconds": seconds})

    async def _roles(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=_NAME) if self._is_open(request) else web.Response(status=401)

    async def _instance(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1

        async def take() -> web.StreamResponse:
            if not self._is_open(request):
                return web.Response(status=401)
            session = self.sessions.give(self.lifetime)
            told = {"Code": "Success", "LastUpdated": f"{clock.now():%Y-%m-%dT%H:%M:%SZ}", "Type": "AWS-HMAC"}
            return web.json_response({**told, **_json(session)})

        return await self.faults.handle(request, take)

    def _is_open(self, request: web.Request) -> bool:
        return self._opened.get(request.headers.get("x-aws-ec2-metadata-token", ""), 0.0) > clock.monotonic()

    async def _assume(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        form = dict(parse_qsl(await request.text()))

        async def take() -> web.StreamResponse:
            if (form.get("Action"), form.get("Version")) != ("AssumeRoleWithWebIdentity", "2011-06-15"):
                return _refuse(400, "InvalidAction", "The fake knows AssumeRoleWithWebIdentity alone.")
            if form.get("WebIdentityToken") != self.token:
                return _refuse(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account")
            if form.get("RoleArn") != ROLE or not form.get("RoleSessionName"):
                return _refuse(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
            one = self.sessions.give(self.lifetime)
            text = _ASSUMED.format(
                name=form["RoleSessionName"],
                arn=ROLE.replace("iam::", "sts::").replace(":role/", ":assumed-role/"),
                key=one.access_key,
                secret=one.secret,
                token=one.token,
                until=_shown(one),
            )
            return web.Response(text=text, content_type="text/xml")

        return await self.faults.handle(request, take)


def _json(session: Session) -> dict[str, str]:
    return {
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret,
        "Token": session.token,
        "Expiration": _shown(session),
    }


def _shown(session: Session) -> str:
    return f"{session.until:%Y-%m-%dT%H:%M:%SZ}"


def _refuse(status: int, code: str, words: str) -> web.Response:
    return web.Response(status=status, text=_REFUSED.format(code=code, words=words), content_type="text/xml")
