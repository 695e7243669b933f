"""The logged-in user and their client.

The backend sets two HttpOnly cookies; the browser sends them to this server too (same host, another port). Only the
backend can renew them, so the browser is sent there when the access token has expired.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode

import httpx
import streamlit as st

from frontend import log, words
from frontend.api.models import Me
from frontend.client import ApiError, BackendDown, Client, NotLoggedIn, connection
from reviewlens.settings import Settings

ACCESS_COOKIE = "reviewlens_access"
REFRESH_COOKIE = "reviewlens_refresh"

P = ParamSpec("P")
R = TypeVar("R")


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings, read once per process."""
    return Settings()


@st.cache_resource(show_spinner=False)
def http() -> httpx.Client:
    """The connection pool to the backend, shared by all sessions; it holds no token."""
    return connection(settings().backend_url)


@st.cache_resource(show_spinner=False)
def logger() -> logging.Logger:
    """The UI's log, started once per process."""
    return log.start_log(settings().data_dir, settings().log_level)


def backend_link(path: str, **params: Any) -> str:
    """URL of the backend for the browser."""
    query = urlencode({name: value for name, value in params.items() if value is not None}, doseq=True)
    return settings().browser_backend_url.rstrip("/") + path + (f"?{query}" if query else "")


def client() -> Client:
    """The client of this user. Raises NotLoggedIn if the cookies hold no access token that is valid for a while."""
    return Client(http(), _cookie(ACCESS_COOKIE))


def renewal_link() -> str | None:
    """The address at which the browser gets new cookies and returns to the UI; None without a session."""
    return backend_link("/session/renew") if _cookie(REFRESH_COOKIE) else None


def _cookie(name: str) -> str:
    value = st.context.cookies.get(name)
    return value if isinstance(value, str) else ""


def user() -> Me:
    """The logged-in user, read once per session."""
    if "user" not in st.session_state:
        st.session_state["user"] = client().me()
    me: Me = st.session_state["user"]
    return me


def forget() -> None:
    """Drop this session's data about the user."""
    for name in (
        "user",
        "dashboards",
        "upload",
        "job",
        "direct_form",
        "direct_limit",
    ):
        st.session_state.pop(name, None)


def time_zone() -> tzinfo:
    """The browser's time zone."""
    return words.zone(st.context.timezone)


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """Decorator for fragments, which run apart from the page: shows errors there; a lost session reruns the app."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except NotLoggedIn:
            forget()
            st.rerun()
        except BackendDown:
            st.warning("The backend does not answer. Trying again …", icon=":material/cloud_off:")
        except ApiError as error:
            if error.status != 429:  # the next run of the fragment is within the limit
                show_problem(error)
        return None

    return run


def attempt(action: Callable[[], R]) -> R | None:
    """Run a callback's action. Callbacks run before the page, so `show_notice` shows the error; then returns None."""
    try:
        return action()
    except NotLoggedIn:
        forget()
    except BackendDown:
        st.session_state["notice"] = "The backend did not answer, so nothing was changed. Try again in a moment."
    except ApiError as error:
        st.session_state["notice"] = error.detail
    return None


def show_notice() -> None:
    """Show the error of the last callback, once."""
    notice = st.session_state.pop("notice", None)
    if notice:
        st.error(words.escape(notice), icon=":material/error:")


def show_problem(error: ApiError, context: str = "") -> None:
    """Show a problem that the backend reported."""
    text = words.escape(error.detail)
    reference = (
        f"\n\n:gray[Reference {words.escape(error.request_id)}]" if error.status >= 500 and error.request_id else ""
    )
    st.error((f"**{context}** " if context else "") + text + reference, icon=":material/error:")
    logger().warning(
        "the backend reported a problem",
        extra={"facts": {"status": error.status, "code": error.code, "request_id": error.request_id}},
    )


def warn(sentences: list[str]) -> None:
    """Show warnings about the file in one box."""
    escaped = [words.escape(sentence) for sentence in sentences]
    if len(escaped) > 1:
        escaped = [f"- {sentence}" for sentence in escaped]
    if escaped:
        st.warning("\n".join(escaped), icon=":material/info:")


def remembered(name: str, key: str, make: Callable[[], R], *, keep: int = 12, seconds: float = 3600) -> R:
    """`make()`, cached in this session by name and key; never shared between users."""
    shelf: dict[str, tuple[float, R]] = st.session_state.setdefault(name, {})
    if key in shelf and shelf[key][0] > time.monotonic() - seconds:
        return shelf[key][1]
    value = make()
    shelf.pop(key, None)
    shelf[key] = (time.monotonic(), value)
    while len(shelf) > keep:
        shelf.pop(next(iter(shelf)))
    return value
