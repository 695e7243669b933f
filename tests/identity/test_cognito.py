"""The Cognito adapter with a user pool in the emulator: the contract, challenges, recovery and sign-up."""

from __future__ import annotations

import base64
import json
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
    ConflictError,
    InputError,
    PermissionError_,
    RateLimitError,
    ReviewLensError,
    TransientError,
)
from reviewlens.identity.challenges import Challenge, ChallengeKind
from reviewlens.identity.cognito import CognitoIdentity
from reviewlens.identity.interface import PasswordRecovery, SelfService, Tokens
from reviewlens.settings import Settings
from tests.cognito import Pool, answering, code_of, failing, make_pool
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
    return CognitoIdentity(people.settings(sign_up=True), client)


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

    def test_confirmation_does_not_reveal_accounts(self, telling, client):
        identity = CognitoIdentity(telling.settings(sign_up=True), client)
        errors = [
            refused(AuthenticationError, "wrong-code", identity.confirm, name, "000000") for name in (NAME, "none")
        ]
        assert errors[0].message == errors[1].message
        identity.send_code_again("nobody")


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
    identity = CognitoIdentity(Settings(**{**people.facts(), "cognito_jwks_url": ""}), client)
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
    session = Challenge(ChallengeKind.CODE_FROM_APP, NAME, PROOF).session
    for _ in range(3):
        refused(AuthenticationError, "wrong-code", identity.answer, session, "abc")
    refused(RateLimitError, "too-many-logins", identity.answer, session, "abc")


# -- one more question ------------------------------------------------------------------------------------------------


def test_a_temporary_password_is_replaced(people, identity):
    people.add("nora", "temporary-1", permanent=False)
    asked = identity.login("nora", "temporary-1")
    assert isinstance(asked, Challenge)
    assert (asked.kind, asked.name) == (ChallengeKind.NEW_PASSWORD, "nora")
    refused(InputError, "invalid-password", identity.answer, asked.session, "")
    refused(InputError, "invalid-password", identity.answer, asked.session, "x" * 257)
    refused(InputError, "invalid-password", identity.answer, asked.session, "half \ud800 of one")
    tokens = identity.answer(asked.session, PASSWORD)
    assert identity.verify(tokens.access_token).name == "nora"
    assert identity.refresh(tokens.refresh_token)
    assert isinstance(identity.login("nora", PASSWORD), Tokens)
    refused(AuthenticationError, "wrong-credentials", identity.login, "nora", "temporary-1")


def test_a_code_from_an_authenticator_app(people, identity):
    people.add("tom", PASSWORD)
    secret = people.add_app(identity.login("tom", PASSWORD).access_token)
    asked = identity.login("tom", PASSWORD)
    assert isinstance(asked, Challenge)
    assert asked.kind is ChallengeKind.CODE_FROM_APP
    right = code_of(secret)
    wrong = f"{(int(right) + 500_000) % 1_000_000:06d}"
    for answer in (wrong, "", "abcdef", "12345", "1234567", "１２３４５６"):
        refused(AuthenticationError, "wrong-code", identity.answer, asked.session, answer)
    right = code_of(secret)
    assert identity.verify(identity.answer(asked.session, f" {right[:3]} {right[3:]}").access_token).name == "tom"


@pytest.mark.parametrize(
    ("question", "kind", "field"),
    [
        ("SMS_MFA", ChallengeKind.CODE_BY_SMS, "SMS_MFA_CODE"),
        ("EMAIL_OTP", ChallengeKind.CODE_BY_EMAIL, "EMAIL_OTP_CODE"),
    ],
)
def test_a_code_that_was_sent(identity, client, question, kind, field):
    response = {
        "ChallengeName": question,
        "Session": PROOF,
        "ChallengeParameters": {"CODE_DELIVERY_DESTINATION": "+*****12", "USER_ID_FOR_SRP": "the-real-name"},
    }
    tokens = {"AccessToken": "a", "IdToken": "i", "RefreshToken": "r", "ExpiresIn": 300, "TokenType": "Bearer"}
    with answering(client, "InitiateAuth", response) as asked:
        challenge = identity.login("ana@example.org", PASSWORD)
    assert asked[0]["AuthFlow"] == "USER_PASSWORD_AUTH"
    assert challenge == Challenge(kind, "the-real-name", PROOF, sent_to="+*****12")
    assert "+*****12" in challenge.prompt
    with answering(client, "RespondToAuthChallenge", {"AuthenticationResult": tokens}) as asked:
        assert identity.answer(challenge.session, "12 34-56") == Tokens("a", "i", "r", 300)
    (sent,) = asked
    assert (sent["ChallengeName"], sent["Session"]) == (question, PROOF)
    assert sent["ChallengeResponses"] == {"USERNAME": "the-real-name", field: "123456"}


