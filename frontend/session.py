"""Who is logged in, and the client that speaks for them.

The backend sets two HttpOnly cookies; the browser sends them to this server too (same host, another port). A renewed
access token is kept in the Streamlit session; a page refresh starts from the cookies again.
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
    """The connections to the backend, shared by all sessions; no token is kept in them."""
    return connection(settings().backend_url)


@st.cache_resource(show_spinner=False)
def logger() -> logging.Logger:
    """The UI's log, started once per process."""
    return log.start_log(settings().data_dir, settings().log_level)


def backend_link(path: str, **params: Any) -> str:
    """An address of the backend for the browser to open."""
    query = urlencode({name: value for name, value in params.items() if value is not None}, doseq=True)
    return settings().browser_backend_url.rstrip("/") + path + (f"?{query}" if query else "")


def client() -> Client:
    """The backend as this person sees it; NotLoggedIn when there is neither a token nor a cookie."""
    state = st.session_state
    access = state.get("access_token") or _cookie(ACCESS_COOKIE)
    refresh = state.get("refresh_token") or _cookie(REFRESH_COOKIE)
    if not access and not refresh:
        raise NotLoggedIn

    def keep(token: str) -> None:
        state["access_token"] = token

    return Client(http(), access, refresh, keep)


def _cookie(name: str) -> str:
    value = st.context.cookies.get(name)
    return value if isinstance(value, str) else ""


def person() -> Me:
    """Who is logged in; asked once per session."""
    if "person" not in st.session_state:
        st.session_state["person"] = client().me()
    known: Me = st.session_state["person"]
    return known


def forget() -> None:
    """Drop what this session knows of the person."""
    for name in (
        "access_token",
        "refresh_token",
        "person",
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
    """For fragments, which run apart from the page: what goes wrong is shown there, a lost session by the whole app."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except NotLoggedIn:
            forget()
            st.rerun()
        except BackendDown:
            st.warning(
                "ReviewLens's backend does not answer just now. Trying again by itself.", icon=":material/cloud_off:"
            )
        except ApiError as error:
            if error.status != 429:  # asked too often: the next turn will do
                show_problem(error)
        return None

    return run


def attempt(action: Callable[[], R]) -> R | None:
    """For callbacks, which run before the page: what goes wrong is kept for `show_notice`; None then."""
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
    """What went wrong in the last callback, once."""
    notice = st.session_state.pop("notice", None)
    if notice:
        st.error(words.escape(notice), icon=":material/error:")


def show_problem(error: ApiError, doing: str = "") -> None:
    """A problem that the backend reported, in its own plain words."""
    text = words.escape(error.detail)
    reference = (
        f"\n\n:gray[Reference {words.escape(error.request_id)}]" if error.status >= 500 and error.request_id else ""
    )
    st.error((f"**{doing}** " if doing else "") + text + reference, icon=":material/error:")
    logger().warning(
        "the backend reported a problem",
        extra={"facts": {"status": error.status, "code": error.code, "request_id": error.request_id}},
    )


def warn(sentences: list[str]) -> None:
    """What a person should know about the file, in one box."""
    told = [words.escape(sentence) for sentence in sentences]
    if told:
        st.warning(
            told[0] if len(told) == 1 else "\n".join(f"- {sentence}" for sentence in told), icon=":material/info:"
        )


def remembered(name: str, key: str, make: Callable[[], R], *, keep: int = 12, seconds: float = 3600) -> R:
    """`make()` or, within this session, what it gave last time for the same key. Never shared between people."""
    shelf: dict[str, tuple[float, R]] = st.session_state.setdefault(name, {})
    if key in shelf and shelf[key][0] > time.monotonic() - seconds:
        return shelf[key][1]
    value = make()
    shelf.pop(key, None)
    shelf[key] = (time.monotonic(), value)
    while len(shelf) > keep:
        shelf.pop(next(iter(shelf)))
    return value
