"""The S3 store over HTTP: the contract, multipart uploads, lost responses, failures of every request, downloads."""

from __future__ import annotations

import base64
import errno
import io
import itertools
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from reviewlens import aws as aws_clients
from reviewlens.errors import (
    ConfigurationError,
    ConflictError,
    InputError,
    NotFoundError,
    ReviewLensError,
    TransientError,
)
from reviewlens.storage import downloads, parts, ranged, s3, s3_requests
from reviewlens.storage.factory import store_for_uri
from reviewlens.storage.s3 import S3ObjectStore
from tests.storage.contract import ObjectStoreContract, keys_under

MIB = 1 << 20


@pytest.fixture(scope="session")
def made_client(emulator):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        return aws_clients.client("s3", signature_version="s3v4")


@pytest.fixture
def client(aws, made_client):
    return made_client


@pytest.fixture
def bucket(client) -> str:
    name = f"store-{secrets.token_hex(8)}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


@pytest.fixture
def store(bucket, client) -> S3ObjectStore:
    return S3ObjectStore(bucket, client=client)


class TestS3ObjectStore(ObjectStoreContract):
    """The contract."""


# -- injected faults --------------------------------------------------------------------------------------------------


class RawBody(io.BytesIO):
    """A response's body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def answer_of(status: int, code: str, url: str = "http://s3/") -> AWSResponse:
    body = f"<Error><Code>{code}</Code><Message>from the test</Message></Error>".encode()
    return AWSResponse(url, status, {"date": "Sat, 21 Nov 2026 12:00:00 GMT"}, RawBody(body))


@dataclass
class FaultInjector:
    """Injects faults by operation: `before` has responses that replace S3's, `lost` counts responses that are lost."""

    client: Any
    before: dict[str, list[AWSResponse | Exception]] = field(default_factory=dict)
    forever: set[str] = field(default_factory=set)
    lost: dict[str, int] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.meta.events.register("before-send.s3", self._send)
        self.client.meta.events.register("before-parameter-build.s3", self._note)

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.seen.append((model.name, params))

    def _send(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.rsplit(".", 1)[-1]
        waiting = self.before.get(operation, [])
        if waiting:
            response = waiting[0] if len(waiting) == 1 and operation in self.forever else waiting.pop(0)
            if isinstance(response, Exception):
                raise response
            if isinstance(response.raw, RawBody):
                response.raw.seek(0)
            return response
        if self.lost.get(operation):
            self.lost[operation] -= 1
            done = httpx.request(request.method, request.url, headers=clean(request.headers), content=body_of(request))
            assert done.status_code in (200, 412), done.text
            raise ConnectionClosedError(endpoint_url=request.url)
        return None

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.seen if name == operation]

    def always(self, operation: str, *answers: AWSResponse | Exception) -> None:
        """Give these responses; repeat the last one."""
        self.before[operation] = list(answers)
        self.forever.add(operation)


def clean(headers: Any) -> dict[str, str]:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}


def body_of(request: Any) -> bytes:
    body = request.body
    return body.read() if hasattr(body, "read") else body or b""


@pytest.fixture
def no_backoff(monkeypatch) -> None:
    """Shorten the store's own backoff; botocore's is short because of fewer attempts."""
    monkeypatch.setattr(s3_requests, "PAUSE_SECONDS", 0.001)


@pytest.fixture
def faults(aws, bucket, no_backoff) -> FaultInjector:
    client = aws_clients.client("s3", signature_version="s3v4", retries={"total_max_attempts": 2, "mode": "standard"})
    return FaultInjector(client)


@pytest.fixture
def faulty_store(faults, bucket) -> S3ObjectStore:
    """A store whose requests can fail."""
    return S3ObjectStore(bucket, client=faults.client)


# -- writing -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch) -> None:
    """Small parts, so that two megabytes are a large object."""
    monkeypatch.setattr(parts, "PART", MIB)
    monkeypatch.setattr(parts, "LARGE_PART", 2 * MIB)
    monkeypatch.setattr(parts, "SMALL_PARTS", 2)


def uploads_under_way(client, bucket) -> list[Any]:
    return client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def test_parts_keep_the_order_and_grow(small_parts):
    data = secrets.token_bytes(5 * MIB + 17)
    made = list(parts.parts(iter([data[:100], data[100 : 3 * MIB], data[3 * MIB :]])))
    assert [len(part) for part in made] == [MIB, MIB, 2 * MIB, MIB + 17]
    assert b"".join(made) == data
    assert list(parts.parts(b"")) == [b""]
    assert [len(part) for part in parts.parts(io.BytesIO(data[: 2 * MIB]))] == [MIB, MIB]
    most = parts.SMALL_PARTS * parts.PART + (10_000 - parts.SMALL_PARTS) * parts.LARGE_PART
    assert most > 0