def test_an_authenticator_app_is_set_up_if_the_pool_requires_it(people, identity, client):
    people.add("sue", PASSWORD)
    response = {
        "ChallengeName": "MFA_SETUP",
        "Session": PROOF,
        "ChallengeParameters": {"MFAS_CAN_SETUP": '["SMS_MFA","SOFTWARE_TOKEN_MFA"]', "USER_ID_FOR_SRP": "sue"},
    }
    with answering(client, "InitiateAuth", response):
        asked = identity.login("sue", PASSWORD)
    assert isinstance(asked, Challenge)
    assert asked.kind is ChallengeKind.SET_UP_APP
    assert asked.secret in asked.prompt
    wrong = f"{(int(code_of(asked.secret)) + 500_000) % 1_000_000:06d}"
    refused(AuthenticationError, "wrong-code", identity.answer, asked.session, wrong)
    with answering(client, "VerifySoftwareToken", {"Status": "ERROR"}):
        refused(AuthenticationError, "wrong-code", identity.answer, asked.session, "123456")
    assert identity.verify(identity.answer(asked.session, code_of(asked.secret)).access_token).name == "sue"


@pytest.mark.parametrize(
    "response",
    [
        {"ChallengeName": "DEVICE_SRP_AUTH", "Session": PROOF, "ChallengeParameters": {}},
        {"ChallengeName": "SELECT_MFA_TYPE", "Session": PROOF},
        {"ChallengeName": "MFA_SETUP", "Session": PROOF, "ChallengeParameters": {"MFAS_CAN_SETUP": '["SMS_MFA"]'}},
        {"ChallengeName": "MFA_SETUP", "Session": PROOF, "ChallengeParameters": {"MFAS_CAN_SETUP": "not json"}},
        {"ChallengeName": "MFA_SETUP", "Session": PROOF, "ChallengeParameters": {"MFAS_CAN_SETUP": "7"}},
        {
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": PROOF,
            "ChallengeParameters": {"requiredAttributes": '["userAttributes.given_name"]'},
        },
        {},
    ],
)
def test_unsupported_challenges_are_reported(identity, client, response):
    with answering(client, "InitiateAuth", response):
        refused(AuthenticationError, "login-unsupported", identity.login, NAME, PASSWORD)


def test_a_session_restores_its_challenge():
    for kind in ChallengeKind:
        asked = Challenge(kind, "ana", PROOF, sent_to="a***", secret="ABCD")
        assert Challenge.from_session(asked.session) == asked
        assert all(sign.isalnum() or sign in "-_" for sign in asked.session)


@pytest.mark.parametrize(
    "session",
    [
        "",
        "x",
        "not base64!",
        "é",
        "\ud800",
        "bnVsbA",
        "W10",
        "e30",
        "x" * 9000,
        Challenge(ChallengeKind.CODE_FROM_APP, "ana", "short").session,
        Challenge(ChallengeKind.CODE_FROM_APP, "ana", "x" * 4097).session,
        Challenge(ChallengeKind.CODE_FROM_APP, "", PROOF).session,
        Challenge(ChallengeKind.CODE_FROM_APP, "a b", PROOF).session,
        Challenge("transfer-money", "ana", PROOF).session,
        Challenge(ChallengeKind.CODE_FROM_APP, "ana", 7).session,
    ],
)
def test_an_invalid_session_ends_the_log_in(identity, session):
    refused(AuthenticationError, "challenge-ended", identity.answer, session, "123456")


def test_a_session_with_extra_fields_is_invalid(identity):
    facts = {"kind": "code-from-app", "name": "ana", "proof": PROOF, "sent_to": "", "secret": "", "role": "admin"}
    session = base64.urlsafe_b64encode(json.dumps(facts).encode()).rstrip(b"=").decode()
    refused(AuthenticationError, "challenge-ended", identity.answer, session, "123456")


