"""Files sent straight to the bucket: announced, sent with a form, completed once; nothing stays of the rest."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from reviewlens import aws as aws_clients
from reviewlens.contracts.keys import UploadKeys
from reviewlens.errors import ConflictError, InputError, LimitError, NotFoundError, TransientError
from reviewlens.settings import Settings
from reviewlens.storage.s3 import S3ObjectStore
from reviewlens.uploads import service as uploads_module
from reviewlens.uploads.service import DirectUpload, UploadService
from tests.jobs.conftest import CSV, CsvReading

DAY = 24 * 3600


@dataclass
class Direct:
    """An upload service over a bucket of its own."""

    store: S3ObjectStore
    uploads: UploadService
    settings: Settings

    def announce(self, user: str = "u1", content: bytes = CSV) -> DirectUpload:
        return self.uploads.announce(user, "C:\\files\\reviews.csv", len(content))

    def sent(self, user: str = "u1", content: bytes = CSV) -> str:
        announced = self.announce(user, content)
        assert send(announced, content).status_code == 204
        return announced.upload_id

    def stored(self) -> list[str]:
        return [info.key for info in self.store.list("")]


def send(announced: DirectUpload, content: bytes, **changed: str) -> httpx.Response:
    fields = {**announced.fields, **changed}
    return httpx.post(announced.url, data=fields, files={"file": ("x", content)}, trust_env=False)


@pytest.fixture(scope="module")
def s3_client(emulator):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        return aws_clients.client("s3", signature_version="s3v4")


@pytest.fixture
def direct(s3_client, tmp_path) -> Direct:
    bucket = f"direct-{secrets.token_hex(8)}"
    s3_client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    settings = Settings(data_dir=tmp_path, max_upload_bytes=1000, max_unused_uploads_per_user=3)
    store = S3ObjectStore(bucket, client=s3_client)
    return Direct(store, UploadService(store, settings, CsvReading(), cache_dir=tmp_path / "cache"), settings)


def test_a_file_that_was_sent_straight_is_an_upload_like_any_other(direct):
    upload_id = direct.sent()
    upload = direct.uploads.complete("u1", upload_id)
    whole = direct.uploads.receive("u1", "reviews.csv", [CSV])
    assert upload == whole.model_copy(update={"upload_id": upload_id, "created_at": upload.created_at})
    assert upload.sha256 == hashlib.sha256(CSV).hexdigest()
    assert direct.uploads.get("u1", upload_id) == upload
    assert direct.uploads.ids("u1") == [upload_id, whole.upload_id]
    keys = UploadKeys("u1", upload_id)
    assert [info.key for info in direct.store.list(keys.prefix)] == [keys.info, keys.original]


def test_completed_again_it_is_the_same(direct):
    upload_id = direct.sent()
    assert direct.uploads.complete("u1", upload_id) == direct.uploads.complete("u1", upload_id)


def test_completed_by_several_at_once_it_is_the_same(direct):
    upload_id, start = direct.sent(), threading.Barrier(4)

    def complete(_: int):
        start.wait()
        return direct.uploads.complete("u1", upload_id)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(complete, range(4))
    assert others == [first] * 3
    assert direct.uploads.get("u1", upload_id) == first


def test_the_one_who_describes_it_first_is_right(direct, monkeypatch):
    upload_id, look = direct.sent(), direct.uploads._look

    def meanwhile(*arguments):
        monkeypatch.setattr(direct.uploads, "_look", look)
        first.append(direct.uploads.complete("u1", upload_id))
        return look(*arguments)

    first = []
    monkeypatch.setattr(direct.uploads, "_look", meanwhile)
    assert direct.uploads.complete("u1", upload_id) == first[0]


def test_another_users_upload_cannot_be_completed(direct):
    upload_id = direct.sent("u1")
    for user, name in (("u2", upload_id), ("u1", "none"), ("u1", "../u2"), ("u2", f"../u1/{upload_id}")):
        with pytest.raises(NotFoundError) as refused:
            direct.uploads.complete(user, name)
        assert refused.value.code == "upload-not-found"
    assert direct.uploads.complete("u1", upload_id)


def test_before_the_file_is_there_nothing_is_complete(direct):
    announced = direct.announce()
    for _ in range(2):
        with pytest.raises(ConflictError) as early:
            direct.uploads.complete("u1", announced.upload_id)
        assert early.value.code == "upload-not-received"
    assert send(announced, CSV).status_code == 204
    assert direct.uploads.complete("u1", announced.upload_id)


def test_a_form_takes_just_the_file_that_was_announced(direct):
    announced = direct.announce(content=b"12345")
    assert 0 < announced.expires_in <= 15 * 60
    key = UploadKeys("u1", announced.upload_id).original
    assert announced.fields["key"] == key
    for content, changed in (
        (b"1234", {}),
        (b"123456", {}),
        (b"12345", {"key": UploadKeys("u2", announced.upload_id).original}),
        (b"12345", {"key": key + "x"}),
    ):
        assert send(announced, content, **changed).status_code in (400, 403)
    assert [key for key in direct.stored() if "original" in key] == []


@pytest.mark.parametrize(("size", "code"), [(0, "empty-file"), (1000, ""), (1001, "upload-too-large")])
def test_a_file_has_some_bytes_and_not_too_many(direct, size, code):
    if not code:
        assert direct.uploads.announce("u1", "a.csv", size).upload_id
        return
    with pytest.raises((InputError, LimitError)) as refused:
        direct.uploads.announce("u1", "a.csv", size)
    assert refused.value.code == code
    assert direct.stored() == []


def test_what_s3_takes_in_no_form_goes_through_the_backend(direct, monkeypatch):
    monkeypatch.setattr(uploads_module, "MAX_FORM_BYTES", 900)
    with pytest.raises(NotFoundError) as refused:
        direct.uploads.announce("u1", "a.csv", 901)
    assert refused.value.code == "direct-upload-not-offered"


def test_what_cannot_be_read_is_refused_and_goes(direct):
    upload_id = direct.sent(content=b"a\x00b")
    with pytest.raises(InputError) as refused:
        direct.uploads.complete("u1", upload_id)
    assert refused.value.code == "not-text"
    assert direct.stored() == []
    with pytest.raises(NotFoundError):
        direct.uploads.complete("u1", upload_id)


def test_when_s3_fails_for_a_moment_it_can_be_completed_later(direct, monkeypatch):
    upload_id, look = direct.sent(), direct.uploads._look

    def failing(*_arguments):
        raise TransientError("not now")

    monkeypatch.setattr(direct.uploads, "_look", failing)
    with pytest.raises(TransientError):
        direct.uploads.complete("u1", upload_id)
    monkeypatch.setattr(direct.uploads, "_look", look)
    assert direct.uploads.complete("u1", upload_id)


def test_a_file_that_is_sent_again_while_it_is_looked_at_is_looked_at_again(direct, monkeypatch):
    announced, look = direct.announce(), direct.uploads._look
    other = CSV.replace(b"well", b"ill!")
    send(announced, CSV)

    def meanwhile(*arguments):
        found = look(*arguments)
        monkeypatch.setattr(direct.uploads, "_look", look)
        assert send(announced, other).status_code == 204
        return found

    monkeypatch.setattr(direct.uploads, "_look", meanwhile)
    upload = direct.uploads.complete("u1", announced.upload_id)
    assert upload.sha256 == hashlib.sha256(other).hexdigest()


def test_an_upload_that_is_never_completed_is_swept_after_a_day_and_not_before(direct):
    waiting, sent, done = direct.announce().upload_id, direct.sent("u2"), direct.sent("u1")
    direct.uploads.complete("u1", done)
    assert direct.uploads.sweep(at=time.time() + DAY - 60) == 0
    assert direct.uploads.sweep("uploads/u2/", at=time.time() + DAY + 60) == 1
    assert direct.uploads.sweep(at=time.time() + DAY + 60) == 1
    left = direct.stored()
    assert [key for key in left if waiting in key or sent in key] == []
    assert direct.uploads.get("u1", done)


def test_what_is_about_to_be_swept_can_no_longer_be_completed(direct, monkeypatch):
    upload_id, now = direct.sent(), time.time
    monkeypatch.setattr(uploads_module.time, "time", lambda: now() + 23 * 3600 + 60)
    with pytest.raises(NotFoundError):
        direct.uploads.complete("u1", upload_id)


def test_announcements_do_not_pile_up(direct):
    done = direct.sent()
    direct.uploads.complete("u1", done)
    other = direct.announce("u2").upload_id
    ids = [direct.announce().upload_id for _ in range(5)]
    kept = {key.split("/")[2] for key in direct.stored()}
    assert kept == {done, other, *ids[2:]}


def test_announcing_clears_what_that_user_left_long_ago(direct, monkeypatch):
    old, now = direct.sent(), time.time
    monkeypatch.setattr(uploads_module.time, "time", lambda: now() + DAY + 60)
    direct.announce("u2")
    assert any(old in key for key in direct.stored())
    direct.announce("u1")
    assert not any(old in key for key in direct.stored())


def test_an_upload_under_way_through_the_backend_is_no_announcement(direct):
    direct.store.put("uploads/u1/000/original", b"being looked at just now")
    for _ in range(5):
        direct.announce()
    assert direct.store.head("uploads/u1/000/original")


def test_a_folder_takes_no_forms(harness):
    assert harness.uploads.takes_forms() is False
    with pytest.raises(NotFoundError) as refused:
        harness.uploads.announce("u1", "a.csv", 5)
    assert refused.value.code == "direct-upload-not-offered"
    assert harness.stored() == []


def test_a_bucket_does(direct):
    assert direct.uploads.takes_forms() is True
    assert direct.stored() == []


def test_an_upload_that_comes_in_at_another_backend_is_not_swept(harness):
    """The file is there and not described yet, as while another backend looks into it."""
    harness.store.put("uploads/u1/other/original", b"Text\nfine\n")
    assert harness.uploads.sweep() == 0
    os.utime(harness.folder / "objects" / "uploads" / "u1" / "other" / "original", (time.time() - DAY - 60,) * 2)
    assert harness.uploads.sweep() == 1
