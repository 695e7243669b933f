"""A user's uploads: streamed into the store, hashed, examined, and described in a JSON document beside the file."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, Field

from reviewlens.contracts.detected import Detected
from reviewlens.contracts.keys import UploadKeys
from reviewlens.contracts.tables import Sniffed
from reviewlens.errors import ConflictError, InputError, LimitError, NotFoundError
from reviewlens.ids import new_id, now
from reviewlens.reading.archives import undecided
from reviewlens.reading.records import ReadLimits
from reviewlens.settings import Settings
from reviewlens.storage.interface import ObjectInfo, ObjectStore, PostForm

MAX_FILENAME_CHARS = 200
FORM_SECONDS = 900
"""Life of a form that sends a file straight to the store."""
COMPLETE_SECONDS = 23 * 3600
"""How long after its announcement an upload can be completed. The margin to BROKEN_SECONDS is far longer than
completing takes."""
BROKEN_SECONDS = 24 * 3600
"""An upload of this age without a description counts as broken."""
MAX_FORM_BYTES = 5 << 30
"""The most that S3 accepts in one request."""
_CHUNK = 1 << 20


class Overrides(BaseModel):
    """The user's corrections, field by field; all other fields are detected."""

    dialect: dict[str, Any] = Field(default={}, description="Some fields of `Dialect`.")
    mapping: dict[str, Any] = Field(default={}, description="Some fields of `Mapping`.")

    def as_dict(self) -> dict[str, Any] | None:
        """The argument for `sniff`; None without corrections."""
        parts = {"dialect": self.dialect, "mapping": self.mapping}
        return {name: part for name, part in parts.items() if part} or None


class Upload(BaseModel):
    """One upload and what was detected in it."""

    upload_id: str
    filename: str
    size_bytes: int
    sha256: str
    created_at: str
    overrides: Overrides = Overrides()
    sniffed: Sniffed


class Announced(BaseModel):
    """A file that will be sent straight to the store; kept beside the file until it is complete."""

    filename: str
    size_bytes: int
    created_at: str
    announced: float = Field(description="Seconds since 1970, by the backend's clock.")


class DirectUpload(BaseModel):
    """A form that sends a file straight to the store; afterwards POST /uploads/{upload_id}/complete."""

    upload_id: str
    url: str = Field(description="POST multipart/form-data here: all `fields`, then the file as `file`.")
    fields: dict[str, str]
    expires_in: int = Field(description="Seconds until the form expires.", examples=[FORM_SECONDS])


class Reading(Protocol):
    """`reviewlens.reading.sandboxed.SandboxedReading`. `source` makes the file available on this machine."""

    def sniff(
        self,
        source: Callable[[], AbstractContextManager[Path]],
        filename: str,
        size_bytes: int,
        limits: ReadLimits,
        overrides: dict[str, Any] | None = None,
        *,
        uploaded: date | None = None,
    ) -> Sniffed:
        """What was detected in the file."""
        ...

    def describe(
        self, source: Callable[[], AbstractContextManager[Path]], sniffed: Sniffed, limits: ReadLimits
    ) -> Detected:
        """The same with names and counts."""
        ...


def read_limits(settings: Settings) -> ReadLimits:
    """The reading limits among the settings."""
    return ReadLimits(**{name: getattr(settings, name) for name in ReadLimits.__dataclass_fields__})