# -- what Cognito refuses ---------------------------------------------------------------------------------------------

SENT = Challenge(ChallengeKind.CODE_BY_SMS, NAME, PROOF).session
OWN = Challenge(ChallengeKind.NEW_PASSWORD, NAME, PROOF).session
CALLS = {
    "InitiateAuth": lambda identity: identity.login(NAME, PASSWORD),
    "refresh": lambda identity: identity.refresh("a-refresh-token-of-some-length"),
    "RespondToAuthChallenge": lambda identity: identity.answer(SENT, "123456"),
    "password": lambda identity: identity.answer(OWN, PASSWORD),
    "SignUp": lambda identity: identity.sign_up("newcomer", PASSWORD, "new@example.org"),
    "ConfirmSignUp": lambda identity: identity.confirm("newcomer", "123456"),
    "ResendConfirmationCode": lambda identity: identity.send_code_again("newcomer"),
    "RevokeToken": lambda identity: identity.logout("a-refresh-token-of-some-length"),
    "ForgotPassword": lambda identity: identity.send_reset_code(NAME),
    "ConfirmForgotPassword": lambda identity: identity.reset_password(NAME, "123456", PASSWORD),
}
OPERATIONS = {"refresh": "InitiateAuth", "password": "RespondToAuthChallenge"}