def test_a_large_object_is_a_multipart_upload_and_encrypted(faulty_store, faults, bucket, small_parts):
    data = secrets.token_bytes(3 * MIB + 5)
    info = faulty_store.put("large", (data[i : i + 70_000] for i in range(0, len(data), 70_000)))
    assert (info.size, faulty_store.head("large")) == (len(data), info)
    assert faulty_store.get("large") == data
    assert len(faults.calls("UploadPart")) == 3
    assert faults.client.head_object(Bucket=bucket, Key="large")["ServerSideEncryption"] == "AES256"
    faulty_store.put("small", b"x")
    assert faults.calls("PutObject")[0]["ServerSideEncryption"] == "AES256"
    faulty_store.copy("small", "other")
    assert faults.client.head_object(Bucket=bucket, Key="other")["ServerSideEncryption"] == "AES256"
    assert len(faults.calls("GetBucketEncryption")) == 1
    assert uploads_under_way(faults.client, bucket) == []


def test_a_stream_keeps_only_a_few_parts_in_memory(faulty_store, faults, small_parts):
    alive: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(20):
            alive.append(
                number - 2 * len(faults.calls("UploadPart"))
            )  # the first two are of one MiB, the others of two
            yield bytes(MIB)

    faulty_store.put("large", chunks())
    assert max(alive) <= 6


@pytest.mark.parametrize("error", [OSError("the sender went away"), KeyboardInterrupt()])
def test_a_stream_that_fails_leaves_no_parts(store, client, bucket, small_parts, error):
    def broken() -> Iterator[bytes]:
        yield bytes(3 * MIB)
        raise error

    with pytest.raises(type(error)):
        store.put("k", broken())
    assert keys_under(store, "") == []
    assert uploads_under_way(client, bucket) == []


def test_a_failed_abort_does_not_hide_the_original_error(faulty_store, faults, small_parts, caplog):
    faults.always("AbortMultipartUpload", answer_of(503, "SlowDown"))
    faults.always("UploadPart", answer_of(403, "AccessDenied"))
    with pytest.raises(ConfigurationError):
        faulty_store.put("k", bytes(3 * MIB))
    assert "could not abort" in caplog.text


def test_conditions_hold_for_large_objects_too(store, client, bucket, small_parts):
    big, other = secrets.token_bytes(2 * MIB + 1), secrets.token_bytes(2 * MIB + 1)
    first = store.put("k", big, if_none_match=True)
    with pytest.raises(ConflictError):
        store.put("k", other, if_none_match=True)
    second = store.put("k", other, if_match=first.etag)
    for etag in (first.etag, "0" * 32):
        with pytest.raises(ConflictError):
            store.put("k", big, if_match=etag)
    store.delete("k")
    with pytest.raises(ConflictError):
        store.put("k", big, if_match=second.etag)
    assert store.head("k") is None
    assert uploads_under_way(client, bucket) == []


def test_of_many_writers_one_creates_the_object(store):
    def create(number: int) -> int:
        try:
            store.put("one", str(number).encode(), if_none_match=True)
        except ConflictError:
            return -1
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(create, range(16)) if number >= 0]
    assert [int(store.get("one"))] == winners


def test_no_conditional_update_is_lost(store):
    store.put("n", b"0")

    def add(_: int) -> None:
        while True:
            seen = store.head("n")
            try:
                store.put("n", str(int(store.get("n")) + 1).encode(), if_match=seen.etag)
            except ConflictError:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert store.get("n") == b"12"


@pytest.mark.parametrize("size", [3, 2 * MIB + 1])
def test_a_write_whose_response_was_lost_is_recognised(faulty_store, faults, small_parts, size):
    data = secrets.token_bytes(size)
    last = "PutObject" if size < MIB else "CompleteMultipartUpload"
    faults.lost[last] = 1
    made = faulty_store.put("k", data, if_none_match=True)
    assert (made, faulty_store.get("k")) == (faulty_store.head("k"), data)
    faults.lost[last] = 1
    again = faulty_store.put("k", data[::-1], if_match=made.etag)
    assert faulty_store.get("k") == data[::-1]
    assert faulty_store.head("k") == again


