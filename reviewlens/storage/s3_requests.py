"""Requests to one S3 bucket: their parameters, retries and errors."""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

from reviewlens import aws
from reviewlens.contracts.keys import check_key
from reviewlens.errors import (
    ConfigurationError,
    ConflictError,
    InputError,
    NotFoundError,
    PermissionError_,
    ReviewLensError,
    TransientError,
)
from reviewlens.storage.disk import no_such_object
from reviewlens.storage.interface import ObjectInfo

_log = logging.getLogger(__name__)
T = TypeVar("T")
Send = Callable[..., dict[str, Any]]

PAUSE_SECONDS = 0.2
ATTEMPTS = 5

_ABSENT = ("NoSuchKey", "NoSuchVersion", "404", "NotFound")
_PRECONDITION_FAILED = ("PreconditionFailed", "412")
_WRITE_RACE = ("ConditionalRequestConflict", "OperationAborted")
_REFUSED = (
    *("403", "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem", "NoSuchBucket", "InvalidBucketName"),
    *("AuthorizationHeaderMalformed", "InvalidObjectState", "MethodNotAllowed", "PermanentRedirect"),
    *("KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "RequestTimeTooSkewed"),
)
_RETRYABLE = ("InternalError", "ServiceUnavailable", "SlowDown")


class ObjectChanged(TransientError):
    """An object was replaced or deleted while it was read."""


class EmptyObject(ReviewLensError):
    """A range of an empty object was requested."""


class _WriteRace(TransientError):
    """S3 rejected a write because of a concurrent write to the same key."""


@dataclass(frozen=True)
class Write:
    """One write: its condition, and the mark in the object's metadata that identifies it when the response is lost."""

    key: str
    condition: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: secrets.token_hex(16))


