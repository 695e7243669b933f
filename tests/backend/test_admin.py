"""Members of the group admin look at everybody's jobs, and only look."""

from __future__ import annotations

import pytest

from reviewlens.identity.interface import ADMIN, User
from tests.backend.test_who_may_what import BY_ADMINS, ROUTES


@pytest.fixture
def admin(backend_app):
    """The header of an administrator: a token of this pool with the group in it."""
    user = User(backend_app.subject("boss"), "boss", frozenset({ADMIN}))
    return {"Authorization": f"Bearer {backend_app.platform.local_users._signer.access(user)}"}


def test_all_users_jobs_newest_first_in_pages(backend_app, admin):
    jobs = [backend_app.submit(name)["job_id"] for name in ("ana", "ben", "ana")]
    owners = {name: backend_app.subject(name) for name in ("ana", "ben")}
    first = backend_app.client.get("/admin/jobs?limit=2", headers=admin).json()
    assert [one["job"]["job_id"] for one in first["jobs"]] == jobs[:0:-1]
    assert [one["user"] for one in first["jobs"]] == [owners["ana"], owners["ben"]]
    second = backend_app.client.get(f"/admin/jobs?cursor={first['next_cursor']}", headers=admin).json()
    assert second["jobs"][0]["job"]["job_id"] == jobs[0]
    assert second["next_cursor"] is None


def test_a_job_as_its_owner_sees_it(backend_app, admin):
    job = backend_app.finished("ana")
    found = backend_app.client.get(f"/admin/jobs/{backend_app.subject('ana')}/{job}", headers=admin)
    assert found.json() == backend_app.job(job)
    assert found.json()["summary"]
    for subject in (backend_app.subject("ben"), "nobody"):
        answer = backend_app.client.get(f"/admin/jobs/{subject}/{job}", headers=admin)
        assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")


def test_an_administrator_changes_and_reads_nothing_of_others(backend_app, admin):
    job = backend_app.finished("ana")
    for method, path in (
        ("GET", f"/jobs/{job}"),
        ("DELETE", f"/jobs/{job}"),
        ("POST", f"/jobs/{job}/cancel"),
        ("GET", f"/jobs/{job}/reviews"),
        ("GET", f"/jobs/{job}/export"),
    ):
        assert backend_app.client.request(method, path, headers=admin).status_code == 404, path
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/admin/jobs", f"/admin/jobs/{backend_app.subject('ana')}/{job}"):
            assert backend_app.client.request(method, path, headers=admin).status_code == 405


def test_nobody_else_is_let_in(backend_app):
    assert {route for route in ROUTES if route[1].startswith("/admin")} == BY_ADMINS
    job = backend_app.submit("ana")["job_id"]
    for name in ("ana", "ben"):
        for path in ("/admin/jobs", f"/admin/jobs/{backend_app.subject('ana')}/{job}", "/admin/jobs/nobody/none"):
            answer = backend_app.client.get(path, headers=backend_app.as_(name))
            assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
