"""The Cognito adapter with a user pool in the emulator: the contract, users, and what Cognito refuses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from jose import jwt

from reviewlens import aws
from reviewlens.contracts.keys import JobKeys, check_key
from reviewlens.errors import (
    AuthenticationError,
    ConfigurationError,
    PermissionError_,
    RateLimitError,
    ReviewLensError,
    TransientError,
)
from reviewlens.identity.cognito import CognitoIdentity
from tests.cognito import Pool, answering, failing, make_pool
from tests.emulator import REGION
from tests.identity.contract import NAME, PASSWORD, IdentityContract

PROOF = "a session of Cognito's own"


@pytest.fixture(scope="module", autouse=True)
def environment(strict_emulator):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in strict_emulator.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def client(environment) -> Any:
    """A client without retries, because failures are intended."""
    return aws.client("cognito-idp", retries={"mode": "standard", "total_max_attempts": 1})


@pytest.fixture(scope="module")
def people(pool: Pool) -> Pool:
    pool.add(NAME, PASSWORD)
    return pool


@pytest.fixture
def identity(people: Pool, client: Any) -> CognitoIdentity:
    return CognitoIdentity(people.settings(public_backend_url="https://reviews.example/"), client)


def refused(kind: type[ReviewLensError], code: str, act: Any, *arguments: Any) -> ReviewLensError:
    with pytest.raises(kind) as error:
        act(*arguments)
    assert error.value.code == code
    return error.value


class TestContract(IdentityContract):
    @pytest.fixture
    def provider(self, people, client):
        return CognitoIdentity(people.settings(), client)


class TestContractWithAClientThatTellsWhoExists(IdentityContract):
    """With PreventUserExistenceErrors off, as in clients that were created by hand."""

    @pytest.fixture(scope="class")
    def telling(self, strict_emulator):
        pool = make_pool(strict_emulator, PreventUserExistenceErrors="LEGACY")
        pool.add(NAME, PASSWORD)
        return pool

    @pytest.fixture
    def provider(self, telling, client):
        return CognitoIdentity(telling.settings(), client)


# -- who it is --------------------------------------------------------------------------------------------------------


def test_the_subject_is_safe_in_a_key(people, identity):
    subject = people.add("subjecta", PASSWORD)
    user = identity.verify(identity.login("subjecta", PASSWORD).access_token)
    assert user.subject == subject == str(UUID(subject))
    keys = JobKeys(user.subject, "job")
    for key in (keys.spec, keys.summary, keys.newest_served_csv):
        assert check_key(key).split("/")[1] == subject


def test_groups_come_with_the_token(people, identity):
    people.add("groupa", PASSWORD, groups=("admin", "readers"))
    tokens = identity.login("groupa", PASSWORD)
    assert identity.verify(tokens.access_token).groups == {"admin", "readers"}
    assert identity.verify(identity.refresh(tokens.refresh_token).access_token).groups == {"admin", "readers"}
    assert identity.verify(identity.login(NAME, PASSWORD).access_token).groups == frozenset()


def test_a_token_of_another_pool_or_another_client_is_refused(strict_emulator, people, identity, client):
    other = make_pool(strict_emulator)
    other.add(NAME, PASSWORD)
    theirs = CognitoIdentity(other.settings(), client).login(NAME, PASSWORD)
    refused(AuthenticationError, "token-invalid", identity.verify, theirs.access_token)
    refused(AuthenticationError, "refresh-token-invalid", identity.refresh, theirs.refresh_token)
    app = people.admin.create_user_pool_client(
        UserPoolId=people.id, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    same_pool = CognitoIdentity(people.settings(cognito_client=app), client).login(NAME, PASSWORD)
    refused(AuthenticationError, "token-invalid", identity.verify, same_pool.access_token)


def test_a_disabled_user_cannot_log_in_or_refresh(people, identity):
    people.add("dina", PASSWORD)
    tokens = identity.login("dina", PASSWORD)
    people.admin.admin_disable_user(UserPoolId=people.id, Username="dina")
    refused(AuthenticationError, "wrong-credentials", identity.login, "dina", PASSWORD)
    refused(AuthenticationError, "refresh-token-invalid", identity.refresh, tokens.refresh_token)


def test_issuer_and_keys_follow_from_the_pool(people, client):
    identity = CognitoIdentity(people.settings(cognito_jwks_url=""), client)
    claims = jwt.get_unverified_claims(identity.login(NAME, PASSWORD).access_token)
    assert claims["iss"] == f"https://cognito-idp.{REGION}.amazonaws.com/{people.id}"
    assert identity.keys._url == claims["iss"] + "/.well-known/jwks.json"
    elsewhere = CognitoIdentity(people.settings(cognito_issuer="https://pool.example"), client)
    refused(AuthenticationError, "token-invalid", elsewhere.verify, identity.login(NAME, PASSWORD).access_token)


@pytest.mark.parametrize("pool_id", ["people", "_people", "eu-west-1_"])
def test_an_invalid_pool_id_is_refused(people, client, pool_id):
    refused(
        ConfigurationError, "cognito-misconfigured", CognitoIdentity, people.settings(cognito_user_pool=pool_id), client
    )


def test_attempts_are_limited_by_name(people, client):
    identity = CognitoIdentity(people.settings(login_attempts_per_minute=3), client)
    identity._attempts._now = lambda: 0.0  # a constant time, independent of the machine's speed
    long = "x" * 100
    for name in (NAME, long):
        for _ in range(3):
            refused(AuthenticationError, "wrong-credentials", identity.login, name.upper(), "wrong password")
    refused(RateLimitError, "too-many-logins", identity.login, f" {NAME}", PASSWORD)
    refused(RateLimitError, "too-many-logins", identity.login, long.upper(), PASSWORD)


# -- a pool that asks for more -----------------------------------------------------------------------------------------


def must_use_the_page(identity, name=NAME):
    error = refused(AuthenticationError, "challenge-required", identity.login, name, PASSWORD)
    assert error.details == {"page": "https://reviews.example/session/login"}
    assert error.details["page"] in error.message


def test_a_temporary_password_needs_the_page(people, identity):
    people.add("nora", PASSWORD, permanent=False)
    must_use_the_page(identity, "nora")


def test_a_second_factor_needs_the_page(people, identity):
    people.add("tom", PASSWORD)
    people.add_app(identity.login("tom", PASSWORD).access_token)
    must_use_the_page(identity, "tom")


def test_a_password_that_an_administrator_reset_needs_the_page(people, identity):
    people.add("takenback", PASSWORD)
    people.admin.admin_reset_user_password(UserPoolId=people.id, Username="takenback")
    must_use_the_page(identity, "takenback")


def test_an_address_that_is_not_confirmed_needs_the_page(people, identity):
    people.admin.sign_up(
        ClientId=people.client_id,
        Username="newt",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "newt@example.org"}],
    )
    must_use_the_page(identity, "newt")


@pytest.mark.parametrize("challenge", ["SMS_MFA", "EMAIL_OTP", "MFA_SETUP", "SELECT_MFA_TYPE", "DEVICE_SRP_AUTH", None])
def test_every_challenge_needs_the_page(identity, client, challenge):
    with answering(client, "InitiateAuth", {"ChallengeName": challenge, "Session": PROOF} if challenge else {}):
        must_use_the_page(identity)


# -- what Cognito refuses ---------------------------------------------------------------------------------------------

CALLS = {
    "InitiateAuth": lambda identity: identity.login(NAME, PASSWORD),
    "refresh": lambda identity: identity.refresh("a-refresh-token-of-some-length"),
    "RevokeToken": lambda identity: identity.logout("a-refresh-token-of-some-length"),
}
OPERATIONS = {"refresh": "InitiateAuth"}


@pytest.mark.parametrize(
    ("call", "cognito", "kind", "code"),
    [
        ("InitiateAuth", "NotAuthorizedException", AuthenticationError, "wrong-credentials"),
        ("InitiateAuth", "UserNotFoundException", AuthenticationError, "wrong-credentials"),
        ("InitiateAuth", "PasswordResetRequiredException", AuthenticationError, "challenge-required"),
        ("InitiateAuth", "UserNotConfirmedException", AuthenticationError, "challenge-required"),
        ("InitiateAuth", "UserLambdaValidationException", PermissionError_, "not-permitted"),
        ("InitiateAuth", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("InitiateAuth", "ThrottlingException", RateLimitError, "too-many-logins"),
        ("InitiateAuth", "LimitExceededException", RateLimitError, "too-many-logins"),
        ("InitiateAuth", "InvalidParameterException", ConfigurationError, "cognito-misconfigured"),
        ("InitiateAuth", "ResourceNotFoundException", ConfigurationError, "aws-refused"),
        ("InitiateAuth", "InternalErrorException", TransientError, "aws-failed"),
        ("refresh", "NotAuthorizedException", AuthenticationError, "refresh-token-invalid"),
        ("refresh", "UserNotFoundException", AuthenticationError, "refresh-token-invalid"),
        ("refresh", "UserNotConfirmedException", AuthenticationError, "refresh-token-invalid"),
        ("refresh", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("RevokeToken", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("RevokeToken", "InternalErrorException", TransientError, "aws-failed"),
    ],
)
def test_cognitos_errors_are_translated(identity, client, call, cognito, kind, code):
    with failing(client, OPERATIONS.get(call, call), cognito, "Vendor's words"):
        error = refused(kind, code, CALLS[call], identity)
    assert type(error) is kind
    assert "Vendor" not in error.message
    if isinstance(error, RateLimitError):
        assert error.retry_after_seconds >= 10


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "cause",
    [EndpointConnectionError(endpoint_url="http://cognito"), ReadTimeoutError(endpoint_url="http://cognito")],
    ids=["unreachable", "silent"],
)
def test_a_network_failure_is_transient(identity, client, call, cause):
    with answering(client, OPERATIONS.get(call, call), cause):
        refused(TransientError, "aws-unreachable", CALLS[call], identity)


@pytest.mark.parametrize(
    "cognito", ["UnauthorizedException", "UnsupportedTokenTypeException", "InvalidParameterException"]
)
def test_logging_out_with_an_invalid_token_is_ignored(identity, client, cognito):
    with failing(client, "RevokeToken", cognito):
        CALLS["RevokeToken"](identity)


def test_throttling_is_retried(people):
    """With the adapter's own client, which has retries."""
    identity = CognitoIdentity(people.settings())
    with failing(identity._client, "InitiateAuth", "TooManyRequestsException") as asked:
        refused(RateLimitError, "too-many-logins", identity.login, NAME, PASSWORD)
    assert len(asked) == 3


def test_an_unfinished_refresh_ends_the_session(identity, client):
    with answering(client, "InitiateAuth", {"ChallengeName": "DEVICE_SRP_AUTH", "Session": PROOF}):
        refused(AuthenticationError, "refresh-token-invalid", CALLS["refresh"], identity)


def test_a_misconfigured_app_client_is_named(strict_emulator, client):
    pool = make_pool(strict_emulator, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    pool.add(NAME, PASSWORD)
    error = refused(
        ConfigurationError, "cognito-misconfigured", CognitoIdentity(pool.settings(), client).login, NAME, PASSWORD
    )
    assert "USER_PASSWORD_AUTH" in error.message


@pytest.mark.parametrize("name", ["an\u200ba", "an\x7fa", "an\x85a", "\ue000"])
def test_a_name_with_impossible_characters_is_a_wrong_name(identity, client, name):
    with failing(client, "InitiateAuth", "InvalidParameterException") as asked:
        refused(AuthenticationError, "wrong-credentials", identity.login, name, PASSWORD)
    assert asked == []
