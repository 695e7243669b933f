"""An object store in an S3 bucket: streaming, with S3's own conditional writes."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from reviewlens import aws
from reviewlens.contracts.keys import check_key, check_prefix
from reviewlens.errors import NotFoundError
from reviewlens.storage import s3_requests
from reviewlens.storage.disk import no_such_object, translate_disk_errors
from reviewlens.storage.downloads import cached_download
from reviewlens.storage.interface import ObjectInfo, PostForm
from reviewlens.storage.parts import parts, ranges
from reviewlens.storage.ranged import SPAN, RangedStream
from reviewlens.storage.s3_requests import EmptyObject, ObjectChanged, Requests, Send, Write

MAX_SINGLE_COPY = 1 << 30  # S3 copies up to 5 GiB in one request, but that may exceed the client's timeout
COPY_PART = 256 << 20
_PARALLEL = 8
_DELETE_BATCH = 1000  # most keys that S3 deletes in one request


class S3ObjectStore:
    """An ObjectStore in `bucket`, below `prefix` if given. Other writers may share both.

    Writes over 8 MiB are multipart uploads; the bucket's lifecycle rule removes the parts that a killed process leaves.
    Every object is encrypted: with AES256 on request, or by the bucket's own rule if that names a KMS key.
    """

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self._client = client or aws.client("s3", signature_version="s3v4")  # upload forms need v4 too
        self._requests = Requests(bucket, check_key(prefix) + "/" if prefix else "", self._client)

    def uri(self, key: str) -> str:
        """Return `s3://bucket/key` without percent-encoding."""
        location = self._requests.location(key)
        return f"s3://{location['Bucket']}/{location['Key']}"

    def put(
        self,
        key: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """See ObjectStore.put; keeps a few parts in memory."""
        condition = {"IfNoneMatch": "*"} if if_none_match else {}
        if if_match is not None:
            condition["IfMatch"] = f'"{if_match}"'
        write, location = Write(key, condition), self._requests.location(key)
        pieces = parts(data)
        first, second = next(pieces), next(pieces, None)
        if second is None:
            send = partial(self._client.put_object, Body=first, **self._requests.parameters(write), **condition)
            return self._requests.write(write, len(first), send)
        upload = partial(self._client.upload_part, **location)
        steps = ((len(piece), partial(upload, Body=piece)) for piece in chain((first, second), pieces))
        return self._requests.multipart_upload(write, steps)

    def put_file(self, path: Path, key: str) -> ObjectInfo:
        """See ObjectStore.put_file; the file is removed after the upload."""
        self._requests.location(key)
        with translate_disk_errors():
            if not path.is_file():
                raise NotFoundError(f"The file {path.name} does not exist.")
            file = path.open("rb")
        with file:
            stored = self.put(key, file)
        with translate_disk_errors():
            path.unlink(missing_ok=True)
        return stored

    def get(self, key: str) -> bytes:
        """See ObjectStore.get."""

        def attempt() -> bytes:
            with self.open(key) as file:
                return file.read()

        return s3_requests.retry(attempt, ObjectChanged)

    def open(self, key: str) -> BinaryIO:
        """See ObjectStore.open; seekable; the first 8 MiB are read immediately.

        When the object is replaced or deleted, the stream still returns the old content if that fits into 8 MiB or the
        bucket keeps versions; otherwise the next read raises TransientError.
        """
        self._requests.location(key)
        try:
            head, response = self._requests.read(key, 0, SPAN, {"InvalidRange": EmptyObject("no bytes")})
        except EmptyObject:
            return io.BytesIO()
        size = int(response.get("ContentRange", f"/{response['ContentLength']}").rpartition("/")[2])
        read = partial(self._requests.read_unchanged, key, response["ETag"], response.get("VersionId"))
        return io.BufferedReader(RangedStream(size, head, read), 1 << 20)

    def head(self, key: str) -> ObjectInfo | None:
        """See ObjectStore.head."""
        response = self._requests.head(key)
        if response is None:
            return None
        modified = response["LastModified"].timestamp()
        return s3_requests.object_info(key, response["ContentLength"], response["ETag"], modified)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore.list; a thousand objects per request. Objects whose names are not valid keys are skipped."""
        for entry in self._requests.list(check_prefix(prefix)):
            key = self._requests.key(entry["Key"])
            if key is not None:
                yield s3_requests.object_info(key, entry["Size"], entry["ETag"], entry["LastModified"].timestamp())

    def delete(self, key: str) -> None:
        """See ObjectStore.delete."""
        location = self._requests.location(key)
        with self._requests.errors(key):
            self._client.delete_object(**location)

    def delete_prefix(self, prefix: str) -> int:
        """See ObjectStore.delete_prefix; a thousand objects per request."""
        names = [entry["Key"] for entry in self._requests.list(check_prefix(prefix, whole=True))]
        for start in range(0, len(names), _DELETE_BATCH):
            self._requests.delete(names[start : start + _DELETE_BATCH])
        return sum(self._requests.key(name) is not None for name in names)

    def copy(self, source: str, target: str) -> ObjectInfo:
        """See ObjectStore.copy; S3 copies the bytes itself."""
        origin, location = self._requests.location(source), self._requests.location(target)

        def attempt() -> ObjectInfo:
            info = self._existing(source)
            parameters: dict[str, Any] = {"CopySource": origin, "CopySourceIfMatch": f'"{info.etag}"', **location}
            if info.size > MAX_SINGLE_COPY:
                return self._requests.multipart_upload(Write(target), self._copy_steps(source, parameters, info.size))
            send = partial(self._client.copy_object, **parameters, **self._requests.encryption())
            response = self._requests.copy(source, send)
            return s3_requests.written_info(target, info.size, {**response, **response["CopyObjectResult"]})

        return s3_requests.retry(attempt, ObjectChanged)

    def _copy_steps(self, source: str, parameters: dict[str, Any], size: int) -> Iterator[tuple[int, Send]]:
        for start, length in ranges(size, COPY_PART):
            span = f"bytes={start}-{start + length - 1}"
            yield length, partial(self._copy_part, source, CopySourceRange=span, **parameters)

    def _copy_part(self, source: str, **parameters: Any) -> dict[str, Any]:
        response = self._requests.copy(source, partial(self._client.upload_part_copy, **parameters))
        return dict(response["CopyPartResult"])

    def fetch(self, key: str, into: Path) -> Path:
        """See ObjectStore.fetch; a cached download is used while the object is unchanged."""
        uri = self.uri(key)

        def attempt() -> Path:
            info = self._existing(key)
            return cached_download(into, [uri, info.etag], key.rpartition("/")[2], partial(self._download, info))

        return s3_requests.retry(attempt, ObjectChanged)

    def fetch_prefix(self, prefix: str, into: Path) -> Path:
        """See ObjectStore.fetch_prefix; a cached download is used while all objects are unchanged."""
        uri = self.uri(check_prefix(prefix, whole=True) + "x")

        def attempt() -> Path:
            objects = tuple(self.list(prefix))
            if not objects:
                raise no_such_object(prefix)

            def write(folder: Path) -> None:
                for info in objects:
                    path = folder / info.key[len(prefix) :]  # has no '..', as no key does
                    with translate_disk_errors():
                        path.parent.mkdir(parents=True, exist_ok=True)
                    self._download(info, path)

            return cached_download(into, [uri, *(f"{info.key} {info.etag}" for info in objects)], "objects", write)

        return s3_requests.retry(attempt, ObjectChanged)

    def _existing(self, key: str) -> ObjectInfo:
        info = self.head(key)
        if info is None:
            raise no_such_object(key)
        return info

    def _download(self, info: ObjectInfo, path: Path) -> None:
        read = partial(self._requests.read_unchanged, info.key, f'"{info.etag}"', None)
        with translate_disk_errors():
            file = path.open("xb")
        with file, ThreadPoolExecutor(_PARALLEL, thread_name_prefix="download") as pool:

            def download_range(offset_and_size: tuple[int, int]) -> None:
                data = read(*offset_and_size)
                with translate_disk_errors():
                    if os.pwrite(file.fileno(), data, offset_and_size[0]) != len(data):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            try:
                for _ in pool.map(download_range, ranges(info.size, SPAN)):
                    pass
            finally:
                pool.shutdown(cancel_futures=True)

    def post_form(self, key: str, *, size: int, expires_in: int, public_endpoint: str = "") -> PostForm | None:
        """See ObjectStore.post_form; S3 enforces key, size and expiry."""
        location = self._requests.location(key)
        fields = {"success_action_status": "204"}
        if self._requests.encryption():
            fields["x-amz-server-side-encryption"] = "AES256"
        conditions: list[Any] = [["content-length-range", size, size]]
        conditions += [{name: value} for name, value in fields.items()]
        with self._requests.errors(key):
            form = self._client.generate_presigned_post(
                location["Bucket"], location["Key"], Fields=fields, Conditions=conditions, ExpiresIn=expires_in
            )
        return PostForm(self._form_url(form["url"], public_endpoint), dict(form["fields"]), expires_in)

    def _form_url(self, signed_url: str, public_endpoint: str) -> str:
        """Return the bucket's URL in its own region, because a browser does not send a form again after a redirect."""
        bucket, endpoint = self._requests.bucket, urlsplit(self._client.meta.endpoint_url)
        if not public_endpoint and urlsplit(signed_url).netloc.startswith(bucket + "."):
            return f"{endpoint.scheme}://{bucket}.{endpoint.netloc}/"
        return f"{(public_endpoint or endpoint.geturl()).rstrip('/')}/{bucket}"