def test_a_write_is_recognised_when_all_responses_are_lost(faulty_store, faults):
    faults.lost["PutObject"] = 2  # all attempts of the client
    assert faulty_store.put("k", b"x", if_none_match=True) == faulty_store.head("k")
    faults.always("PutObject", ConnectionClosedError(endpoint_url="s3"))
    with pytest.raises(TransientError):
        faulty_store.put("new", b"x", if_none_match=True)
    assert faulty_store.head("new") is None


def test_a_later_write_of_another_process_is_not_mistaken_for_ours(faulty_store, faults, bucket):
    etag, attempts = faulty_store.put("k", b"1").etag, itertools.count()

    def overtake(**_: Any) -> None:
        if next(attempts) == 1:
            S3ObjectStore(bucket).put("k", b"another's")

    faults.client.meta.events.register_first("before-send.s3.PutObject", overtake)
    faults.lost["PutObject"] = 1
    with pytest.raises(ConflictError):
        faulty_store.put("k", b"2", if_match=etag)
    assert faulty_store.get("k") == b"another's"


def test_a_missing_upload_is_no_conflict_without_a_condition(faulty_store, faults, small_parts):
    faults.always("CompleteMultipartUpload", answer_of(404, "NoSuchUpload"))
    with pytest.raises(TransientError) as caught:
        faulty_store.put("k", bytes(2 * MIB + 1))
    assert caught.value.code == "storage-failed"
    with pytest.raises(ConflictError):
        faulty_store.put("k", bytes(2 * MIB + 1), if_none_match=True)


@pytest.mark.parametrize("size", [3, 2 * MIB + 1])
def test_a_write_race_is_retried(faulty_store, faults, small_parts, size):
    last = "PutObject" if size < MIB else "CompleteMultipartUpload"
    faults.before[last] = [answer_of(409, "ConditionalRequestConflict")] * 2
    assert faulty_store.put("k", bytes(size), if_none_match=True).size == size
    faults.always(last, answer_of(409, "ConditionalRequestConflict"))
    with pytest.raises(ConflictError):
        faulty_store.put("other", bytes(size), if_none_match=True)
    assert faulty_store.head("other") is None
    with pytest.raises(TransientError):
        faulty_store.put("other", bytes(size))


def test_put_file_removes_the_file_only_once_it_is_stored(faulty_store, faults, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x")
    faults.always("PutObject", answer_of(403, "AccessDenied"))
    with pytest.raises(ConfigurationError):
        faulty_store.put_file(path, "k")
    assert path.read_bytes() == b"x"
    faults.before.clear()
    faulty_store.put_file(path, "k")
    assert not path.exists()


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ("aws:kms", None),
        ("AES256", "AES256"),
        (answer_of(404, "ServerSideEncryptionConfigurationNotFoundError"), "AES256"),
        (answer_of(403, "AccessDenied"), None),
    ],
    ids=["the bucket's own key", "AES256", "no rule", "not to be known"],
)
def test_a_buckets_kms_key_is_used(faulty_store, faults, bucket, answer, sent):
    if isinstance(answer, str):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": answer}}
        faults.client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    else:
        faults.always("GetBucketEncryption", answer)
    faulty_store.put("k", b"x")
    assert faults.calls("PutObject")[0].get("ServerSideEncryption") == sent
    form = faulty_store.post_form("f", size=1, expires_in=60)
    assert form.fields.get("x-amz-server-side-encryption") == sent


# -- copying and deleting ----------------------------------------------------------------------------------------------


def test_a_large_object_is_copied_in_parts(faulty_store, faults, bucket, monkeypatch, small_parts):
    monkeypatch.setattr(s3, "MAX_SINGLE_COPY", MIB)
    monkeypatch.setattr(s3, "COPY_PART", MIB)
    data = secrets.token_bytes(2 * MIB + 9)
    faulty_store.put("a", data)
    assert faulty_store.copy("a", "b").size == len(data)
    assert faulty_store.get("b") == data
    spans = [call["CopySourceRange"] for call in faults.calls("UploadPartCopy")]
    assert spans == ["bytes=0-1048575", "bytes=1048576-2097151", "bytes=2097152-2097160"]
    faults.before["UploadPartCopy"] = [answer_of(412, "PreconditionFailed")]
    assert faulty_store.copy("a", "c").size == len(data)
    assert uploads_under_way(faults.client, bucket) == []


def test_a_source_that_changes_during_a_copy_is_copied_again(faulty_store, faults):
    faulty_store.put("a", b"old")
    faults.before["CopyObject"] = [answer_of(412, "PreconditionFailed")]
    faulty_store.copy("a", "b")
    assert len(faults.calls("HeadObject")) == 2
    faults.always("CopyObject", answer_of(412, "PreconditionFailed"))
    with pytest.raises(TransientError):
        faulty_store.copy("a", "b")
    faults.always("CopyObject", answer_of(404, "NoSuchKey"))
    with pytest.raises(NotFoundError):
        faulty_store.copy("a", "b")


