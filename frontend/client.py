"""The backend over HTTP: one method per route, plain dictionaries out, three kinds of failure."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

import httpx

JSON = dict[str, Any]
_CHUNK = 1 << 20
_EARLY_SECONDS = 20  # refresh this long before a token ends, so that it does not end on its way


class ApiError(Exception):
    """The backend answered with a problem; `detail` is in plain words and says what to change."""

    def __init__(self, status: int, problem: JSON) -> None:
        self.status = status
        self.code: str = str(problem.get("code", ""))
        self.title: str = str(problem.get("title", "The request failed"))
        self.detail: str = str(problem.get("detail") or self.title)
        self.request_id: str = str(problem.get("request_id", ""))
        super().__init__(f"{status} {self.code}")  # never the detail: it may quote what a person gave


class BackendDown(Exception):
    """No answer: the backend is stopped, starting or out of reach."""


class NotLoggedIn(Exception):
    """There is no session, or it has ended and cannot be renewed."""


def expires_at(token: str) -> float:
    """When a JWT ends (Unix seconds); 0 when that cannot be read. Not a check: the backend checks."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return 0.0


def connection(base_url: str) -> httpx.Client:
    """A pool of connections, safe to share between threads and users: it holds no token and no cookie."""
    timeout = httpx.Timeout(60, connect=3)
    return httpx.Client(base_url=base_url, timeout=timeout, trust_env=False)


