"""Requests to one S3 bucket: what is asked of each, what is tried again, and how its refusals are told."""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
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
_PRECONDITION = ("PreconditionFailed", "412")
_BUSY = ("ConditionalRequestConflict", "OperationAborted")
_REFUSED = (
    *("403", "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem", "NoSuchBucket", "InvalidBucketName"),
    *("AuthorizationHeaderMalformed", "InvalidObjectState", "MethodNotAllowed", "PermanentRedirect"),
    *("KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "RequestTimeTooSkewed"),
)
_PASSING = ("InternalError", "ServiceUnavailable", "SlowDown")


class Replaced(TransientError):
    """An object became another one, or went, while it was read."""


class EmptyObject(ReviewLensError):
    """A range was asked of an object that has no bytes."""


class _Busy(TransientError):
    """Two writers were at one key at once, and S3 decided for neither."""


@dataclass(frozen=True)
class Write:
    """One write: its condition, and the mark in its metadata by which it is known again when its answer is lost."""

    key: str
    condition: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: secrets.token_hex(16))


class Requests:
    """To one bucket, below `base` ('' or ending with '/'). Every method raises errors of ours alone."""

    def __init__(self, bucket: str, base: str, client: Any) -> None:
        self.bucket = bucket
        self.base = base
        self.client = client
        self._rule: dict[str, str] | None = None

    def where(self, key: str) -> dict[str, str]:
        """Bucket and full name of a key; InputError for what is no key."""
        return {"Bucket": self.bucket, "Key": self.base + check_key(key)}

    def key(self, name: str) -> str | None:
        """The key of an object of the bucket; None for one that has none, such as a console's 'folder/'."""
        try:
            return check_key(name[len(self.base) :])
        except InputError:
            return None

    @contextlib.contextmanager
    def errors(self, key: str, known: dict[str, ReviewLensError] | None = None) -> Iterator[None]:
        """Say in our own errors what S3 said about a key; `known` goes before what its codes mean by themselves."""
        refused = ConfigurationError(
            f"AWS refused a request to the bucket {self.bucket}: check its name, its key and the role's rights.",
            code="aws-refused",
            details={"service": "s3"},
        )
        too_long = InputError("This name cannot be used in the store: it is too long.", code="invalid-key")
        meant: dict[str, ReviewLensError] = {
            **dict.fromkeys(_ABSENT, no_such_object(key)),
            **dict.fromkeys(_PRECONDITION, conflict(key)),
            **dict.fromkeys(_BUSY, _Busy("Two writers were at this at once; try again.", details={"key": key})),
            **dict.fromkeys(_REFUSED, refused),
            "KeyTooLongError": too_long,
        }
        with aws.translate_errors("s3", meant | (known or {})):
            yield

    # -- reading ------------------------------------------------------------------------------------------------------

    def look(self, key: str) -> dict[str, Any] | None:
        """What S3 tells of an object without its content; None when there is none."""
        where = self.where(key)
        try:
            with self.errors(key):
                found: dict[str, Any] = self.client.head_object(**where)
        except NotFoundError:
            return None
        return found

    def pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Every object below a prefix as S3 lists it, in the order of their names."""
        paginator = self.client.get_paginator("list_objects_v2")
        with self.errors(prefix):
            for page in paginator.paginate(Bucket=self.bucket, Prefix=self.base + prefix):
                yield from page.get("Contents", ())

    def read(
        self, key: str, start: int, size: int, known: dict[str, ReviewLensError], **more: str
    ) -> tuple[bytes, dict[str, Any]]:
        """Some bytes and S3's answer; asks again when the connection breaks in the middle."""

        def attempt() -> tuple[bytes, dict[str, Any]]:
            span = f"bytes={start}-{start + size - 1}"
            with self.errors(key, known):
                answer = self.client.get_object(**self.where(key), Range=span, **more)
            try:
                with contextlib.closing(answer["Body"]) as body, aws.translate_errors("s3"):
                    data = body.read()
            except TransientError as error:
                raise _Broken(error) from error
            # HTTP leaves a server free to answer with the whole instead of a range.
            return (data if "ContentRange" in answer else data[start : start + size]), answer

        try:
            return again(attempt, _Broken)
        except _Broken as broken:
            raise broken.cause from broken

    def read_same(self, key: str, etag: str, version: str | None, start: int, size: int) -> bytes:
        """Some bytes of an object as it was; Replaced when it is another one now and no version of it was kept."""
        changed = Replaced("This was changed while it was read; try again.", code="storage-failed")
        gone: dict[str, ReviewLensError] = dict.fromkeys((*_PRECONDITION, *_ABSENT), changed)
        try:
            return self.read(key, start, size, gone, IfMatch=etag)[0]
        except Replaced:
            if version is None:
                raise
        return self.read(key, start, size, gone, VersionId=version)[0]

    # -- writing ------------------------------------------------------------------------------------------------------

    def encryption(self) -> dict[str, str]:
        """What to ask for with a write; asked of the bucket once. Nothing where the bucket has a key of its own."""
        if self._rule is None:
            unset, unknown = NotFoundError("no rule"), PermissionError_("not to be known")
            known: dict[str, ReviewLensError] = {
                "ServerSideEncryptionConfigurationNotFoundError": unset,
                "AccessDenied": unknown,
            }
            try:
                with self.errors("", known):
                    answer = self.client.get_bucket_encryption(Bucket=self.bucket)
                rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
                own_key = "kms" in rule["SSEAlgorithm"]
            except NotFoundError:
                own_key = False
            except PermissionError_:  # then S3 encrypts by the bucket's rule, whatever that is
                own_key = True
            self._rule = {} if own_key else {"ServerSideEncryption": "AES256"}
        return self._rule

    def marked(self, write: Write) -> dict[str, Any]:
        """What every beginning of a write says."""
        return {**self.where(write.key), "Metadata": {"write": write.mark}, **self.encryption()}

    def decided(self, write: Write, size: int, send: Send) -> ObjectInfo:
        """Send a write until S3 has taken it or refused its condition.

        A refusal may be that of our own second attempt, after the first was taken and its answer lost on the way, and
        all answers may be lost: then the object bears our mark.
        """

        def attempt() -> ObjectInfo:
            with self.errors(write.key, {"NoSuchUpload": no_such_object(write.key)}):
                return written(write.key, size, send())

        try:
            return again(attempt, _Busy)
        except (ConflictError, NotFoundError, TransientError) as error:
            unheard = isinstance(error, TransientError) and not isinstance(error, _Busy)
            if unheard and not write.condition:
                raise  # it may simply be done again
            present = self.look(write.key)
            if present is not None and present["Metadata"].get("write") == write.mark:
                return info(write.key, size, present["ETag"], present["LastModified"].timestamp())
            if unheard:
                raise
            if write.condition:
                raise conflict(write.key) from error
            raise TransientError("Writing this was broken off; try again.", code="storage-failed") from error

    def in_parts(self, write: Write, steps: Iterable[tuple[int, Send]]) -> ObjectInfo:
        """A multipart upload of steps, each a number of bytes and what sends them; nothing of it stays on an error."""
        with self.errors(write.key):
            upload = self.client.create_multipart_upload(**self.marked(write))["UploadId"]
        where = {**self.where(write.key), "UploadId": upload}
        sent, size = [], 0
        try:
            for number, (length, send) in enumerate(steps, 1):
                with self.errors(write.key):
                    sent.append(_part(number, send(UploadId=upload, PartNumber=number)))
                size += length
            named = {"MultipartUpload": {"Parts": sent}, **where, **write.condition}
            return self.decided(write, size, partial(self.client.complete_multipart_upload, **named))
        except BaseException:
            try:
                with self.errors(write.key):
                    self.client.abort_multipart_upload(**where)
            except ReviewLensError:  # the bucket's lifecycle rule clears it
                _log.warning("the parts of a broken upload could not be cleared at once", exc_info=True)
            raise

    def copied(self, source: str, send: Send) -> dict[str, Any]:
        """A copy's answer; Replaced when its source is no longer what it was."""
        changed = Replaced("This was changed while it was copied; try again.", code="storage-failed")
        with self.errors(source, dict.fromkeys(_PRECONDITION, changed)):
            return send()

    def delete_all(self, names: list[str]) -> None:
        """Delete up to a thousand objects by their full names."""
        number = 0
        while True:
            number += 1
            keys = [{"Key": name} for name in names]
            with self.errors(""):
                answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
            failed = answer.get("Errors", [])
            if not failed:
                return
            code = str(failed[0].get("Code", ""))
            if code not in _PASSING or number == ATTEMPTS:
                break
            names = [each["Key"] for each in failed]
            pause(number)
        if code in _REFUSED:
            raise ConfigurationError(
                f"AWS refuses to remove objects of the bucket {self.bucket}: check the role's rights.",
                code="aws-refused",
            )
        raise TransientError(f"AWS could not delete all that it should ({code}); try again.", code="aws-failed")


