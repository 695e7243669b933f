"""Files past the backend, straight to the bucket, over HTTP; and what is said where there is no bucket."""

from __future__ import annotations

import secrets

import httpx
import pytest

from reviewlens import aws as aws_clients
from tests.backend.conftest import CSV, make_backend_app


def announce(backend_app, name: str = "ana", **body):
    asked = {"filename": "../reviews.csv", "size_bytes": len(CSV), **body}
    return backend_app.client.post("/uploads/direct", json=asked, headers=backend_app.as_(name))


def complete(backend_app, upload_id: str, name: str = "ana"):
    return backend_app.client.post(f"/uploads/{upload_id}/complete", headers=backend_app.as_(name))


def send(form: dict, content: bytes = CSV) -> int:
    return httpx.post(form["url"], data=form["fields"], files={"file": ("x", content)}, trust_env=False).status_code


@pytest.fixture
def over_a_bucket(aws, tmp_path):
    bucket = f"site-{secrets.token_hex(8)}"
    place = {"LocationConstraint": "eu-west-1"}
    aws_clients.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    yield from make_backend_app(tmp_path, store=f"s3://{bucket}")


def test_from_the_announcement_to_the_upload(over_a_bucket):
    backend_app = over_a_bucket
    offer = backend_app.client.get("/uploads/direct", headers=backend_app.as_("ana")).json()
    assert offer == {"offered": True, "max_bytes": 200_000, "expires_in": 900}
    answer = announce(backend_app)
    form = answer.json()
    assert (answer.status_code, form["expires_in"]) == (201, 900)
    assert form["fields"]["key"] == f"uploads/{backend_app.subject('ana')}/{form['upload_id']}/original"
    early = complete(backend_app, form["upload_id"])
    assert (early.status_code, early.json()["code"]) == (409, "upload-not-received")
    assert send(form, CSV + b"x") in (400, 403)
    assert send(form) == 204
    for name in ("ben", "ana", "ana"):
        done = complete(backend_app, form["upload_id"], name)
        assert done.status_code == (404 if name == "ben" else 200), done.text
    whole = backend_app.upload()
    told = done.json()
    assert told["filename"] == "reviews.csv"
    assert (told["sha256"], told["sniffed"]) == (whole["sha256"], whole["sniffed"])
    assert backend_app.client.get(f"/uploads/{form['upload_id']}", headers=backend_app.as_("ana")).json() == told
    kept = backend_app.settings.max_unused_uploads_per_user
    for _ in range(kept - 1):
        again = announce(backend_app).json()
        assert send(again) == 204
        assert complete(backend_app, again["upload_id"]).status_code == 200
    assert complete(backend_app, form["upload_id"]).status_code == 404  # the oldest unused ones go, as with any upload


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"size_bytes": 200_000}, 201, None),
        ({"size_bytes": 200_001}, 413, "upload-too-large"),
        ({"size_bytes": 0}, 422, "empty-file"),
        ({"size_bytes": -1}, 422, "invalid-request"),
        ({"size_bytes": 2**60}, 422, "invalid-request"),
        ({"filename": ""}, 422, "invalid-request"),
        ({"filename": "x" * 1001}, 422, "invalid-request"),
        ({"key": "uploads/other"}, 422, "invalid-request"),
    ],
)
def test_announcements_that_cannot_be_are_refused(over_a_bucket, body, status, code):
    answer = announce(over_a_bucket, **body)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_where_files_are_kept_in_a_folder_they_go_through_the_backend(backend_app):
    offer = backend_app.client.get("/uploads/direct", headers=backend_app.as_("ana")).json()
    assert offer["offered"] is False
    refused = announce(backend_app)
    assert (refused.status_code, refused.json()["code"]) == (404, "direct-upload-not-offered")
    whole = backend_app.upload()
    assert complete(backend_app, whole["upload_id"]).json() == whole
    assert complete(backend_app, whole["upload_id"], "ben").status_code == 404
