"""A log-in that wants one more answer: a password of one's own, or a code."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from reviewlens.errors import AuthenticationError


class ChallengeKind(StrEnum):
    """What is wanted. `set-up-app`: the code of an authenticator app that was just given `secret`."""

    NEW_PASSWORD = "new-password"  # noqa: S105 - a kind of question, no secret
    CODE_FROM_APP = "code-from-app"
    CODE_BY_SMS = "code-by-sms"
    CODE_BY_EMAIL = "code-by-email"
    SET_UP_APP = "set-up-app"


_WORDS = {
    ChallengeKind.NEW_PASSWORD: "Your password was for the first log-in alone; choose one of your own.",
    ChallengeKind.CODE_FROM_APP: "Enter the six digits that your authenticator app shows for ReviewLens.",
    ChallengeKind.CODE_BY_SMS: "Enter the code that was sent to your phone{sent_to}.",
    ChallengeKind.CODE_BY_EMAIL: "Enter the code that was sent to your email address{sent_to}.",
    ChallengeKind.SET_UP_APP: "Add this key to an authenticator app on your phone, "
    "then enter the six digits that the app shows: {secret}",
}


@dataclass(frozen=True)
class Challenge:
    """One more question. `name` and `proof` are the pool's; `sent_to` says, masked, where a code went.

    `session` is all of it as text that whoever logs in brings back with the answer. It is not signed: the pool itself
    binds its `proof` to the user and the question, and refuses it with any other, late or twice.
    """

    kind: ChallengeKind
    name: str
    proof: str
    sent_to: str = ""
    secret: str = ""

    @property
    def words(self) -> str:
        """What to do, for a person."""
        return _WORDS[self.kind].format(sent_to=f" ({self.sent_to})" if self.sent_to else "", secret=self.secret)

    @property
    def session(self) -> str:
        """Letters, digits, '-' and '_'."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).rstrip(b"=").decode()

    @classmethod
    def from_session(cls, session: str) -> Self:
        """The challenge again; AuthenticationError (`challenge-ended`) when this is none."""
        try:
            facts = json.loads(base64.b64decode(session + "=" * (-len(session) % 4), altchars=b"-_", validate=True))
            if not all(isinstance(value, str) for value in facts.values()):
                raise ended()
            return cls(**{**facts, "kind": ChallengeKind(facts["kind"])})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ended() from error


def ended() -> AuthenticationError:
    """The error for a session that is unknown, used, late or was tampered with."""
    return AuthenticationError(
        "This log-in has taken too long or was not accepted; log in again from the start.", code="challenge-ended"
    )
