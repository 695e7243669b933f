"""A user pool in the AWS emulator, its managed login, and answers that the emulator does not give by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin

import boto3
import httpx
from botocore.awsrequest import AWSResponse

from reviewlens.settings import Settings
from tests.emulator import REGION, Emulator

LENIENT = {
    "MinimumLength": 10,
    "RequireUppercase": False,
    "RequireLowercase": False,
    "RequireNumbers": False,
    "RequireSymbols": False,
}


@dataclass(frozen=True)
class Pool:
    """A user pool with one app client, and what an administrator does with it."""

    emulator: Emulator
    admin: Any
    id: str
    client_id: str

    @property
    def jwks_url(self) -> str:
        return f"{self.emulator.url}/{self.id}/.well-known/jwks.json"

    def facts(self, **more: Any) -> dict[str, Any]:
        """Settings for a backend that uses it."""
        return {
            "identity": "cognito",
            "cognito_user_pool": self.id,
            "cognito_client": self.client_id,
            "cognito_jwks_url": self.jwks_url,
            "cognito_domain": self.emulator.url,
            "login_attempts_per_minute": 100_000,
            **more,
        }

    def settings(self, **more: Any) -> Settings:
        return Settings(**self.facts(**more))

    def add(self, name: str, password: str, *, permanent: bool = True, groups: tuple[str, ...] = ()) -> str:
        """A user, whose subject this returns; with a temporary password where it is not `permanent`."""
        made = self.admin.admin_create_user(
            UserPoolId=self.id,
            Username=name,
            TemporaryPassword=password,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": f"{name}@example.org"}],
        )["User"]
        if permanent:
            self.admin.admin_set_user_password(UserPoolId=self.id, Username=name, Password=password, Permanent=True)
        for group in groups:
            with suppress(self.admin.exceptions.GroupExistsException):
                self.admin.create_group(UserPoolId=self.id, GroupName=group)
            self.admin.admin_add_user_to_group(UserPoolId=self.id, Username=name, GroupName=group)
        return next(one["Value"] for one in made["Attributes"] if one["Name"] == "sub")

    def add_app(self, access_token: str) -> str:
        """Give the user of this token an authenticator app; its key."""
        self.admin.set_user_pool_mfa_config(
            UserPoolId=self.id, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL"
        )
        secret = self.admin.associate_software_token(AccessToken=access_token)["SecretCode"]
        self.admin.verify_software_token(AccessToken=access_token, UserCode=code_of(secret))
        return str(secret)


def code_flow(backend: str, ui: str) -> dict[str, Any]:
    """Options of an app client for managed login, as infra/identity.tf sets them, for these two public addresses."""
    return {
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": ["COGNITO"],
        "CallbackURLs": [f"{backend}/session/callback"],
        "LogoutURLs": [ui],
    }


def managed_log_in(url: str, name: str, password: str) -> str:
    """Log in on the page at `url` as a person does, without a browser; the address of the callback."""
    with httpx.Client(trust_env=False) as pool:
        page = pool.get(url).raise_for_status().text
        fields = {
            unescape(field): unescape(value)
            for field, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page)
        }
        answer = pool.post(urljoin(url, "/login"), data={**fields, "username": name, "password": password})
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def make_pool(emulator: Emulator, **client: Any) -> Pool:
    """A new pool, set up as the product needs it; `client`: other options for its app client."""
    admin = boto3.client(
        "cognito-idp",
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    pool = admin.create_user_pool(
        PoolName="people", Policies={"PasswordPolicy": LENIENT}, AutoVerifiedAttributes=["email"]
    )["UserPool"]
    options = {
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "PreventUserExistenceErrors": "ENABLED",
        "EnableTokenRevocation": True,
        **client,
    }
    made = admin.create_user_pool_client(UserPoolId=pool["Id"], ClientName="reviewlens", **options)["UserPoolClient"]
    ready = Pool(emulator, admin, pool["Id"], made["ClientId"])
    with urllib.request.urlopen(ready.jwks_url, timeout=60):  # the emulator makes a pool's keys when they are asked for
        return ready


def code_of(secret: str, *, ahead: int = 0) -> str:
    """What an authenticator app shows for a key: RFC 6238, six digits, thirty seconds."""
    counter = struct.pack(">Q", int(time.time() // 30) + ahead)
    mac = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    place = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[place : place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_options: Any) -> Iterator[bytes]:
        yield self._content


@contextmanager
def answering(client: Any, operation: str, answer: Any, status: int = 200) -> Iterator[list[dict[str, Any]]]:
    """Have this client's calls of an operation answered so, or fail with an exception; gives what they asked."""
    asked: list[dict[str, Any]] = []

    def instead(request: Any, **_more: Any) -> AWSResponse:
        asked.append(json.loads(request.body))
        if isinstance(answer, Exception):
            raise answer
        return AWSResponse(request.url, status, {}, _Body(json.dumps(answer).encode()))

    event = f"before-send.cognito-identity-provider.{operation}"
    client.meta.events.register(event, instead)
    try:
        yield asked
    finally:
        client.meta.events.unregister(event, instead)


def failing(client: Any, operation: str, code: str, message: str = "no") -> Any:
    """The same with one of Cognito's errors."""
    return answering(client, operation, {"__type": code, "message": message}, 400)