@pytest.mark.parametrize(
    ("call", "cognito", "kind", "code"),
    [
        ("InitiateAuth", "NotAuthorizedException", AuthenticationError, "wrong-credentials"),
        ("InitiateAuth", "UserNotFoundException", AuthenticationError, "wrong-credentials"),
        ("InitiateAuth", "PasswordResetRequiredException", AuthenticationError, "password-reset-required"),
        ("InitiateAuth", "UserNotConfirmedException", AuthenticationError, "user-not-confirmed"),
        ("InitiateAuth", "UserLambdaValidationException", PermissionError_, "not-permitted"),
        ("InitiateAuth", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("InitiateAuth", "ThrottlingException", RateLimitError, "too-many-logins"),
        ("InitiateAuth", "LimitExceededException", RateLimitError, "too-many-logins"),
        ("InitiateAuth", "InvalidParameterException", ConfigurationError, "cognito-misconfigured"),
        ("InitiateAuth", "ResourceNotFoundException", ConfigurationError, "aws-refused"),
        ("InitiateAuth", "InternalErrorException", TransientError, "aws-failed"),
        ("refresh", "NotAuthorizedException", AuthenticationError, "refresh-token-invalid"),
        ("refresh", "UserNotFoundException", AuthenticationError, "refresh-token-invalid"),
        ("refresh", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("RespondToAuthChallenge", "CodeMismatchException", AuthenticationError, "wrong-code"),
        ("RespondToAuthChallenge", "ExpiredCodeException", AuthenticationError, "challenge-ended"),
        ("RespondToAuthChallenge", "NotAuthorizedException", AuthenticationError, "challenge-ended"),
        ("RespondToAuthChallenge", "InvalidParameterException", AuthenticationError, "challenge-ended"),
        ("RespondToAuthChallenge", "MFAMethodNotFoundException", AuthenticationError, "login-unsupported"),
        ("RespondToAuthChallenge", "TooManyFailedAttemptsException", RateLimitError, "too-many-logins"),
        ("password", "InvalidPasswordException", InputError, "invalid-password"),
        ("password", "PasswordHistoryPolicyViolationException", InputError, "password-used-before"),
        ("SignUp", "UsernameExistsException", ConflictError, "user-exists"),
        ("SignUp", "InvalidPasswordException", InputError, "invalid-password"),
        ("SignUp", "InvalidParameterException", InputError, "sign-up-invalid"),
        ("SignUp", "NotAuthorizedException", PermissionError_, "sign-up-off"),
        ("SignUp", "CodeDeliveryFailureException", TransientError, "code-not-sent"),
        ("ConfirmSignUp", "CodeMismatchException", AuthenticationError, "wrong-code"),
        ("ConfirmSignUp", "NotAuthorizedException", AuthenticationError, "wrong-code"),
        ("ConfirmSignUp", "TooManyFailedAttemptsException", RateLimitError, "too-many-logins"),
        ("ResendConfirmationCode", "LimitExceededException", RateLimitError, "too-many-logins"),
        ("ResendConfirmationCode", "CodeDeliveryFailureException", TransientError, "code-not-sent"),
        ("ForgotPassword", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("ForgotPassword", "InternalErrorException", TransientError, "aws-failed"),
        ("ConfirmForgotPassword", "CodeMismatchException", AuthenticationError, "wrong-code"),
        ("ConfirmForgotPassword", "ExpiredCodeException", AuthenticationError, "wrong-code"),
        ("ConfirmForgotPassword", "UserNotFoundException", AuthenticationError, "wrong-code"),
        ("ConfirmForgotPassword", "LimitExceededException", AuthenticationError, "wrong-code"),
        ("ConfirmForgotPassword", "TooManyFailedAttemptsException", AuthenticationError, "wrong-code"),
        ("ConfirmForgotPassword", "TooManyRequestsException", RateLimitError, "too-many-logins"),
        ("ConfirmForgotPassword", "InvalidPasswordException", InputError, "invalid-password"),
        ("ConfirmForgotPassword", "PasswordHistoryPolicyViolationException", InputError, "password-used-before"),
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


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("Password did not conform with policy: Password not long enough", "The password must be longer."),
        (
            "Password did not conform with policy: Password must have uppercase characters; "
            "Password must have numeric characters; Password must have symbol characters",
            "The password must have a capital letter, have a digit and have a symbol such as ! or ?.",
        ),
        (
            "something else",
            "The password must be longer, with capital and lower-case letters, digits and symbols.",
        ),
    ],
)
def test_a_rejected_password_names_the_broken_rules(identity, client, why, words):
    with failing(client, "RespondToAuthChallenge", "InvalidPasswordException", why):
        assert refused(InputError, "invalid-password", CALLS["password"], identity).message == words


def test_a_misconfigured_app_client_is_named(strict_emulator, client):
    pool = make_pool(strict_emulator, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    pool.add(NAME, PASSWORD)
    error = refused(
        ConfigurationError, "cognito-misconfigured", CognitoIdentity(pool.settings(), client).login, NAME, PASSWORD
    )
    assert "USER_PASSWORD_AUTH" in error.message


# -- a forgotten password ---------------------------------------------------------------------------------------------

NEW = "quite another password"


def test_a_forgotten_password_is_reset_with_a_code(identity, people):
    people.add("forgeta", PASSWORD)
    assert isinstance(identity, PasswordRecovery)
    identity.send_reset_code(" forgeta ")
    wrong = refused(AuthenticationError, "wrong-code", identity.reset_password, "forgeta", "000000", NEW)
    assert refused(InputError, "invalid-password", identity.reset_password, "forgeta", "654321", "short")
    refused(InputError, "invalid-password", identity.reset_password, "forgeta", "654321", "")
    assert identity.login("forgeta", PASSWORD)
    identity.reset_password(" forgeta ", "654 321", NEW)
    refused(AuthenticationError, "wrong-credentials", identity.login, "forgeta", PASSWORD)
    assert identity.verify(identity.login("forgeta", NEW).access_token).name == "forgeta"
    used = refused(AuthenticationError, "wrong-code", identity.reset_password, "forgeta", "654321", PASSWORD)
    unknown = refused(AuthenticationError, "wrong-code", identity.reset_password, "nobody", "654321", NEW)
    assert wrong.message == used.message == unknown.message


def test_a_password_that_an_administrator_reset_is_replaced_with_the_code(identity, people):
    people.add("takenback", PASSWORD)
    people.admin.admin_reset_user_password(UserPoolId=people.id, Username="takenback")
    error = refused(AuthenticationError, "password-reset-required", identity.login, "takenback", PASSWORD)
    assert "code" in error.message
    identity.reset_password("takenback", "654321", NEW)
    assert identity.login("takenback", NEW)


@pytest.mark.parametrize("hides", ["ENABLED", "LEGACY"])
def test_requesting_a_code_does_not_reveal_accounts(strict_emulator, client, hides):
    pool = make_pool(strict_emulator, PreventUserExistenceErrors=hides)
    pool.add(NAME, PASSWORD)
    identity = CognitoIdentity(pool.settings(), client)
    messages = set()
    for name in (NAME, "nobody", "a b", "", "\ud800", "x" * 200):
        identity.send_reset_code(name)
        messages.add(refused(AuthenticationError, "wrong-code", identity.reset_password, name, "000000", NEW).message)
    assert len(messages) == 1


@pytest.mark.parametrize(
    "cognito",
    [
        "CodeDeliveryFailureException",
        "InvalidParameterException",
        "LimitExceededException",
        "NotAuthorizedException",
        "UserNotConfirmedException",
        "UserNotFoundException",
    ],
)
def test_why_no_code_was_sent_is_only_logged(identity, client, caplog, cognito):
    caplog.set_level("INFO")
    with failing(client, "ForgotPassword", cognito, "Vendor's words"):
        identity.send_reset_code(NAME)
    assert f"no reset code sent: {cognito}" in caplog.text
    assert NAME not in caplog.text and "Vendor" not in caplog.text


def test_codes_and_tries_are_limited_by_name(people, client):
    identity = CognitoIdentity(people.settings(login_attempts_per_minute=2), client)
    with failing(client, "ForgotPassword", "UserNotFoundException") as asked:
        identity.send_reset_code("limita")
        refused(AuthenticationError, "wrong-code", identity.reset_password, "LimitA", "000000", NEW)
        for act in (lambda: identity.send_reset_code("limita"), lambda: identity.reset_password("limita", "1", NEW)):
            refused(RateLimitError, "too-many-logins", act)
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["an\u200ba", "an\x7fa", "an\x85a", "\ue000"])
def test_a_name_with_impossible_characters_is_a_wrong_name(identity, client, name):
    with failing(client, "InitiateAuth", "InvalidParameterException") as asked:
        refused(AuthenticationError, "wrong-credentials", identity.login, name, PASSWORD)
    assert asked == []


# -- sign-up ----------------------------------------------------------------------------------------------------------


def test_sign_up_and_confirmation(identity, people):
    assert isinstance(identity, SelfService)
    made = identity.sign_up("Newt", PASSWORD, " newt@example.org ")
    assert not made.confirmed
    assert "@" in made.sent_to
    refused(AuthenticationError, "user-not-confirmed", identity.login, "newt", PASSWORD)
    wrong = refused(AuthenticationError, "wrong-code", identity.confirm, "newt", "000000")
    unknown = refused(AuthenticationError, "wrong-code", identity.confirm, "nobody", "000000")
    assert wrong.message == unknown.message
    identity.send_code_again("newt")
    identity.send_code_again("nobody")
    identity.send_code_again("a b")
    identity.confirm(" newt ", "123 456")
    assert identity.verify(identity.login("newt", PASSWORD).access_token).name == "newt"
    refused(ConflictError, "user-exists", identity.sign_up, "newt", PASSWORD, "other@example.org")
    refused(AuthenticationError, "wrong-code", identity.confirm, "newt", "123456")


@pytest.mark.parametrize(
    ("name", "password", "email", "code"),
    [
        ("a b", PASSWORD, "a@example.org", "invalid-user-name"),
        ("", PASSWORD, "a@example.org", "invalid-user-name"),
        ("shorty", "short", "a@example.org", "invalid-password"),
        ("shorty", "", "a@example.org", "invalid-password"),
        ("shorty", "half \ud800", "a@example.org", "invalid-password"),
        ("shorty", PASSWORD, "", "invalid-email"),
        ("shorty", PASSWORD, "no address", "invalid-email"),
        ("shorty", PASSWORD, "a@example.org, b@example.org", "invalid-email"),
        ("shorty", PASSWORD, f"a@{'x' * 250}.org", "invalid-email"),
        ("shorty", PASSWORD, "\ud800@example.org", "invalid-email"),
    ],
)
def test_invalid_sign_ups(identity, name, password, email, code):
    refused(InputError, code, identity.sign_up, name, password, email)


@pytest.mark.parametrize("name", ["", "a b", "\ud800", "x" * 200])
def test_unknown_names_cannot_be_confirmed(identity, name):
    refused(AuthenticationError, "wrong-code", identity.confirm, name, "123456")


def test_sign_up_is_off_unless_the_settings_turn_it_on(people, client):
    identity = CognitoIdentity(people.settings(), client)
    for act in (
        lambda: identity.sign_up("newcomer", PASSWORD, "a@example.org"),
        lambda: identity.confirm("newcomer", "123456"),
        lambda: identity.send_code_again("newcomer"),
    ):
        refused(PermissionError_, "sign-up-off", act)