def fill(store: S3ObjectStore, prefix: str, number: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"{prefix}{n:05d}", b""), range(number)))


def test_lists_and_deletions_of_more_than_a_page(faulty_store, faults, monkeypatch):
    fill(faulty_store, "p/", 23)
    paginator = faults.client.get_paginator("list_objects_v2")
    paginate = paginator.paginate
    monkeypatch.setattr(paginator, "paginate", lambda **more: paginate(**more, PaginationConfig={"PageSize": 10}))
    monkeypatch.setattr(faults.client, "get_paginator", lambda _name: paginator)
    monkeypatch.setattr(s3, "_DELETE_BATCH", 10)
    assert keys_under(faulty_store, "p/") == [f"p/{number:05d}" for number in range(23)]
    assert len(faults.calls("ListObjectsV2")) == 3
    assert faulty_store.delete_prefix("p/") == 23
    assert [len(call["Delete"]["Objects"]) for call in faults.calls("DeleteObjects")] == [10, 10, 3]
    assert keys_under(faulty_store, "") == []


def test_failed_deletions_are_retried(faulty_store, faults):
    def refusing(code: str) -> AWSResponse:
        body = f"<DeleteResult><Error><Key>p/1</Key><Code>{code}</Code></Error></DeleteResult>".encode()
        return AWSResponse("http://s3/", 200, {}, RawBody(body))

    fill(faulty_store, "p/", 2)
    faults.before["DeleteObjects"] = [refusing("InternalError")]
    assert faulty_store.delete_prefix("p/") == 2
    assert faults.calls("DeleteObjects")[1]["Delete"]["Objects"] == [{"Key": "p/1"}]
    for code, error in (("SlowDown", TransientError), ("AccessDenied", ConfigurationError), ("Odd", TransientError)):
        faults.always("DeleteObjects", refusing(code))
        with pytest.raises(error):
            faulty_store.put("p/3", b"")
            faulty_store.delete_prefix("p/")


def test_names_that_are_not_keys_are_skipped_and_deleted_with_their_folder(store, client, bucket):
    for name in ("p/", "p/x", "p//y", ".store/tmp"):
        client.put_object(Bucket=bucket, Key=name, Body=b"")
    assert keys_under(store, "") == ["p/x"]
    assert store.delete_prefix("p/") == 1
    assert [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]] == [".store/tmp"]


def test_a_prefix_is_a_separate_store(client, bucket, tmp_path):
    outer, inner = S3ObjectStore(bucket, client=client), S3ObjectStore(bucket, "a/b", client=client)
    inner.put("k", b"x")
    assert keys_under(outer, "") == ["a/b/k"]
    assert keys_under(inner, "") == ["k"]
    assert inner.uri("k") == outer.uri("a/b/k") == f"s3://{bucket}/a/b/k"
    assert store_for_uri(f"s3://{bucket}/a/b").get("k") == b"x"
    assert store_for_uri(f"s3://{bucket}").get("a/b/k") == b"x"
    assert inner.fetch("k", tmp_path).read_bytes() == b"x"
    with pytest.raises(InputError):
        S3ObjectStore(bucket, "a/../b", client=client)


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_spans(monkeypatch) -> int:
    for module in (ranged, s3):
        monkeypatch.setattr(module, "SPAN", 1000)
    monkeypatch.setattr(ranged, "_FIRST_SPAN", 100)
    return 1000


def test_a_stream_is_read_anywhere(faulty_store, faults, small_spans):
    data = secrets.token_bytes(20_000)
    faulty_store.put("k", data)
    with faulty_store.open("k") as file:
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.read(10) == data[:10]
        assert (file.seek(-5, io.SEEK_END), file.read(), file.read(1)) == (19_995, data[-5:], b"")
        assert (file.seek(7000), file.read(3000)) == (7000, data[7000:10_000])
        assert (file.seek(-1000, io.SEEK_CUR), file.tell(), file.read(2000)) == (9000, 9000, data[9000:11_000])
        assert file.seek(30_000) == 30_000
        assert file.read() == b""
        with pytest.raises(ValueError, match="negative offset"):
            file.seek(-1)
    with faulty_store.open("k") as file:
        assert file.raw.seek(5) == 5
        with pytest.raises(ValueError, match="negative offset"):
            file.raw.seek(-10, io.SEEK_CUR)
    faults.seen.clear()
    assert faulty_store.get("k") == data
    assert len(faults.calls("GetObject")) <= 21