class Client:
    """The backend as one logged-in person sees it; renews the access token when it has ended.

    `keep` is called with a new access token. Every method raises ApiError, BackendDown or NotLoggedIn.
    """

    def __init__(self, http: httpx.Client, access: str, refresh: str, keep: Callable[[str], None]) -> None:
        self._http, self._access, self._refresh, self._keep = http, access, refresh, keep

    def me(self) -> JSON:
        """Who is logged in: subject, name, groups."""
        return self._json("GET", "/me")

    def upload(self, filename: str, source: IO[bytes]) -> JSON:
        """Send a file in pieces; answers with what was detected in it."""

        def pieces() -> Iterator[bytes]:
            source.seek(0)
            while piece := source.read(_CHUNK):
                yield piece

        self._renew_if_ended()  # a body that is streamed cannot be sent a second time after a 401
        return self._json(
            "POST",
            "/uploads",
            params={"filename": filename},
            content=pieces(),
            headers={"Content-Type": "application/octet-stream"},
            timeout=httpx.Timeout(600, connect=3),
        )

    def direct_offer(self) -> JSON:
        """Whether files can be sent straight to the store: {offered, max_bytes, expires_in}."""
        return self._json("GET", "/uploads/direct")

    def announce(self, filename: str, size_bytes: int) -> JSON:
        """A form with which a browser sends a file straight to the store: {upload_id, url, fields, expires_in}."""
        return self._json("POST", "/uploads/direct", json={"filename": filename, "size_bytes": size_bytes})

    def complete(self, upload_id: str) -> JSON:
        """Say that the file has been sent; answers with what was detected in it."""
        return self._json("POST", f"/uploads/{upload_id}/complete", timeout=httpx.Timeout(600, connect=3))

    def get_upload(self, upload_id: str) -> JSON:
        """An earlier upload and what was detected in it."""
        return self._json("GET", f"/uploads/{upload_id}")

    def sniff(self, upload_id: str, dialect: JSON, mapping: JSON) -> JSON:
        """What is detected when these parts are given by the person."""
        return self._json("POST", f"/uploads/{upload_id}/sniff", json={"dialect": dialect, "mapping": mapping})

    def delete_upload(self, upload_id: str) -> None:
        """Forget an upload that no run uses."""
        self._send("DELETE", f"/uploads/{upload_id}")

    def start(self, upload_id: str, dialect: JSON, mapping: JSON) -> JSON:
        """Analyse an upload; the same upload and mapping twice is one job."""
        return self._json(
            "POST", "/trigger_pipeline", json={"upload_id": upload_id, "dialect": dialect, "mapping": mapping}
        )

    def jobs(self, limit: int = 50, cursor: str = "") -> JSON:
        """The person's jobs, newest first: {jobs, next_cursor}."""
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        return self._json("GET", "/jobs", params=params)

    def everyones_jobs(self, limit: int = 50, cursor: str = "") -> JSON:
        """All people's jobs, newest first, for administrators: {jobs: [{user, job}], next_cursor}."""
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        return self._json("GET", "/admin/jobs", params=params)

    def job(self, job_id: str) -> JSON:
        """One job with its progress and, once finished, its summary."""
        return self._json("GET", f"/jobs/{job_id}")

    def cancel(self, job_id: str) -> JSON:
        """Ask a job to stop for good."""
        return self._json("POST", f"/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> JSON:
        """Start a failed or cancelled job again."""
        return self._json("POST", f"/jobs/{job_id}/retry")

    def delete_job(self, job_id: str) -> None:
        """Delete a job with its outputs, and its upload when no other job uses it."""
        self._send("DELETE", f"/jobs/{job_id}")

    def dashboard(self, job_id: str, filters: JSON) -> JSON:
        """Everything a dashboard shows, of the rows that the filters leave."""
        return self._json("POST", "/generate_dashboard", json={"job_id": job_id, "filters": filters})

    def reviews(self, job_id: str, filters: JSON, *, sort: str = "row", limit: int = 50, cursor: str = "") -> JSON:
        """One page of reviews: {reviews, total, next_cursor}."""
        params = {**query(filters), "sort": sort, "limit": limit, **({"cursor": cursor} if cursor else {})}
        return self._json("GET", f"/jobs/{job_id}/reviews", params=params)

    def predict(self, text: str) -> JSON:
        """Sentiment of one text, and which parts of it carried that."""
        return self._json("POST", "/predict-sentiment", json={"text": text, "explain": True})

    def explanation(self, job_id: str, row: int) -> JSON:
        """Which parts of a run's review carried its score: {text, prediction, model}."""
        return self._json("GET", f"/jobs/{job_id}/reviews/{row}/explanation")

    def _json(self, method: str, path: str, **options: Any) -> JSON:
        answer: JSON = self._send(method, path, **options).json()
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        self._renew_if_ended()
        headers = options.pop("headers", {})
        response = self._exchange(method, path, headers=headers, **options)
        if response.status_code == 401 and "content" not in options:
            self._renew()
            response = self._exchange(method, path, headers=headers, **options)
        if response.status_code == 401:
            raise NotLoggedIn
        if response.is_error:
            raise ApiError(response.status_code, _problem(response))
        return response

    def _exchange(self, method: str, path: str, *, headers: dict[str, str], **options: Any) -> httpx.Response:
        headers = {**headers, "Authorization": f"Bearer {self._access}"}
        try:
            return self._http.request(method, path, headers=headers, **options)
        except httpx.TransportError as error:
            raise BackendDown from error

    def _renew_if_ended(self) -> None:
        if expires_at(self._access) < time.time() + _EARLY_SECONDS:
            self._renew()

    def _renew(self) -> None:
        if not self._refresh:
            raise NotLoggedIn
        try:
            response = self._http.post("/refresh", json={"refresh_token": self._refresh})
        except httpx.TransportError as error:
            raise BackendDown from error
        if response.status_code in (400, 401, 403, 422):
            raise NotLoggedIn
        if response.is_error:
            raise ApiError(response.status_code, _problem(response))
        self._access = str(response.json()["access_token"])
        self._keep(self._access)


def answers(http: httpx.Client) -> bool:
    """Whether the backend is there at all."""
    try:
        return http.get("/healthz", timeout=2).is_success
    except httpx.TransportError:
        return False


def query(filters: JSON) -> JSON:
    """Filters as a query string takes them: no empty ones, booleans in lower case, lists as repeated names."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in filters.items()
        if value not in (None, "", [])
    }


def _problem(response: httpx.Response) -> JSON:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    return {"title": "The backend failed", "detail": f"The backend answered with status {response.status_code}."}