class UploadService:
    """Receives, describes and deletes uploads. An upload without its description is broken and counts as absent."""

    def __init__(self, store: ObjectStore, settings: Settings, reading: Reading, *, cache_dir: Path) -> None:
        """`cache_dir`: where files that are examined lie meanwhile, if the store is not on this machine."""
        self._store = store
        self._settings = settings
        self._reading = reading
        self._cache_dir = cache_dir

    def receive(self, user: str, filename: str, chunks: Iterable[bytes]) -> Upload:
        """Store a file, in constant memory, and examine it; after an error nothing of it remains.

        Raises LimitError (`upload-too-large`), InputError for a file that cannot be read, and the errors of `chunks`.
        """
        upload_id, name = new_id(), clean_filename(filename)
        keys = UploadKeys(user, upload_id)
        counted = _Counted(chunks, self._settings.max_upload_bytes)
        try:
            self._store.put(keys.original, counted)
            if not counted.size:
                raise InputError("The file is empty; choose another one.", code="empty-file")
            created_at = now()
            upload = Upload(
                upload_id=upload_id,
                filename=name,
                size_bytes=counted.size,
                sha256=counted.digest.hexdigest(),
                created_at=created_at,
                sniffed=self._look(keys, name, counted.size, Overrides(), created_at),
            )
            self._store.put(keys.info, upload.model_dump_json().encode())
        except BaseException:
            self._store.delete_prefix(keys.prefix)
            raise
        return upload

    def announce(self, user: str, filename: str, size_bytes: int) -> DirectUpload:
        """A form that sends a file of exactly this size straight to the store, as a new upload of this user.

        Deletes the user's oldest announced, incomplete uploads when there are too many. Raises NotFoundError
        (`direct-upload-not-offered`) where the store accepts no forms, LimitError (`upload-too-large`), InputError.
        """
        upload_id, name = new_id(), clean_filename(filename)
        keys = UploadKeys(user, upload_id)
        allowed = self._settings.max_upload_bytes
        if size_bytes > allowed:
            raise upload_too_large(allowed)
        if size_bytes < 1:
            raise InputError("The file is empty; choose another one.", code="empty-file")
        form = self._form(keys, size_bytes) if size_bytes <= MAX_FORM_BYTES else None
        if form is None:
            raise not_offered()
        self._make_room(user)
        announced = Announced(filename=name, size_bytes=size_bytes, created_at=now(), announced=time.time())
        self._store.put(keys.announced, announced.model_dump_json().encode(), if_none_match=True)
        return DirectUpload(upload_id=upload_id, url=form.url, fields=form.fields, expires_in=form.expires_in)

    def takes_forms(self) -> bool:
        """Whether the store accepts files through forms."""
        return self._form(UploadKeys("nobody", "none"), 1) is not None

    def complete(self, user: str, upload_id: str) -> Upload:
        """Examine a file that was sent straight to the store; for a completed upload, return it.

        Raises NotFoundError (`upload-not-found`) for an upload that this user did not announce, ConflictError
        (`upload-not-received`) until the file has arrived, and the errors of `receive`, after which nothing remains.
        """
        keys = UploadKeys(user, upload_id)
        try:
            return self.get(user, upload_id)
        except NotFoundError:
            announced = self._announced(keys)
        while True:
            before = self._store.head(keys.original)
            if before is None or before.size != announced.size_bytes:
                raise ConflictError(
                    "The file has not arrived completely. Send it with the form, then try again.",
                    code="upload-not-received",
                )
            upload = self._described(keys, upload_id, announced)
            after = self._store.head(keys.original)
            if after == before:  # else it was sent again or deleted in the meantime
                break
        try:
            self._store.put(keys.info, upload.model_dump_json().encode(), if_none_match=True)
        except ConflictError:  # completed twice at once: the first one counts
            return self.get(user, upload_id)
        self._store.delete(keys.announced)
        return upload

    def _form(self, keys: UploadKeys, size: int) -> PostForm | None:
        public = self._settings.public_s3_endpoint_url
        return self._store.post_form(keys.original, size=size, expires_in=FORM_SECONDS, public_endpoint=public)

    def _announced(self, keys: UploadKeys) -> Announced:
        try:
            announced = Announced.model_validate_json(self._store.get(keys.announced))
        except (NotFoundError, InputError) as error:
            raise _no_such_upload() from error
        if time.time() - announced.announced > COMPLETE_SECONDS:
            raise _no_such_upload()
        return announced

    def _described(self, keys: UploadKeys, upload_id: str, announced: Announced) -> Upload:
        digest = hashlib.sha256()
        try:
            with self._store.open(keys.original) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            sniffed = self._look(keys, announced.filename, announced.size_bytes, Overrides(), announced.created_at)
        except (InputError, LimitError):
            self._store.delete_prefix(keys.prefix)
            raise
        return Upload(
            upload_id=upload_id,
            filename=announced.filename,
            size_bytes=announced.size_bytes,
            sha256=digest.hexdigest(),
            created_at=announced.created_at,
            sniffed=sniffed,
        )

    def _make_room(self, user: str) -> None:
        prefix = f"uploads/{user}/"
        self.sweep(prefix)
        announced = (objects[0].key for objects in self._undescribed(prefix))  # first of up to three objects
        pending = [key.split("/")[2] for key in announced if key.endswith("/announced.json")]
        for upload_id in pending[: max(0, len(pending) + 1 - self._settings.max_unused_uploads_per_user)]:
            self.delete(user, upload_id)

    def get(self, user: str, upload_id: str) -> Upload:
        """One upload of this user; NotFoundError (`upload-not-found`)."""
        try:
            return Upload.model_validate_json(self._store.get(UploadKeys(user, upload_id).info))
        except (NotFoundError, InputError) as error:
            raise _no_such_upload() from error

    def check_present(self, user: str, upload_id: str) -> None:
        """NotFoundError (`upload-not-found`) where there is no such upload; does not read it."""
        if self._store.head(UploadKeys(user, upload_id).info) is None:
            raise _no_such_upload()

    def ids(self, user: str) -> list[str]:
        """This user's uploads, oldest first."""
        keys = (info.key.split("/") for info in self._store.list(f"uploads/{user}/"))
        return sorted(parts[2] for parts in keys if parts[3:] == ["info.json"])

    def with_overrides(self, user: str, upload_id: str, overrides: Overrides) -> Upload:
        """The upload as detected with these corrections, which are not saved."""
        upload = self.get(user, upload_id)
        if overrides == upload.overrides:
            return upload
        keys = UploadKeys(user, upload_id)
        sniffed = self._look(keys, upload.filename, upload.size_bytes, overrides, upload.created_at)
        return upload.model_copy(update={"overrides": overrides, "sniffed": sniffed})

    def correct(self, user: str, upload_id: str, overrides: Overrides) -> Upload:
        """The same, saved; these corrections replace earlier ones."""
        keys = UploadKeys(user, upload_id)
        previous = self._store.head(keys.info)
        upload = self.with_overrides(user, upload_id, overrides)
        try:
            self._store.put(keys.info, upload.model_dump_json().encode(), if_match=previous.etag if previous else None)
        except ConflictError:  # deleted or corrected by another request in the meantime: try again
            return self.correct(user, upload_id, overrides)
        return upload

    def detected(self, user: str, upload_id: str) -> Detected:
        """What was detected in an upload, with its corrections, and its counts; reads the file.

        Errors: NotFoundError (`upload-not-found`), InputError for a file that cannot be read to its end, LimitError,
        TransientError (`parsers-busy`).
        """
        upload = self.get(user, upload_id)
        check_member(upload)
        source = self._local(UploadKeys(user, upload_id))
        return self._reading.describe(source, upload.sniffed, read_limits(self._settings))

    def delete(self, user: str, upload_id: str) -> None:
        """Delete the file and its description, if they exist."""
        self._store.delete_prefix(UploadKeys(user, upload_id).prefix)

    def sweep(self, prefix: str = "uploads/", *, at: float | None = None) -> int:
        """Delete the uploads below `prefix` that broke off or were never completed; returns how many.

        Only uploads whose objects are all older than a day, because younger ones may still be arriving, here or through
        another backend. `at`: the present, in seconds since 1970.
        """
        limit = (time.time() if at is None else at) - BROKEN_SECONDS
        broken = [objects for objects in self._undescribed(prefix) if max(each.modified for each in objects) < limit]
        for objects in broken:
            for each in objects:
                self._store.delete(each.key)
        return len(broken)

    def _undescribed(self, prefix: str) -> Iterator[list[ObjectInfo]]:
        """The objects of each upload below `prefix` without a description, each user's oldest first."""
        for _, group in groupby(self._store.list(prefix), key=lambda info: info.key.split("/")[:3]):
            objects = list(group)
            if not any(info.key.endswith("/info.json") for info in objects):
                yield objects

    def _look(self, keys: UploadKeys, filename: str, size: int, overrides: Overrides, created_at: str) -> Sniffed:
        limits, uploaded = read_limits(self._settings), date.fromisoformat(created_at[:10])
        try:
            return self._reading.sniff(
                self._local(keys), filename, size, limits, overrides.as_dict(), uploaded=uploaded
            )
        except InputError as error:
            if error.code != "zip-members":
                raise
            return undecided(error, size)

    def _local(self, keys: UploadKeys) -> Callable[[], AbstractContextManager[Path]]:
        """The file on this machine: the stored one, or a copy for as long as it is read."""

        @contextmanager
        def local() -> Iterator[Path]:
            copies = self._cache_dir / "examined" / secrets.token_hex(16)
            try:
                yield self._store.fetch(keys.original, copies)
            finally:
                shutil.rmtree(copies, ignore_errors=True)

        return local


