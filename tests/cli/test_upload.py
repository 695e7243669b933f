"""`./run upload`: straight to the bucket where there is one, else through the backend."""

from __future__ import annotations

import io
import secrets

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from reviewlens import aws as aws_clients
from reviewlens.cli import app
from reviewlens.cli.upload import run_upload
from reviewlens.contracts.keys import UploadKeys
from reviewlens.errors import AuthenticationError, ConfigurationError, InputError, LimitError, TransientError
from tests.backend.conftest import CSV, PASSWORD, make_backend_app


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_bytes(CSV)
    return path


@pytest.fixture
def backend_app(tmp_path):
    for made in make_backend_app(tmp_path):
        made.platform.local_users.add_user("ana", PASSWORD)
        yield made


@pytest.fixture
def over_a_bucket(aws, tmp_path):
    bucket = f"cli-{secrets.token_hex(8)}"
    place = {"LocationConstraint": "eu-west-1"}
    aws_clients.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    for made in make_backend_app(tmp_path, store=f"s3://{bucket}"):
        made.platform.local_users.add_user("ana", PASSWORD)
        yield made


def upload(backend_app, file, *, password=PASSWORD, start=False) -> str:
    said = io.StringIO()
    assert run_upload(Console(file=said, width=200), backend_app.client, file, "ana", password, start=start) == 0
    return said.getvalue()


def kept(backend_app) -> list[bytes]:
    user = backend_app.subject("ana")
    return [
        backend_app.platform.store.get(UploadKeys(user, each).original)
        for each in backend_app.platform.uploads.ids(user)
    ]


def test_through_the_backend_where_files_are_kept_in_a_folder(backend_app, file):
    said = upload(backend_app, file)
    assert "about 2 rows" in said
    assert "no job is submitted" in said
    assert kept(backend_app) == [CSV]


def test_straight_to_the_bucket_where_there_is_one(over_a_bucket, file, monkeypatch):
    backend_app, sent = over_a_bucket, []
    send = httpx.post
    monkeypatch.setattr(httpx, "post", lambda url, **more: sent.append(url) or send(url, **more))
    said = upload(backend_app, file, start=True)
    assert len(sent) == 1
    assert kept(backend_app) == [CSV]
    (job,) = backend_app.client.get("/jobs", headers=backend_app.as_("ana")).json()["jobs"]
    assert job["job_id"] in said
    backend_app.client.post(f"/jobs/{job['job_id']}/cancel", headers=backend_app.as_("ana"))


def test_what_is_wrong_is_told_in_words(backend_app, file, tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        upload(backend_app, tmp_path / "none.csv")
    with pytest.raises(AuthenticationError):
        upload(backend_app, file, password="another")
    file.write_bytes(b"x" * 200_001)
    with pytest.raises(LimitError, match="larger than"):
        upload(backend_app, file)
    file.write_bytes(b"\x00\x01\x02" * 100)
    with pytest.raises(InputError):
        upload(backend_app, file)
    assert kept(backend_app) == []


def test_a_store_that_does_not_take_the_file_is_told(over_a_bucket, file, monkeypatch):
    monkeypatch.setattr(httpx, "post", lambda url, **_: httpx.Response(403, request=httpx.Request("POST", url)))
    with pytest.raises(TransientError, match="status 403"):
        upload(over_a_bucket, file)

    def broken(*_, **__):
        raise httpx.ConnectError("gone")

    monkeypatch.setattr(httpx, "post", broken)
    with pytest.raises(TransientError, match="could not be sent"):
        upload(over_a_bucket, file)
    assert kept(over_a_bucket) == []


def test_an_address_where_no_reviewlens_is(file, tmp_path):
    closed = httpx.Client(base_url="http://127.0.0.1:9")
    with pytest.raises(TransientError, match="does not respond"):
        run_upload(Console(file=io.StringIO()), closed, file, "ana", "x", start=False)
    other = httpx.Client(
        base_url="http://x", transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    )
    with pytest.raises(ConfigurationError, match="no ReviewLens"):
        run_upload(Console(file=io.StringIO()), other, file, "ana", "x", start=False)
    odd = ["upload", str(file), "--to", "http://127.0.0.1:9", "--user", "ana", "--password", "x"]
    ended = CliRunner().invoke(app, odd)
    assert ended.exit_code == 1
