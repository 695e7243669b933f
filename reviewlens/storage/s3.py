"""An object store in an S3 bucket: streamed, conditional writes decided by S3 itself, its errors in our own words."""

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
from reviewlens.storage.disk import no_such_object, plain_disk_errors
from reviewlens.storage.downloads import downloaded
from reviewlens.storage.interface import ObjectInfo, PostForm
from reviewlens.storage.parts import parts, ranges
from reviewlens.storage.ranged import SPAN, RangedStream
from reviewlens.storage.s3_requests import EmptyObject, Replaced, Requests, Send, Write

COPY_WHOLE = 1 << 30  # S3 copies up to 5 GiB in one request, which may outlast our patience
COPY_PART = 256 << 20
_PARALLEL = 8
_BATCH = 1000  # keys that S3 deletes in one request


class S3ObjectStore:
    """An ObjectStore over `bucket`, below `prefix` where one is given. Other writers may share both.

    Writes over 8 MiB go in parts; those that a killed process leaves are cleared by the bucket's lifecycle rule. Every
    object is encrypted: with AES256 by request, or by the bucket's own rule where that names a KMS key.
    """

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self._client = client or aws.client("s3", signature_version="s3v4")  # which forms are signed with as well
        self._requests = Requests(bucket, check_key(prefix) + "/" if prefix else "", self._client)

    def uri(self, key: str) -> str:
        """`s3://bucket/key`, as it is: nothing is percent-encoded."""
        where = self._requests.where(key)
        return f"s3://{where['Bucket']}/{where['Key']}"

    def put(
        self,
        key: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """See ObjectStore.put; a few parts are in memory."""
        condition = {"IfNoneMatch": "*"} if if_none_match else {}
        if if_match is not None:
            condition["IfMatch"] = f'"{if_match}"'
        write, where = Write(key, condition), self._requests.where(key)
        pieces = parts(data)
        first, second = next(pieces), next(pieces, None)
        if second is None:
            send = partial(self._client.put_object, Body=first, **self._requests.marked(write), **condition)
            return self._requests.decided(write, len(first), send)
        upload = partial(self._client.upload_part, **where)
        steps = ((len(piece), partial(upload, Body=piece)) for piece in chain((first, second), pieces))
        return self._requests.in_parts(write, steps)

    def put_file(self, path: Path, key: str) -> ObjectInfo:
        """See ObjectStore.put_file; the file is removed once it is stored."""
        self._requests.where(key)
        with plain_disk_errors():
            if not path.is_file():
                raise NotFoundError(f"There is no file {path.name} to store.")
            file = path.open("rb")
        with file:
            stored = self.put(key, file)
        with plain_disk_errors():
            path.unlink(missing_ok=True)
        return stored

    def get(self, key: str) -> bytes:
        """See ObjectStore.get."""

        def attempt() -> bytes:
            with self.open(key) as file:
                return file.read()

        return s3_requests.again(attempt, Replaced)

    def open(self, key: str) -> BinaryIO:
        """See ObjectStore.open; seekable, its first 8 MiB are read at once.

        Stays the same when the object is replaced or deleted meanwhile if it fits into those or the bucket keeps
        versions; else reading on raises TransientError.
        """
        self._requests.where(key)
        try:
            head, answer = self._requests.read(key, 0, SPAN, {"InvalidRange": EmptyObject("no bytes")})
        except EmptyObject:
            return io.BytesIO()
        size = int(answer.get("ContentRange", f"/{answer['ContentLength']}").rpartition("/")[2])
        read = partial(self._requests.read_same, key, answer["ETag"], answer.get("VersionId"))
        return io.BufferedReader(RangedStream(size, head, read), 1 << 20)

    def head(self, key: str) -> ObjectInfo | None:
        """See ObjectStore.head."""
        found = self._requests.look(key)
        if found is None:
            return None
        return s3_requests.info(key, found["ContentLength"], found["ETag"], found["LastModified"].timestamp())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore.list; a thousand a request. Objects whose names can be no key are left out."""
        for each in self._requests.pages(check_prefix(prefix)):
            key = self._requests.key(each["Key"])
            if key is not None:
                yield s3_requests.info(key, each["Size"], each["ETag"], each["LastModified"].timestamp())

    def delete(self, key: str) -> None:
        """See ObjectStore.delete."""
        where = self._requests.where(key)
        with self._requests.errors(key):
            self._client.delete_object(**where)

    def delete_prefix(self, prefix: str) -> int:
        """See ObjectStore.delete_prefix; a thousand a request."""
        found = [each["Key"] for each in self._requests.pages(check_prefix(prefix, whole=True))]
        for start in range(0, len(found), _BATCH):
            self._requests.delete_all(found[start : start + _BATCH])
        return sum(self._requests.key(name) is not None for name in found)

    def copy(self, source: str, target: str) -> ObjectInfo:
        """See ObjectStore.copy; the bytes do not pass through here."""
        origin, where = self._requests.where(source), self._requests.where(target)

        def attempt() -> ObjectInfo:
            info = self._present(source)
            unchanged: dict[str, Any] = {"CopySource": origin, "CopySourceIfMatch": f'"{info.etag}"', **where}
            if info.size > COPY_WHOLE:
                return self._requests.in_parts(Write(target), self._copied_parts(source, unchanged, info.size))
            send = partial(self._client.copy_object, **unchanged, **self._requests.encryption())
            answer = self._requests.copied(source, send)
            return s3_requests.written(target, info.size, {**answer, **answer["CopyObjectResult"]})

        return s3_requests.again(attempt, Replaced)

    def _copied_parts(self, source: str, unchanged: dict[str, Any], size: int) -> Iterator[tuple[int, Send]]:
        for start, length in ranges(size, COPY_PART):
            span = f"bytes={start}-{start + length - 1}"
            yield length, partial(self._copy_part, source, CopySourceRange=span, **unchanged)

    def _copy_part(self, source: str, **options: Any) -> dict[str, Any]:
        result: dict[str, Any] = self._requests.copied(source, partial(self._client.upload_part_copy, **options))
        return dict(result["CopyPartResult"])

    def fetch(self, key: str, into: Path) -> Path:
        """See ObjectStore.fetch; one that is there already is taken while the object stays the same."""
        uri = self.uri(key)

        def attempt() -> Path:
            info = self._present(key)
            return downloaded(into, [uri, info.etag], key.rpartition("/")[2], partial(self._download, info))

        return s3_requests.again(attempt, Replaced)

    def fetch_prefix(self, prefix: str, into: Path) -> Path:
        """See ObjectStore.fetch_prefix; one that is there already is taken while its objects stay the same."""
        where = self.uri(check_prefix(prefix, whole=True) + "x")

        def attempt() -> Path:
            found = tuple(self.list(prefix))
            if not found:
                raise no_such_object(prefix)

            def write(folder: Path) -> None:
                for info in found:
                    path = folder / info.key[len(prefix) :]  # which holds no '..', as no key does
                    with plain_disk_errors():
                        path.parent.mkdir(parents=True, exist_ok=True)
                    self._download(info, path)

            return downloaded(into, [where, *(f"{info.key} {info.etag}" for info in found)], "objects", write)

        return s3_requests.again(attempt, Replaced)

    def _present(self, key: str) -> ObjectInfo:
        info = self.head(key)
        if info is None:
            raise no_such_object(key)
        return info

    def _download(self, info: ObjectInfo, path: Path) -> None:
        read = partial(self._requests.read_same, info.key, f'"{info.etag}"', None)
        with plain_disk_errors():
            file = path.open("xb")
        with file, ThreadPoolExecutor(_PARALLEL, thread_name_prefix="download") as pool:

            def piece(span: tuple[int, int]) -> None:
                data = read(*span)
                with plain_disk_errors():
                    if os.pwrite(file.fileno(), data, span[0]) != len(data):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            try:
                for _ in pool.map(piece, ranges(info.size, SPAN)):
                    pass
            finally:
                pool.shutdown(cancel_futures=True)

    def post_form(self, key: str, *, size: int, expires_in: int, public_endpoint: str = "") -> PostForm | None:
        """See ObjectStore.post_form; S3 holds whoever has it to key, size and time."""
        where = self._requests.where(key)
        fields = {"success_action_status": "204"}
        if self._requests.encryption():
            fields["x-amz-server-side-encryption"] = "AES256"
        conditions: list[Any] = [["content-length-range", size, size]]
        conditions += [{name: value} for name, value in fields.items()]
        with self._requests.errors(key):
            form = self._client.generate_presigned_post(
                where["Bucket"], where["Key"], Fields=fields, Conditions=conditions, ExpiresIn=expires_in
            )
        return PostForm(self._form_address(form["url"], public_endpoint), dict(form["fields"]), expires_in)

    def _form_address(self, signed: str, public_endpoint: str) -> str:
        """The bucket as a browser reaches it: in its own region, since a form that is redirected is lost."""
        bucket, own = self._requests.bucket, urlsplit(self._client.meta.endpoint_url)
        if not public_endpoint and urlsplit(signed).netloc.startswith(bucket + "."):
            return f"{own.scheme}://{bucket}.{own.netloc}/"
        return f"{(public_endpoint or own.geturl()).rstrip('/')}/{bucket}"