def test_parquet_is_read_from_the_stream(faulty_store, small_spans):
    table = pa.table({"n": list(range(5000)), "text": [f"review {number}" for number in range(5000)]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=1000)
    faulty_store.put("t.parquet", buffer.getvalue())
    with faulty_store.open("t.parquet") as file:
        assert pq.ParquetFile(file).read(columns=["n"]).column("n").to_pylist() == list(range(5000))


def test_a_replaced_large_object_is_read_from_its_old_version(store, client, bucket, small_spans):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store.put("k", b"old" * 1000)
    with store.open("k") as file:
        start = file.read(3)
        store.put("k", b"new")
        assert start + file.read() == b"old" * 1000
    store.put("k", b"old" * 1000)
    with store.open("k") as file:
        store.delete("k")
        assert file.read() == b"old" * 1000


def test_a_replaced_large_object_is_never_a_mixture(store, small_spans):
    for change in (lambda: store.put("k", b"new" * 1000), lambda: store.delete("k")):
        store.put("k", b"old" * 1000)
        with store.open("k") as file:
            file.read(3)
            change()
            with pytest.raises(TransientError, match="changed while it was read"):
                file.read()


def test_get_starts_again_when_the_object_is_replaced(faulty_store, faults, small_spans):
    faulty_store.put("k", b"new" * 1000)
    asked = itertools.count()

    def replaced(request: Any, **_: Any) -> AWSResponse | None:
        return answer_of(412, "PreconditionFailed") if next(asked) == 1 else None

    faults.client.meta.events.register_first("before-send.s3.GetObject", replaced)
    assert faulty_store.get("k") == b"new" * 1000


def test_a_server_without_range_requests_is_supported(faulty_store, faults, small_spans):
    data = secrets.token_bytes(2500)

    def whole(**_: Any) -> AWSResponse:
        return AWSResponse("http://s3/", 200, {"content-length": "2500", "etag": '"e"'}, RawBody(data))

    faults.client.meta.events.register_first("before-send.s3.GetObject", whole)
    assert faulty_store.get("k") == data


class Torn(RawBody):
    """A body whose connection breaks while it is read."""

    def read(self, size: int | None = None) -> bytes:
        return super().read(2)


def torn() -> AWSResponse:
    headers = {"content-length": "6", "content-range": "bytes 0-5/6", "etag": '"e"', "accept-ranges": "bytes"}
    return AWSResponse("http://s3/", 206, headers, Torn(b"ab"))


def test_a_broken_connection_is_retried(faulty_store, faults):
    faulty_store.put("k", b"abcdef")
    faults.before["GetObject"] = [torn(), torn()]
    assert faulty_store.get("k") == b"abcdef"
    faults.before["GetObject"] = [torn() for _ in range(s3_requests.ATTEMPTS)]
    with pytest.raises(TransientError):
        faulty_store.get("k")


# -- downloads ---------------------------------------------------------------------------------------------------------


def test_a_download_is_kept_while_the_object_stays_the_same(faulty_store, faults, tmp_path):
    faulty_store.put("a/b.csv", b"one")
    first = faulty_store.fetch("a/b.csv", tmp_path)
    assert (first.name, first.read_bytes(), tmp_path in first.parents) == ("b.csv", b"one", True)
    asked = len(faults.calls("GetObject"))
    assert faulty_store.fetch("a/b.csv", tmp_path) == first
    assert len(faults.calls("GetObject")) == asked
    faulty_store.put("a/b.csv", b"two")
    second = faulty_store.fetch("a/b.csv", tmp_path)
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


def test_a_folder_is_downloaded_again_when_one_of_its_objects_changes(faulty_store, faults, tmp_path):
    for name in ("p/1", "p/q/2", "p/q/r/3", "p2"):
        faulty_store.put(name, name.encode())
    folder = faulty_store.fetch_prefix("p/", tmp_path)
    assert faulty_store.fetch_prefix("p/", tmp_path) == folder
    assert len(faults.calls("GetObject")) == 3
    faulty_store.put("p/1", b"new")
    faulty_store.delete("p/q/2")
    other = faulty_store.fetch_prefix("p/", tmp_path)
    found = {str(path.relative_to(other)): path.read_bytes() for path in other.rglob("*") if path.is_file()}
    assert found == {"1": b"new", "q/r/3": b"p/q/r/3"}
    assert (folder / "q" / "2").read_bytes() == b"p/q/2"
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".partial")] == []


