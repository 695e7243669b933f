"""The backend over HTTP: one method per route, typed responses, three kinds of failure."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterator
from typing import IO, Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from frontend.api.models import (
    Dashboard,
    Detected,
    Dialect,
    DirectOffer,
    DirectUpload,
    ExplainedReview,
    JobPage,
    JobView,
    Mapping,
    Me,
    OwnedJobs,
    Predictions,
    ReviewPage,
    Upload,
)

M = TypeVar("M", bound=BaseModel)
_CHUNK = 1 << 20
_UNEXPECTED = {
    "title": "Unexpected response",
    "detail": "The backend's response has an unexpected form. Run the UI and the backend in the same version.",
}
_EARLY_SECONDS = 20  # a token counts as expired this long before, so that it does not expire on the way


class ApiError(Exception):
    """The backend answered with a problem; `detail` explains it to the user."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code: str = str(problem.get("code", ""))
        self.title: str = str(problem.get("title", "The request failed"))
        self.detail: str = str(problem.get("detail") or self.title)
        self.request_id: str = str(problem.get("request_id", ""))
        super().__init__(f"{status} {self.code}")  # without the detail, which may quote the user's data


class BackendDown(Exception):
    """No answer: the backend is stopped, starting or unreachable."""


class NotLoggedIn(Exception):
    """There is no access token, or it has expired."""


