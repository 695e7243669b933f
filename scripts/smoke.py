#!/usr/bin/env python3
"""Tries a running ReviewLens over HTTP: it answers, is ready, refuses strangers and, with a user, analyses a file."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from common import Failure, say

_PAUSE = 2.0
_REVIEWS = (
    ("Excellent. I love it, it works perfectly and arrived early.", "positive"),
    ("Terrible. It broke after one day and the refund never came.", "negative"),
    ("Great value, I am very happy with this purchase.", "positive"),
    ("Awful quality, a complete waste of money.", "negative"),
)


@dataclass(frozen=True)
class Visitor:
    """Somebody who may log in."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Site:
    """Where a browser reaches backend and user interface; `patience` seconds for the site to answer well."""

    backend: str
    frontend: str
    patience: float = 180


def check(site: Site, visitor: Visitor | None = None, job_patience: float = 900) -> None:
    """Raises Failure that says what did not work; returns when all did."""
    try:
        _check(site, visitor, job_patience)
    except httpx.HTTPError as error:
        raise Failure(f"The site stopped answering ({type(error).__name__}: {error})") from error
    except (KeyError, ValueError) as error:
        raise Failure(f"The site's answer is not ReviewLens's: {error!r}") from error


def _check(site: Site, visitor: Visitor | None, job_patience: float) -> None:
    with httpx.Client(timeout=30) as http:
        backend, frontend = site.backend.rstrip("/"), site.frontend.rstrip("/")
        deadline = time.monotonic() + site.patience
        _until(http, deadline, f"{backend}/healthz", lambda answer: answer.json()["status"] == "ok")
        _until(http, deadline, f"{backend}/readyz", lambda answer: answer.json()["status"] == "ok")
        _until(http, deadline, f"{frontend}/_stcore/health", lambda answer: answer.text.strip() == "ok")
        stranger = http.get(f"{backend}/me")
        if stranger.status_code != 401 or "problem+json" not in stranger.headers.get("content-type", ""):
            raise Failure(f"{backend}/me answers a stranger with {_shown(stranger)}; 401 was to be expected.")
        say("smoke: the site answers, is ready and refuses strangers")
        if visitor:
            _analyse(http, backend, visitor, job_patience)
        else:
            say("smoke: no user was given, so no file was analysed")


def add_user(backend: str, key: str, visitor: Visitor) -> None:
    """Makes the user by the operator's route, which there is where users are kept locally. Raises Failure."""
    body = {"username": visitor.name, "password": visitor.password}
    try:
        answer = httpx.post(
            f"{backend.rstrip('/')}/operator/users", json=body, headers={"X-ReviewLens-Operator": key}, timeout=30
        )
    except httpx.HTTPError as error:
        raise Failure(f"No user could be made: {error}") from error
    _ok(answer, "making a user")


def _until(http: httpx.Client, deadline: float, url: str, good: Any) -> None:
    while True:
        try:
            answer = http.get(url)
            if answer.status_code == 200 and good(answer):
                return
            found = _shown(answer)
        except httpx.TransportError as error:
            found = f"no answer ({type(error).__name__}: {error})"
        except (ValueError, KeyError, TypeError):
            found = "something that is not ReviewLens"
        if time.monotonic() > deadline:
            raise Failure(f"{url} does not answer as it should: {found}")
        time.sleep(_PAUSE)


def _analyse(http: httpx.Client, backend: str, visitor: Visitor, patience: float) -> None:
    body = {"username": visitor.name, "password": visitor.password}
    login = _ok(http.post(f"{backend}/login", json=body), "logging in")
    if "access_token" not in login:
        raise Failure(f"{visitor.name} cannot log in with a password alone. Use a user without a pending challenge.")
    http.headers["Authorization"] = f"Bearer {login['access_token']}"
    text = io.StringIO()
    # The first column makes each run's file another one, so that an answer kept from before cannot pass for a new one.
    csv.writer(text).writerows([("id", "text"), *((uuid.uuid4().hex, review) for review, _ in _REVIEWS)])
    file = {"file": ("smoke.csv", text.getvalue().encode(), "text/csv")}
    upload = _ok(http.post(f"{backend}/uploads", files=file), "uploading")
    job = _ok(http.post(f"{backend}/trigger_pipeline", json={"upload_id": upload["upload_id"]}), "starting a job")
    address = f"{backend}/jobs/{job['job_id']}"
    try:
        _finish(http, address, patience)
        _ok(http.post(f"{backend}/generate_dashboard", json={"job_id": job["job_id"]}), "the dashboard")
        exported = http.get(f"{address}/export", follow_redirects=True)
        rows = list(csv.DictReader(io.StringIO(exported.text.removeprefix("\ufeff"))))
        found = [row.get("sentiment", "") for row in rows]
        if found != [sentiment for _, sentiment in _REVIEWS]:
            raise Failure(f"The file of {len(_REVIEWS)} clear reviews came back as {found}.")
    finally:
        http.post(f"{address}/cancel")
        gone = http.delete(address)
        if gone.status_code != 204:
            say(f"smoke: the job could not be removed ({_shown(gone)}); it stays in {visitor.name}'s list")
    say(f"smoke: a file of {len(rows)} reviews was uploaded, analysed, shown and exported")


def _finish(http: httpx.Client, address: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        job = _ok(http.get(address), "asking for the job")
        if job["state"] == "succeeded":
            return
        if job["state"] in ("failed", "cancelled"):
            raise Failure(f"The job ended as {job['state']}: {job.get('error') or job.get('reason') or job}")
        if time.monotonic() > deadline:
            raise Failure(f"The job is still {job['state']} after {patience:.0f} seconds.")
        time.sleep(_PAUSE)


def _ok(answer: httpx.Response, what: str) -> dict[str, Any]:
    if not answer.is_success:
        raise Failure(f"Something went wrong while {what}: {_shown(answer)}")
    return dict(answer.json())


def _shown(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:200]!r}"


def main(arguments: list[str] | None = None) -> int:
    """The script; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The password of --user is read from the variable SMOKE_PASSWORD."
        " Exit codes: 0 all works, 1 something does not.",
    )
    parser.add_argument("--backend", default="http://127.0.0.1:8000", help="default %(default)s")
    parser.add_argument("--frontend", default="http://127.0.0.1:8501", help="default %(default)s")
    parser.add_argument(
        "--patience", type=float, default=180, help="seconds for the site to answer (default %(default)s)"
    )
    parser.add_argument("--job-patience", type=float, default=900, help="seconds for the job (default %(default)s)")
    parser.add_argument("--user", default="", help="analyse a small file as this user, too")
    parser.add_argument(
        "--make-user", action="store_true", help="make that user first, with the operator's key in SMOKE_OPERATOR_KEY"
    )
    given = parser.parse_args(arguments)
    visitor = Visitor(given.user, os.environ.get("SMOKE_PASSWORD", "")) if given.user else None
    try:
        if visitor and given.make_user:
            add_user(given.backend, os.environ.get("SMOKE_OPERATOR_KEY", ""), visitor)
        check(Site(given.backend, given.frontend, given.patience), visitor, given.job_patience)
    except Failure as error:
        say(f"smoke: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
