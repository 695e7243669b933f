"""What a start says about getting in."""

from __future__ import annotations

import io

from rich.console import Console

from reviewlens.cli.up import _welcome
from reviewlens.settings import Settings


def test_where_users_are_kept_elsewhere_there_is_no_link_but_the_log_in_page() -> None:
    """It asks the backend for nothing: there is none here."""
    told = io.StringIO()
    settings = Settings(
        identity="cognito", cognito_user_pool="eu-west-1_A", cognito_client="c", cognito_domain="https://c"
    )
    urls = {"backend": "http://127.0.0.1:1", "frontend": "https://reviews.example.org"}
    _welcome(Console(file=told, width=200), settings, urls)
    assert "Open https://reviews.example.org and log in." in told.getvalue()
    assert "link" not in told.getvalue()