def expires_at(token: str) -> float:
    """Expiry of a JWT in Unix seconds; 0 if it cannot be read. Only the backend verifies tokens."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return 0.0


def connection(base_url: str) -> httpx.Client:
    """A connection pool that threads and users can share: it holds no token and no cookie."""
    timeout = httpx.Timeout(60, connect=3)
    return httpx.Client(base_url=base_url, timeout=timeout, trust_env=False)


class Client:
    """The backend's API for one logged-in user. Every method raises ApiError, BackendDown or NotLoggedIn."""

    def __init__(self, http: httpx.Client, access: str) -> None:
        if expires_at(access) < time.time() + _EARLY_SECONDS:
            raise NotLoggedIn
        self._http, self._access = http, access

    def me(self) -> Me:
        """Who is logged in."""
        return self._get(Me, "GET", "/me")

    def upload(self, filename: str, source: IO[bytes]) -> Upload:
        """Send a file in chunks. Returns the upload with what was detected in it."""

        def chunks() -> Iterator[bytes]:
            source.seek(0)
            while chunk := source.read(_CHUNK):
                yield chunk

        return self._get(
            Upload,
            "POST",
            "/uploads",
            params={"filename": filename},
            content=chunks(),
            headers={"Content-Type": "application/octet-stream"},
            timeout=httpx.Timeout(600, connect=3),
        )

    def direct_offer(self) -> DirectOffer:
        """Whether files can be sent straight to the store."""
        return self._get(DirectOffer, "GET", "/uploads/direct")

    def announce(self, filename: str, size_bytes: int) -> DirectUpload:
        """The form with which a browser sends a file straight to the store."""
        return self._get(DirectUpload, "POST", "/uploads/direct", json={"filename": filename, "size_bytes": size_bytes})

    def complete(self, upload_id: str) -> Upload:
        """Report that the file has been sent. Returns the upload with what was detected in it."""
        return self._get(Upload, "POST", f"/uploads/{upload_id}/complete", timeout=httpx.Timeout(600, connect=3))

    def get_upload(self, upload_id: str) -> Upload:
        """An earlier upload and what was detected in it."""
        return self._get(Upload, "GET", f"/uploads/{upload_id}")

    def detected(self, upload_id: str) -> Detected:
        """What was detected in an upload, with its corrections, and its counts. The backend reads the file."""
        return self._get(Detected, "GET", f"/uploads/{upload_id}/detected", timeout=httpx.Timeout(120, connect=3))

    def sniff(self, upload_id: str, dialect: dict[str, Any], mapping: dict[str, Any]) -> Upload:
        """Detect again, with these corrections by the user."""
        return self._get(Upload, "POST", f"/uploads/{upload_id}/sniff", json={"dialect": dialect, "mapping": mapping})

    def delete_upload(self, upload_id: str) -> None:
        """Delete an upload that no job uses."""
        self._send("DELETE", f"/uploads/{upload_id}")

    def start(self, upload_id: str, dialect: Dialect, mapping: Mapping) -> JobView:
        """Start a job. The same upload with the same mapping gives the same job."""
        return self._get(
            JobView,
            "POST",
            "/trigger_pipeline",
            json={
                "upload_id": upload_id,
                "dialect": dialect.model_dump(mode="json"),
                "mapping": mapping.model_dump(mode="json"),
            },
        )

    def jobs(self, limit: int = 50, cursor: str = "") -> JobPage:
        """The user's jobs, newest first."""
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        return self._get(JobPage, "GET", "/jobs", params=params)

    def everyones_jobs(self, limit: int = 50, cursor: str = "") -> OwnedJobs:
        """All users' jobs, newest first; for administrators."""
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        return self._get(OwnedJobs, "GET", "/admin/jobs", params=params)

    def job(self, job_id: str) -> JobView:
        """One job with its progress and, once finished, its summary."""
        return self._get(JobView, "GET", f"/jobs/{job_id}")

    def cancel(self, job_id: str) -> JobView:
        """Cancel a job."""
        return self._get(JobView, "POST", f"/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> JobView:
        """Retry a failed or cancelled job."""
        return self._get(JobView, "POST", f"/jobs/{job_id}/retry")

    def delete_job(self, job_id: str) -> None:
        """Delete a job with its outputs, and its upload when no other job uses it."""
        self._send("DELETE", f"/jobs/{job_id}")

    def dashboard(self, job_id: str, filters: dict[str, Any]) -> Dashboard:
        """Everything that the dashboard shows of the rows that match the filters."""
        return self._get(Dashboard, "POST", "/generate_dashboard", json={"job_id": job_id, "filters": filters})

    def reviews(
        self, job_id: str, filters: dict[str, Any], *, sort: str = "row", limit: int = 50, cursor: str = ""
    ) -> ReviewPage:
        """One page of reviews."""
        params = {**query(filters), "sort": sort, "limit": limit, **({"cursor": cursor} if cursor else {})}
        return self._get(ReviewPage, "GET", f"/jobs/{job_id}/reviews", params=params)

    def predict(self, text: str, *, all_languages: bool = False) -> Predictions:
        """Sentiment of one text, with the contribution of its parts."""
        question = {"text": text, "explain": True, "all_languages": all_languages}
        return self._get(Predictions, "POST", "/predict-sentiment", json=question)

    def explanation(self, job_id: str, row: int, question: str | None = None) -> ExplainedReview:
        """The contribution of each part of a job's review to its score. `question`: which answer of a row."""
        asked = {} if question is None else {"question": question}
        return self._get(ExplainedReview, "GET", f"/jobs/{job_id}/reviews/{row}/explanation", params=asked)

    def _get(self, model: type[M], method: str, path: str, **options: Any) -> M:
        response = self._send(method, path, **options)
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            raise ApiError(response.status_code, _UNEXPECTED) from error

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {self._access}"}
        try:
            response = self._http.request(method, path, headers=headers, **options)
        except httpx.TransportError as error:
            raise BackendDown from error
        if response.status_code == 401:
            raise NotLoggedIn
        if response.is_error:
            raise ApiError(response.status_code, _problem(response))
        return response


def answers(http: httpx.Client) -> bool:
    """Whether the backend responds."""
    try:
        return http.get("/healthz", timeout=2).is_success
    except httpx.TransportError:
        return False


def query(filters: dict[str, Any]) -> dict[str, Any]:
    """Filters as query parameters: without empty ones, booleans in lower case, lists as repeated names."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in filters.items()
        if value not in (None, "", [])
    }


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    return {"title": "The backend failed", "detail": f"The backend answered with status {response.status_code}."}
