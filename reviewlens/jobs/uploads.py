"""A user's uploaded files: streamed in, hashed, looked into, described in a small JSON beside the file."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from pydantic import BaseModel, Field

from reviewlens.errors import ConflictError, InputError, LimitError, NotFoundError
from reviewlens.jobs.ids import new_id, now
from reviewlens.pipeline.spec import UploadKeys
from reviewlens.reviews.records import ReadLimits
from reviewlens.reviews.tables import Sniffed
from reviewlens.settings import Settings
from reviewlens.storage.interface import ObjectStore

MAX_FILENAME_CHARS = 200


class Overrides(BaseModel):
    """What the person corrected, field by field; fields not named are detected."""

    dialect: dict[str, Any] = Field(default={}, description="Some fields of `Dialect`.")
    mapping: dict[str, Any] = Field(default={}, description="Some fields of `Mapping`.")

    def given(self) -> dict[str, Any] | None:
        """As `sniff` takes them; None when nothing was corrected."""
        parts = {"dialect": self.dialect, "mapping": self.mapping}
        return {name: part for name, part in parts.items() if part} or None


class Upload(BaseModel):
    """One uploaded file and what was detected in it."""

    upload_id: str
    filename: str
    size_bytes: int
    sha256: str
    created_at: str
    overrides: Overrides = Overrides()
    sniffed: Sniffed


class Sniff(Protocol):
    """`reviewlens.reviews.sniff.sniff`."""

    def __call__(
        self,
        open_source: Callable[[], Any],
        filename: str,
        size_bytes: int,
        limits: ReadLimits,
        overrides: dict[str, Any] | None = None,
    ) -> Sniffed:
        """What the file holds."""
        ...


def read_limits(settings: Settings) -> ReadLimits:
    """The reading limits among the settings."""
    return ReadLimits(**{name: getattr(settings, name) for name in ReadLimits.__dataclass_fields__})


class UploadService:
    """Receives, describes and deletes uploads. An upload without its description (a broken one) does not exist."""

    def __init__(self, store: ObjectStore, settings: Settings, sniff: Sniff) -> None:
        self._store = store
        self._settings = settings
        self._sniff = sniff

    def receive(self, user: str, filename: str, chunks: Iterable[bytes]) -> Upload:
        """Store a file at constant memory and look into it; on any error nothing of it stays.

        Raises LimitError (`upload-too-large`), InputError for what cannot be read, and whatever `chunks` raises.
        """
        upload_id, name = new_id(), clean_filename(filename)
        keys = UploadKeys(user, upload_id)
        counted = _Counted(chunks, self._settings.max_upload_bytes)
        try:
            self._store.put(keys.original, counted)
            if not counted.size:
                raise InputError("The file is empty; choose another one.", code="empty-file")
            upload = Upload(
                upload_id=upload_id,
                filename=name,
                size_bytes=counted.size,
                sha256=counted.digest.hexdigest(),
                created_at=now(),
                sniffed=self._look(keys, name, counted.size, Overrides()),
            )
            self._store.put(keys.info, upload.model_dump_json().encode())
        except BaseException:
            self._store.delete_prefix(keys.prefix)
            raise
        return upload

    def get(self, user: str, upload_id: str) -> Upload:
        """One upload of this user; NotFoundError (`upload-not-found`)."""
        try:
            return Upload.model_validate_json(self._store.get(UploadKeys(user, upload_id).info))
        except (NotFoundError, InputError) as error:
            raise NotFoundError("There is no such upload.", code="upload-not-found") from error

    def ids(self, user: str) -> list[str]:
        """This user's uploads, oldest first."""
        found = (info.key.split("/") for info in self._store.list(f"uploads/{user}/"))
        return sorted(parts[2] for parts in found if parts[3:] == ["info.json"])

    def with_overrides(self, user: str, upload_id: str, overrides: Overrides) -> Upload:
        """The upload as it looks with these corrections; nothing is kept."""
        upload = self.get(user, upload_id)
        if overrides == upload.overrides:
            return upload
        keys = UploadKeys(user, upload_id)
        sniffed = self._look(keys, upload.filename, upload.size_bytes, overrides)
        return upload.model_copy(update={"overrides": overrides, "sniffed": sniffed})

    def correct(self, user: str, upload_id: str, overrides: Overrides) -> Upload:
        """The same, kept; these corrections replace earlier ones."""
        keys = UploadKeys(user, upload_id)
        seen = self._store.head(keys.info)
        upload = self.with_overrides(user, upload_id, overrides)
        try:
            self._store.put(keys.info, upload.model_dump_json().encode(), if_match=seen.etag if seen else None)
        except ConflictError:  # deleted, or corrected by somebody else, while we looked: see how it stands now
            return self.correct(user, upload_id, overrides)
        return upload

    def delete(self, user: str, upload_id: str) -> None:
        """Delete file and description; absent is fine."""
        self._store.delete_prefix(UploadKeys(user, upload_id).prefix)

    def sweep(self) -> int:
        """Delete what uploads that broke off left behind, and say how many; only while none comes in."""
        seen = {info.key for info in self._store.list("uploads/")}
        broken = [
            key for key in seen if key.endswith("/original") and key[: -len("original")] + "info.json" not in seen
        ]
        for key in broken:
            self._store.delete(key)
        return len(broken)

    def _look(self, keys: UploadKeys, filename: str, size: int, overrides: Overrides) -> Sniffed:
        limits = read_limits(self._settings)
        return self._sniff(lambda: self._store.open(keys.original), filename, size, limits, overrides.given())


class _Counted:
    """Passes chunks on, counting and hashing them; LimitError as soon as there are too many bytes."""

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


def upload_too_large(allowed: int) -> LimitError:
    """What is raised for a file over the limit."""
    return LimitError(
        f"The file is larger than {allowed:,} bytes; split it, or compress it with gzip.",
        code="upload-too-large",
        details={"limit": "max_upload_bytes", "allowed": allowed},
    )


def clean_filename(name: str) -> str:
    """The name alone, without folders and invisible characters; only ever shown, never used as a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C").strip()
    return visible[-MAX_FILENAME_CHARS:] or "upload"
