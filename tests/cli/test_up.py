"""What a start says about getting in."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from reviewlens.cli.up import _welcome, run_up
from reviewlens.errors import ConfigurationError
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


def test_a_data_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("REVIEWLENS_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(ConfigurationError, match=r"cannot be written \((File exists|Not a directory)\)"):
        run_up(Console())
