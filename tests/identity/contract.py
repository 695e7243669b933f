"""The contract of identity providers; each adapter has a test class that inherits from this one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest
from jose import jwt

from reviewlens.errors import AuthenticationError
from reviewlens.identity.interface import IdentityProvider

NAME, PASSWORD = "ana", "the password of ana"


class IdentityContract(ABC):
    """Adapters define the fixture `provider`, which has the user NAME with PASSWORD."""

    @pytest.fixture
    @abstractmethod
    def provider(self) -> IdentityProvider: ...

    def test_login_gives_tokens_that_name_the_user(self, provider):
        tokens = provider.login(NAME, PASSWORD)
        assert tokens.token_type == "Bearer"
        assert tokens.expires_in > 0
        assert tokens.refresh_token
        user = provider.verify(tokens.access_token)
        assert user.name == NAME
        assert user.subject == jwt.get_unverified_claims(tokens.id_token)["sub"]
        assert all(sign.isalnum() or sign in "-_" for sign in user.subject)

    def test_subject_stays_the_same(self, provider):
        first, second = (provider.verify(provider.login(NAME, PASSWORD).access_token) for _ in range(2))
        assert first == second

    def test_wrong_name_and_wrong_password_look_the_same(self, provider):
        with pytest.raises(AuthenticationError) as wrong_password:
            provider.login(NAME, "not the password")
        with pytest.raises(AuthenticationError) as wrong_name:
            provider.login("nobody", PASSWORD)
        assert (wrong_password.value.code, wrong_password.value.message) == (
            wrong_name.value.code,
            wrong_name.value.message,
        )

    @pytest.mark.parametrize("name", ["", " ", "a b", "x" * 10_000, "\x00", "\ud800", "../..", "ana'--"])
    def test_impossible_names_are_just_wrong(self, provider, name):
        with pytest.raises(AuthenticationError):
            provider.login(name, PASSWORD)

    @pytest.mark.parametrize("password", ["", "x" * 100_000, "\x00", "\ud800"])
    def test_impossible_passwords_are_just_wrong(self, provider, password):
        with pytest.raises(AuthenticationError):
            provider.login(NAME, password)

    def test_refresh_gives_an_access_token_of_the_same_user(self, provider):
        tokens = provider.login(NAME, PASSWORD)
        renewed = provider.refresh(tokens.refresh_token)
        assert renewed.refresh_token != tokens.refresh_token
        assert provider.refresh(renewed.refresh_token or tokens.refresh_token).access_token
        assert provider.verify(renewed.access_token) == provider.verify(tokens.access_token)

    def test_logout_revokes_the_refresh_token_only_that_one(self, provider):
        one, other = provider.login(NAME, PASSWORD), provider.login(NAME, PASSWORD)
        provider.logout(one.refresh_token)
        with pytest.raises(AuthenticationError):
            provider.refresh(one.refresh_token)
        assert provider.refresh(other.refresh_token).access_token
        provider.logout(one.refresh_token)
        provider.logout("never heard of")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "\ud800", "x" * 100_000, "null", "e30.e30."])
    def test_nonsense_is_not_a_token(self, provider, token):
        with pytest.raises(AuthenticationError):
            provider.verify(token)
        with pytest.raises(AuthenticationError):
            provider.refresh(token)

    def test_other_tokens_are_not_access_tokens(self, provider):
        tokens = provider.login(NAME, PASSWORD)
        for token in (tokens.id_token, tokens.refresh_token):
            with pytest.raises(AuthenticationError):
                provider.verify(token)
        with pytest.raises(AuthenticationError):
            provider.refresh(tokens.access_token)