class _Counted:
    """Passes chunks on, counting and hashing them; LimitError above `allowed` bytes."""

    def __init__(self, chunks: Iterable[bytes], allowed: int) -> None:
        self._chunks = chunks
        self._allowed = allowed
        self.size = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._allowed:
                raise upload_too_large(self._allowed)
            self.digest.update(chunk)
            yield chunk


def _no_such_upload() -> NotFoundError:
    return NotFoundError("There is no such upload.", code="upload-not-found")


def check_member(upload: Upload) -> None:
    """InputError (`zip-members`) for a ZIP archive of several text files as long as none is chosen."""
    if upload.sniffed.lacks_member:
        members = [member.model_dump() for member in upload.sniffed.members]
        raise InputError(upload.sniffed.warnings[0], code="zip-members", details={"members": members})


def not_offered() -> NotFoundError:
    """The error where files cannot be sent straight to the store."""
    return NotFoundError(
        "Files cannot be sent straight to the object store here; send them to /uploads.",
        code="direct-upload-not-offered",
    )


def upload_too_large(allowed: int) -> LimitError:
    """The error for a file above the limit, in bytes."""
    return LimitError(
        f"The file is larger than {allowed:,} bytes; split it, or compress it with gzip.",
        code="upload-too-large",
        details={"limit": "max_upload_bytes", "allowed": allowed},
    )


def clean_filename(name: str) -> str:
    """The file name without folders and invisible characters; for display, never used as a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip()
    return visible[-MAX_FILENAME_CHARS:] or "upload"
