#!/usr/bin/env python3
"""Smoke test of a running ReviewLens: health, readiness, refusal without a token and, with a user, one whole job."""

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
_DELETE_PATIENCE = 180.0
_REVIEWS = (
    ("Excellent. I love it, it works perfectly and arrived early.", "positive"),
    ("Terrible. It broke after one day and the refund never came.", "negative"),
    ("Great value, I am very happy with this purchase.", "positive"),
    ("Awful quality, a complete waste of money.", "negative"),
)


@dataclass(frozen=True)
class Visitor:
    """A user who can log in."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Site:
    """Where a browser reaches the backend and the UI; `patience`: seconds for the site to become ready."""

    backend: str
    frontend: str
    patience: float = 180


def check(site: Site, visitor: Visitor | None = None, job_patience: float = 900) -> None:
    """Run the smoke test. Raises Failure that names the step that failed."""
    try:
        _check(site, visitor, job_patience)
    except httpx.HTTPError as error:
        raise Failure(f"The site stopped answering ({type(error).__name__}: {error})") from error
    except (KeyError, ValueError) as error:
        raise Failure(f"The site's response is not one of ReviewLens: {error!r}") from error


def _check(site: Site, visitor: Visitor | None, job_patience: float) -> None:
    with httpx.Client(timeout=30) as http:
        backend, frontend = site.backend.rstrip("/"), site.frontend.rstrip("/")
        deadline = time.monotonic() + site.patience
        _until(http, deadline, f"{backend}/healthz", lambda answer: answer.json()["status"] == "ok")
        _until(http, deadline, f"{backend}/readyz", lambda answer: answer.json()["status"] == "ok")
        _until(http, deadline, f"{frontend}/_stcore/health", lambda answer: answer.text.strip() == "ok")
        anonymous = http.get(f"{backend}/me")
        if anonymous.status_code != 401 or "problem+json" not in anonymous.headers.get("content-type", ""):
            raise Failure(f"{backend}/me without a token answers {_shown(anonymous)} instead of 401.")
        say("smoke: the site answers, is ready and refuses requests without a token")
        if visitor:
            _analyse(http, backend, visitor, job_patience)
        else:
            say("smoke: no user was named, so no file was analysed")


def add_user(backend: str, key: str, visitor: Visitor) -> None:
    """Add the user through the operator's route (local identity only). Raises Failure."""
    body = {"username": visitor.name, "password": visitor.password}
    try:
        answer = httpx.post(
            f"{backend.rstrip('/')}/operator/users", json=body, headers={"X-ReviewLens-Operator": key}, timeout=30
        )
    except httpx.HTTPError as error:
        raise Failure(f"The user could not be added: {error}") from error
    _ok(answer, "adding the user")


def _until(http: httpx.Client, deadline: float, url: str, good: Any) -> None:
    while True:
        try:
            answer = http.get(url)
            if answer.status_code == 200 and good(answer):
                return
            last = _shown(answer)
        except httpx.TransportError as error:
            last = f"no answer ({type(error).__name__}: {error})"
        except (ValueError, KeyError, TypeError):
            last = "a response that is not one of ReviewLens"
        if time.monotonic() > deadline:
            raise Failure(f"{url} does not answer as it should: {last}")
        time.sleep(_PAUSE)


def _analyse(http: httpx.Client, backend: str, visitor: Visitor, patience: float) -> None:
    body = {"username": visitor.name, "password": visitor.password}
    login = _ok(http.post(f"{backend}/login", json=body), "logging in")
    if "access_token" not in login:
        raise Failure(f"{visitor.name} cannot log in with a password only. Name a user without a pending challenge.")
    http.headers["Authorization"] = f"Bearer {login['access_token']}"
    text = io.StringIO()
    # The first column makes every file different, so that a cached result cannot pass for a new one.
    csv.writer(text).writerows([("id", "text"), *((uuid.uuid4().hex, review) for review, _ in _REVIEWS)])
    file = {"file": ("smoke.csv", text.getvalue().encode(), "text/csv")}
    upload = _ok(http.post(f"{backend}/uploads", files=file), "uploading")
    job = _ok(http.post(f"{backend}/trigger_pipeline", json={"upload_id": upload["upload_id"]}), "starting a job")
    address = f"{backend}/jobs/{job['job_id']}"
    try:
        _finish(http, address, patience)
        _ok(http.post(f"{backend}/generate_dashboard", json={"job_id": job["job_id"]}), "making the dashboard")
        exported = http.get(f"{address}/export", follow_redirects=True)
        rows = list(csv.DictReader(io.StringIO(exported.text.removeprefix("\ufeff"))))
        sentiments = [row.get("sentiment", "") for row in rows]
        if sentiments != [sentiment for _, sentiment in _REVIEWS]:
            raise Failure(f"The file of {len(_REVIEWS)} clear reviews was scored as {sentiments}.")
    finally:
        _delete(http, address, visitor.name)
    say(f"smoke: a file of {len(rows)} reviews was uploaded, analysed, shown and exported")


def _delete(http: httpx.Client, address: str, name: str) -> None:
    """Cancel the job, wait until it has ended, because a running job cannot be deleted, and delete it."""
    http.post(f"{address}/cancel")
    deadline = time.monotonic() + _DELETE_PATIENCE
    while (deleted := http.delete(address)).status_code == 409 and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    if deleted.status_code not in (204, 404):
        say(f"smoke: the job could not be deleted ({_shown(deleted)}); it stays in {name}'s list")


def _finish(http: httpx.Client, address: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        job = _ok(http.get(address), "reading the job")
        if job["state"] == "succeeded":
            return
        if job["state"] in ("failed", "cancelled"):
            raise Failure(f"The job ended as {job['state']}: {job.get('error') or job.get('reason') or job}")
        if time.monotonic() > deadline:
            raise Failure(f"The job is still {job['state']} after {patience:.0f} seconds.")
        time.sleep(_PAUSE)


def _ok(answer: httpx.Response, step: str) -> dict[str, Any]:
    if not answer.is_success:
        raise Failure(f"The request failed while {step}: {_shown(answer)}")
    return dict(answer.json())


def _shown(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:200]!r}"


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The password of --user is read from the variable SMOKE_PASSWORD."
        " Exit codes: 0 everything works, 1 something does not.",
    )
    parser.add_argument("--backend", default="http://127.0.0.1:8000", help="default %(default)s")
    parser.add_argument("--frontend", default="http://127.0.0.1:8501", help="default %(default)s")
    parser.add_argument(
        "--patience", type=float, default=180, help="seconds for the site to become ready (default %(default)s)"
    )
    parser.add_argument("--job-patience", type=float, default=900, help="seconds for the job (default %(default)s)")
    parser.add_argument("--user", default="", help="also analyse a small file as this user")
    parser.add_argument(
        "--make-user", action="store_true", help="add that user first, with the operator's key from SMOKE_OPERATOR_KEY"
    )
    options = parser.parse_args(arguments)
    visitor = Visitor(options.user, os.environ.get("SMOKE_PASSWORD", "")) if options.user else None
    try:
        if visitor and options.make_user:
            add_user(options.backend, os.environ.get("SMOKE_OPERATOR_KEY", ""), visitor)
        check(Site(options.backend, options.frontend, options.patience), visitor, options.job_patience)
    except Failure as error:
        say(f"smoke: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
