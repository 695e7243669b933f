"""Log-in challenges: a new password or a code that a log-in asks for after the password."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from reviewlens.errors import AuthenticationError


class ChallengeKind(StrEnum):
    """What the user must enter. `set-up-app`: the code from an authenticator app after adding `secret` to it."""

    NEW_PASSWORD = "new-password"  # noqa: S105 - a kind of challenge, not a secret
    CODE_FROM_APP = "code-from-app"
    CODE_BY_SMS = "code-by-sms"
    CODE_BY_EMAIL = "code-by-email"
    SET_UP_APP = "set-up-app"


_PROMPTS = {
    ChallengeKind.NEW_PASSWORD: "Your password was valid for the first log-in only. Choose a new one.",
    ChallengeKind.CODE_FROM_APP: "Enter the six digits that your authenticator app shows for ReviewLens.",
    ChallengeKind.CODE_BY_SMS: "Enter the code sent to your phone{sent_to}.",
    ChallengeKind.CODE_BY_EMAIL: "Enter the code sent to your email address{sent_to}.",
    ChallengeKind.SET_UP_APP: "Add this key to an authenticator app on your phone, "
    "then enter the six digits that the app shows: {secret}",
}


@dataclass(frozen=True)
class Challenge:
    """One challenge. `name` is the user name and `proof` the session token, both from the pool.

    `sent_to` is the masked address to which the code was sent. `session` holds all fields as text; the client returns
    it with the answer. It is not signed: the pool binds `proof` to the user and the challenge, and rejects it when it
    is used for another one, expired or used twice.
    """

    kind: ChallengeKind
    name: str
    proof: str
    sent_to: str = ""
    secret: str = ""

    @property
    def prompt(self) -> str:
        """The instruction to show to the user."""
        return _PROMPTS[self.kind].format(sent_to=f" ({self.sent_to})" if self.sent_to else "", secret=self.secret)

    @property
    def session(self) -> str:
        """All fields as one URL-safe string."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).rstrip(b"=").decode()

    @classmethod
    def from_session(cls, session: str) -> Self:
        """Decode a `session`; AuthenticationError (`challenge-ended`) when it is not valid."""
        try:
            facts = json.loads(base64.b64decode(session + "=" * (-len(session) % 4), altchars=b"-_", validate=True))
            if not all(isinstance(value, str) for value in facts.values()):
                raise challenge_ended()
            return cls(**{**facts, "kind": ChallengeKind(facts["kind"])})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise challenge_ended() from error


def challenge_ended() -> AuthenticationError:
    """The error for a session that is unknown, used, expired or tampered with."""
    return AuthenticationError("This log-in took too long or was not accepted; log in again.", code="challenge-ended")