def test_a_name_that_is_file_and_folder_cannot_be_downloaded(store, tmp_path):
    store.put("p/a", b"")
    store.put("p/a/b", b"")
    with pytest.raises(InputError, match="both an object and a folder"):
        store.fetch_prefix("p/", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_many_readers_share_one_whole_download(store, tmp_path, small_spans):
    data = secrets.token_bytes(5500)
    store.put("p/k", data)
    start = threading.Barrier(6)

    def read(number: int) -> bytes:
        start.wait()
        if number % 2:
            return (store.fetch_prefix("p/", tmp_path) / "k").read_bytes()
        return store.fetch("p/k", tmp_path).read_bytes()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(read, range(6))) == {data}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".partial")] == []


def test_a_download_that_fails_leaves_nothing(faulty_store, faults, tmp_path, small_spans):
    faulty_store.put("k", bytes(5500))
    faults.always("GetObject", answer_of(403, "AccessDenied"))
    for attempt in (lambda: faulty_store.fetch("k", tmp_path), lambda: faulty_store.fetch_prefix("k/", tmp_path)):
        with pytest.raises(ReviewLensError):
            attempt()
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_download_starts_again_when_the_object_is_replaced(faulty_store, faults, tmp_path, whole):
    faulty_store.put("p/k", b"content")
    faults.before["GetObject"] = [answer_of(412, "PreconditionFailed")]
    path = faulty_store.fetch_prefix("p/", tmp_path) / "k" if whole else faulty_store.fetch("p/k", tmp_path)
    assert path.read_bytes() == b"content"
    faults.always("GetObject", answer_of(412, "PreconditionFailed"))
    faulty_store.put("p/k", b"other")
    with pytest.raises(TransientError):
        faulty_store.fetch_prefix("p/", tmp_path) if whole else faulty_store.fetch("p/k", tmp_path)


def test_a_full_disk_is_reported(store, tmp_path, monkeypatch):
    store.put("k", b"content")
    monkeypatch.setattr(s3.os, "pwrite", lambda _handle, data, _at: len(data) - 1)
    with pytest.raises(TransientError) as caught:
        store.fetch("k", tmp_path)
    assert caught.value.code == "disk-full"