class Requests:
    """Requests to one bucket, below `base` ('' or ending with '/'). Methods raise only ReviewLens errors."""

    def __init__(self, bucket: str, base: str, client: Any) -> None:
        self.bucket = bucket
        self.base = base
        self.client = client
        self._encryption: dict[str, str] | None = None

    def location(self, key: str) -> dict[str, str]:
        """Return the bucket and the full object name of a key; InputError for an invalid key."""
        return {"Bucket": self.bucket, "Key": self.base + check_key(key)}

    def key(self, name: str) -> str | None:
        """Return the key of an object name; None for names that are not valid keys, such as the console's 'folder/'."""
        try:
            return check_key(name[len(self.base) :])
        except InputError:
            return None

    @contextlib.contextmanager
    def errors(self, key: str, errors_by_code: dict[str, ReviewLensError] | None = None) -> Iterator[None]:
        """Translate S3's errors for a key; `errors_by_code` overrides the default for its codes."""
        refused = ConfigurationError(
            f"AWS refused a request to the bucket {self.bucket}: check its name, KMS key and the role's permissions.",
            code="aws-refused",
            details={"service": "s3"},
        )
        defaults: dict[str, ReviewLensError] = {
            **dict.fromkeys(_ABSENT, no_such_object(key)),
            **dict.fromkeys(_PRECONDITION_FAILED, conflict(key)),
            **dict.fromkeys(_WRITE_RACE, _WriteRace("Two writes at the same time; try again.", details={"key": key})),
            **dict.fromkeys(_REFUSED, refused),
            "KeyTooLongError": InputError("The key is too long for S3.", code="invalid-key"),
        }
        with aws.translate_errors("s3", defaults | (errors_by_code or {})):
            yield

    # -- reading ------------------------------------------------------------------------------------------------------

    def head(self, key: str) -> dict[str, Any] | None:
        """Return S3's description of an object; None when it does not exist."""
        location = self.location(key)
        try:
            with self.errors(key):
                response: dict[str, Any] = self.client.head_object(**location)
        except NotFoundError:
            return None
        return response

    def list(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Yield S3's entries for all objects below a prefix, in the order of their names."""
        paginator = self.client.get_paginator("list_objects_v2")
        with self.errors(prefix):
            for page in paginator.paginate(Bucket=self.bucket, Prefix=self.base + prefix):
                yield from page.get("Contents", ())

    def read(
        self, key: str, start: int, size: int, errors_by_code: dict[str, ReviewLensError], **parameters: str
    ) -> tuple[bytes, dict[str, Any]]:
        """Read a range; returns its bytes and S3's response. Retries when the connection breaks during the transfer."""

        def attempt() -> tuple[bytes, dict[str, Any]]:
            span = f"bytes={start}-{start + size - 1}"
            with self.errors(key, errors_by_code):
                response = self.client.get_object(**self.location(key), Range=span, **parameters)
            try:
                with contextlib.closing(response["Body"]) as body, aws.translate_errors("s3"):
                    data = body.read()
            except TransientError as error:
                raise _ConnectionBroken(error) from error
            # HTTP allows a server to ignore the range and return the whole object.
            return (data if "ContentRange" in response else data[start : start + size]), response

        try:
            return retry(attempt, _ConnectionBroken)
        except _ConnectionBroken as error:
            raise error.cause from error

    def read_unchanged(self, key: str, etag: str, version: str | None, start: int, size: int) -> bytes:
        """Read a range of the object with this etag; ObjectChanged if it was replaced and that version is not kept."""
        changed = ObjectChanged("The object has changed while it was read; try again.", code="storage-failed")
        errors: dict[str, ReviewLensError] = dict.fromkeys((*_PRECONDITION_FAILED, *_ABSENT), changed)
        try:
            return self.read(key, start, size, errors, IfMatch=etag)[0]
        except ObjectChanged:
            if version is None:
                raise
        return self.read(key, start, size, errors, VersionId=version)[0]

    # -- writing ------------------------------------------------------------------------------------------------------

    def encryption(self) -> dict[str, str]:
        """Return the encryption parameters of a write, empty if the bucket has a KMS key; asks the bucket only once."""
        if self._encryption is None:
            errors_by_code: dict[str, ReviewLensError] = {
                "ServerSideEncryptionConfigurationNotFoundError": NotFoundError("no encryption rule"),
                "AccessDenied": PermissionError_("not allowed to read the encryption rule"),
            }
            try:
                with self.errors("", errors_by_code):
                    response = self.client.get_bucket_encryption(Bucket=self.bucket)
                rule = response["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
                bucket_encrypts = "kms" in rule["SSEAlgorithm"]
            except NotFoundError:
                bucket_encrypts = False
            except PermissionError_:  # S3 then applies the bucket's rule, whatever it is
                bucket_encrypts = True
            self._encryption = {} if bucket_encrypts else {"ServerSideEncryption": "AES256"}
        return self._encryption

    def parameters(self, write: Write) -> dict[str, Any]:
        """Return the parameters that start a write: location, mark and encryption."""
        return {**self.location(write.key), "Metadata": {"write": write.mark}, **self.encryption()}

    def write(self, write: Write, size: int, send: Send) -> ObjectInfo:
        """Send a write until S3 accepts it or rejects its condition.

        When the response to the first attempt is lost, S3 may have accepted it and reject the second attempt. In that
        case, or when all responses are lost, the object has this write's mark.
        """

        def attempt() -> ObjectInfo:
            with self.errors(write.key, {"NoSuchUpload": no_such_object(write.key)}):
                return written_info(write.key, size, send())

        try:
            return retry(attempt, _WriteRace)
        except (ConflictError, NotFoundError, TransientError) as error:
            no_response = isinstance(error, TransientError) and not isinstance(error, _WriteRace)
            if no_response and not write.condition:
                raise  # the caller can repeat an unconditional write
            stored = self.head(write.key)
            if stored is not None and stored["Metadata"].get("write") == write.mark:
                return object_info(write.key, size, stored["ETag"], stored["LastModified"].timestamp())
            if no_response:
                raise
            if write.condition:
                raise conflict(write.key) from error
            raise TransientError("The write did not complete; try again.", code="storage-failed") from error

    def multipart_upload(self, write: Write, steps: Iterable[tuple[int, Send]]) -> ObjectInfo:
        """Run a multipart upload; each step is a part's size and the function that sends it. Aborts it on an error."""
        with self.errors(write.key):
            upload = self.client.create_multipart_upload(**self.parameters(write))["UploadId"]
        location = {**self.location(write.key), "UploadId": upload}
        sent_parts, size = [], 0
        try:
            for number, (length, send) in enumerate(steps, 1):
                with self.errors(write.key):
                    sent_parts.append(_part(number, send(UploadId=upload, PartNumber=number)))
                size += length
            parameters = {"MultipartUpload": {"Parts": sent_parts}, **location, **write.condition}
            return self.write(write, size, partial(self.client.complete_multipart_upload, **parameters))
        except BaseException:
            try:
                with self.errors(write.key):
                    self.client.abort_multipart_upload(**location)
            except ReviewLensError:  # the bucket's lifecycle rule removes the parts later
                _log.warning("could not abort a failed multipart upload", exc_info=True)
            raise

    def copy(self, source: str, send: Send) -> dict[str, Any]:
        """Send a copy request and return its response; ObjectChanged when the source was replaced."""
        changed = ObjectChanged("The object has changed while it was copied; try again.", code="storage-failed")
        with self.errors(source, dict.fromkeys(_PRECONDITION_FAILED, changed)):
            return send()

    def delete(self, names: Sequence[str]) -> None:
        """Delete up to a thousand objects by their full names."""
        code = ""
        for attempt in range(1, ATTEMPTS + 1):
            objects = [{"Key": name} for name in names]
            with self.errors(""):
                response = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            failures = response.get("Errors", [])
            if not failures:
                return
            code = str(failures[0].get("Code", ""))
            if code not in _RETRYABLE:
                break
            names = [failure["Key"] for failure in failures]
            if attempt < ATTEMPTS:
                back_off(attempt)
        if code in _REFUSED:
            raise ConfigurationError(
                f"AWS refused to delete objects in the bucket {self.bucket}: check the role's permissions.",
                code="aws-refused",
            )
        raise TransientError(f"AWS could not delete all objects ({code}); try again.", code="aws-failed")


class _ConnectionBroken(Exception):
    """The connection broke while a response body was read."""

    def __init__(self, cause: TransientError) -> None:
        super().__init__()
        self.cause = cause


def retry(attempt: Callable[[], T], retryable: type[Exception]) -> T:
    """Call `attempt` up to ATTEMPTS times, with backoff, while it raises `retryable`."""
    for number in range(1, ATTEMPTS):
        try:
            return attempt()
        except retryable:
            back_off(number)
    return attempt()


def back_off(number: int) -> None:
    """Wait before the next attempt: exponential backoff with jitter."""
    time.sleep(PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1))


def conflict(key: str) -> ConflictError:
    """The error for a conditional write whose condition does not hold."""
    return ConflictError("The object has changed in the meantime.", details={"key": key})


def object_info(key: str, size: int, etag: str, modified: float) -> ObjectInfo:
    """Build an ObjectInfo; removes S3's quotes from the etag."""
    return ObjectInfo(key, size, etag.strip('"'), modified)


def written_info(key: str, size: int, response: dict[str, Any]) -> ObjectInfo:
    """Describe a written object; its time is S3's own."""
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
    return object_info(key, size, response["ETag"], parsedate_to_datetime(date).timestamp() if date else time.time())


def _part(number: int, response: dict[str, Any]) -> dict[str, Any]:
    """Return a part as CompleteMultipartUpload expects it, with its checksums."""
    checksums = {name: value for name, value in response.items() if name.startswith("Checksum") and name[-4:] != "Type"}
    return {"PartNumber": number, "ETag": response["ETag"], **checksums}