class _Broken(Exception):
    """A connection that broke while a body came in."""

    def __init__(self, cause: TransientError) -> None:
        super().__init__()
        self.cause = cause


def again(attempt: Callable[[], T], after: type[Exception]) -> T:
    """Try it up to ATTEMPTS times, with growing pauses, as long as it raises just this."""
    for number in range(1, ATTEMPTS):
        try:
            return attempt()
        except after:
            pause(number)
    return attempt()


def pause(number: int) -> None:
    """Wait before the next attempt, longer each time, and not all processes equally long."""
    time.sleep(PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1))


def conflict(key: str) -> ConflictError:
    """What is raised for a conditional write that lost."""
    return ConflictError("Somebody else wrote this meanwhile.", details={"key": key})


def info(key: str, size: int, etag: str, modified: float) -> ObjectInfo:
    """With S3's quotes taken off the etag."""
    return ObjectInfo(key, size, etag.strip('"'), modified)


def written(key: str, size: int, answer: dict[str, Any]) -> ObjectInfo:
    """What a write made, its time by S3's own clock."""
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return info(key, size, answer["ETag"], parsedate_to_datetime(told).timestamp() if told else time.time())


def _part(number: int, answer: dict[str, Any]) -> dict[str, Any]:
    """A part as it is named at the end of its upload, with the checksum that S3 wants to see again."""
    checksums = {name: value for name, value in answer.items() if name.startswith("Checksum") and name[-4:] != "Type"}
    return {"PartNumber": number, "ETag": answer["ETag"], **checksums}