def test_temporary_files_of_killed_downloads_are_removed_after_a_day(store, tmp_path):
    store.put("k", b"x")
    (tmp_path / ".partial-file").write_bytes(b"half")
    (tmp_path / ".partial-folder").mkdir()
    (tmp_path / ".partial-folder" / "half").write_bytes(b"")
    (tmp_path / ".partial-fresh").write_bytes(b"")
    for name in (".partial-file", ".partial-folder"):
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    store.fetch("k", tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [".partial-fresh"]


HOUR, DAY = 3600.0, 86_400.0


def copied(store, tmp_path, key: str, size: int, *, unused: float) -> Path:
    """A cached download with this time of its last use."""
    store.put(key, b"x" * size)
    path = store.fetch(key, tmp_path / "u1" / key)
    os.utime(path.parent, (time.time() - unused,) * 2)
    return path


def drop(tmp_path, max_bytes: int = 1000) -> int:
    return downloads.evict_unused(tmp_path, unused_seconds=DAY, idle_seconds=HOUR, max_bytes=max_bytes)


def test_unused_downloads_are_evicted(store, tmp_path):
    old = copied(store, tmp_path, "old", 10, unused=DAY + 60)
    used = copied(store, tmp_path, "used", 10, unused=DAY + 60)
    young = copied(store, tmp_path, "young", 10, unused=DAY - 60)
    assert store.fetch("used", tmp_path / "u1" / "used") == used
    assert drop(tmp_path) == 1
    assert [path.exists() for path in (old, used, young)] == [False, True, True]
    assert not old.parents[1].exists()
    assert store.fetch("old", tmp_path / "u1" / "old").read_bytes() == b"x" * 10
    assert drop(tmp_path / "nothing") == 0


def test_above_the_size_limit_the_least_recently_used_downloads_are_evicted_sooner(store, tmp_path):
    store.put("folder/a", b"x" * 400)
    store.put("folder/b", b"x" * 300)
    folder = store.fetch_prefix("folder/", tmp_path / "f")
    os.utime(folder.parent, (time.time() - 3 * HOUR,) * 2)
    second = copied(store, tmp_path, "second", 200, unused=2 * HOUR)
    busy = copied(store, tmp_path, "busy", 5000, unused=HOUR - 60)
    assert drop(tmp_path, 6000) == 0
    assert drop(tmp_path, 5300) == 1
    assert [path.exists() for path in (folder, second, busy)] == [False, True, True]
    assert drop(tmp_path, 10) == 1
    assert [path.exists() for path in (second, busy)] == [False, True]


def test_a_download_used_during_eviction_stays(store, tmp_path, monkeypatch):
    path = copied(store, tmp_path, "k", 10, unused=2 * DAY)
    size = downloads._size

    def meanwhile(found: Path) -> int:
        store.fetch("k", tmp_path / "u1" / "k")
        return size(found)

    monkeypatch.setattr(downloads, "_size", meanwhile)
    assert drop(tmp_path) == 0
    assert path.read_bytes() == b"x" * 10


def test_downloads_that_vanish_during_eviction_are_ignored(store, tmp_path, monkeypatch):
    path = copied(store, tmp_path, "k", 10, unused=2 * DAY)
    used, stat = downloads._last_used, Path.stat

    def gone(self: Path, **options: bool) -> os.stat_result:
        if self == path:
            raise FileNotFoundError
        return stat(self, **options)

    before = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", gone)
        assert downloads._size(path.parent) == 0
    assert used(tmp_path / "gone") >= before
    monkeypatch.setattr(downloads, "_last_used", lambda found: 0.0)
    shutil.rmtree(path.parent)
    monkeypatch.setattr(Path, "rglob", lambda self, _pattern: iter([path.parent] if self == tmp_path else []))
    assert drop(tmp_path) == 1


def test_a_temporary_file_that_vanishes_is_ignored(tmp_path, monkeypatch):
    class Gone:
        name = ".partial-x"

        def stat(self) -> None:
            raise FileNotFoundError

    monkeypatch.setattr(Path, "iterdir", lambda _folder: iter([Gone()]))
    downloads._remove_stale(tmp_path)


def test_a_download_that_cannot_be_renamed_is_an_error(tmp_path, monkeypatch):
    def full(_draft: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(TransientError) as caught:
        downloads.cached_download(tmp_path, ["a"], "k", lambda draft: draft.touch())
    assert caught.value.code == "disk-full"


def test_a_folder_that_another_process_has_just_stored_is_used(tmp_path):
    made: list[Path] = []

    def write(draft: Path) -> None:
        draft.mkdir()
        (draft / "k").write_bytes(b"x")
        made.append(draft)
        if len(made) == 1:  # a second download starts and finishes first
            downloads.cached_download(tmp_path, ["a"], "objects", write)

    folder = downloads.cached_download(tmp_path, ["a"], "objects", write)
    assert (folder / "k").read_bytes() == b"x"
    assert (len(made), len(list(tmp_path.iterdir()))) == (2, 1)


# -- when S3 fails -----------------------------------------------------------------------------------------------------

CALLS: dict[str, tuple[str, Callable[[S3ObjectStore, Path], Any]]] = {
    "put": ("PutObject", lambda store, _: store.put("new", b"x")),
    "put if absent": ("PutObject", lambda store, _: store.put("new", b"x", if_none_match=True)),
    "rule": ("GetBucketEncryption", lambda store, _: store.put("new", b"x")),
    "begin": ("CreateMultipartUpload", lambda store, _: store.put("new", bytes(3 * MIB))),
    "part": ("UploadPart", lambda store, _: store.put("new", bytes(3 * MIB))),
    "end": ("CompleteMultipartUpload", lambda store, _: store.put("new", bytes(3 * MIB))),
    "get": ("GetObject", lambda store, _: store.get("p/k")),
    "open": ("GetObject", lambda store, _: store.open("p/k").close()),
    "head": ("HeadObject", lambda store, _: store.head("p/k")),
    "list": ("ListObjectsV2", lambda store, _: list(store.list(""))),
    "delete": ("DeleteObject", lambda store, _: store.delete("p/k")),
    "delete prefix": ("DeleteObjects", lambda store, _: store.delete_prefix("p/")),
    "copy": ("CopyObject", lambda store, _: store.copy("p/k", "new")),
    "copy part": ("UploadPartCopy", lambda store, _: store.copy("p/large", "new")),
    "fetch": ("GetObject", lambda store, into: store.fetch("p/k", into)),
    "fetch prefix": ("ListObjectsV2", lambda store, into: store.fetch_prefix("p/", into)),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_request_that_fails_once_is_retried(faulty_store, faults, tmp_path, monkeypatch, small_parts, name):
    monkeypatch.setattr(s3, "MAX_SINGLE_COPY", MIB)
    monkeypatch.setattr(s3, "COPY_PART", MIB)
    operation, call = CALLS[name]
    other = S3ObjectStore(faulty_store._requests.bucket)
    other.put("p/k", b"content")
    other.put("p/large", bytes(2 * MIB))
    faults.before[operation] = [ConnectionClosedError(endpoint_url="s3")]
    call(faulty_store, tmp_path)
    assert faults.before[operation] == []
    assert (other.head("new") is not None) == any(
        word in name for word in ("put", "rule", "begin", "part", "end", "copy")
    )


@pytest.mark.parametrize("name", CALLS)
def test_every_refused_request_says_what_to_check(faulty_store, faults, tmp_path, monkeypatch, small_parts, name):
    monkeypatch.setattr(s3, "MAX_SINGLE_COPY", MIB)
    operation, call = CALLS[name]
    other = S3ObjectStore(faulty_store._requests.bucket)
    other.put("p/k", b"content")
    other.put("p/large", bytes(2 * MIB))
    faults.always(operation, answer_of(403, "403" if operation == "HeadObject" else "AllAccessDisabled"))
    with pytest.raises(ConfigurationError) as refused:
        call(faulty_store, tmp_path)
    assert refused.value.code == "aws-refused"
    assert other.head("new") is None


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "RequestTimeout"])
def test_a_persistent_failure_is_transient(faulty_store, faults, code):
    faults.always("PutObject", answer_of(503, code))
    with pytest.raises(TransientError):
        faulty_store.put("k", b"x")
    faults.always("PutObject", ConnectionClosedError(endpoint_url="s3"))
    with pytest.raises(TransientError):
        faulty_store.put("k", b"x")


def test_a_missing_bucket_is_a_configuration_error(client):
    nowhere = S3ObjectStore(f"nowhere-{secrets.token_hex(8)}", client=client)
    for call in (lambda: nowhere.put("k", b""), lambda: nowhere.get("k"), lambda: list(nowhere.list(""))):
        with pytest.raises(ConfigurationError):
            call()


def test_a_key_that_is_too_long_with_the_prefix_is_refused(faulty_store, faults):
    faults.always("PutObject", answer_of(400, "KeyTooLongError"))
    with pytest.raises(InputError):
        faulty_store.put("k", b"")


def test_a_write_without_a_date_header_has_a_time():
    response = {"ETag": '"e"', "ResponseMetadata": {"HTTPHeaders": {}}}
    before = time.time()
    assert before <= s3_requests.written_info("k", 1, response).modified <= time.time()


# -- forms -------------------------------------------------------------------------------------------------------------


def send_form(form, content: bytes, **changed: str) -> httpx.Response:
    fields = {**form.fields, **changed}
    return httpx.post(form.url, data=fields, files={"file": ("reviews.csv", content)}, trust_env=False)


def test_a_form_writes_its_key_with_its_size_and_nothing_else(faulty_store, faults, bucket):
    form = faulty_store.post_form("uploads/u/1/original", size=5, expires_in=60)
    assert form.expires_in == 60
    for content, changed in (
        (b"1234", {}),
        (b"123456", {}),
        (b"12345", {"key": "uploads/other"}),
        (b"12345", {"acl": "public-read"}),
    ):
        assert send_form(form, content, **changed).status_code in (400, 403)
    assert keys_under(faulty_store, "") == []
    assert send_form(form, b"12345").status_code == 204
    assert faulty_store.get("uploads/u/1/original") == b"12345"
    assert faults.client.head_object(Bucket=bucket, Key="uploads/u/1/original")["ServerSideEncryption"] == "AES256"
    late = faulty_store.post_form("late", size=5, expires_in=-1)
    assert send_form(late, b"12345").status_code == 403
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert ["content-length-range", 5, 5] in policy["conditions"]
    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    with pytest.raises(InputError):
        faulty_store.post_form("../x", size=5, expires_in=60)


@pytest.mark.parametrize(
    ("region", "endpoint", "public", "url"),
    [
        ("eu-west-1", "", "", "https://my-bucket.s3.eu-west-1.amazonaws.com/"),
        ("us-east-1", "", "", "https://my-bucket.s3.amazonaws.com/"),
        ("eu-west-1", "http://emulator:4566", "", "http://emulator:4566/my-bucket"),
        ("eu-west-1", "http://emulator:4566", "http://127.0.0.1:4566/", "http://127.0.0.1:4566/my-bucket"),
    ],
)
def test_a_form_goes_to_the_bucket_in_its_own_region(monkeypatch, region, endpoint, public, url):
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", region)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    store = S3ObjectStore("my-bucket")
    store._requests._encryption = {}
    form = store.post_form("k", size=1, expires_in=60, public_endpoint=public)
    assert form.url == url
