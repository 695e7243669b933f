"""Every key in the object store: uploads, jobs, models and training data, and which keys a store accepts."""

from __future__ import annotations

from reviewlens.errors import InputError

MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
RESERVED = ".store"
"""First segment of keys that only adapters use."""

RAW = "raw/"
"""Training reviews as received."""
BRONZE = "Bronze/"
"""Preprocessed, validated and flagged training reviews."""
SILVER = "Silver/"
"""The training and test sets."""
METADATA = "metadata/"
"""Counts and measures from the preparation of training data."""
CHAMPION = "models/champion.json"
"""Names the model version in use; changed by compare-and-swap."""


def model_bundle(version: str) -> str:
    """The bundle of one model version."""
    return f"models/{version}/model.tar.gz"


class UploadKeys:
    """Keys of one upload."""

    def __init__(self, user: str, upload: str) -> None:
        self.prefix = f"uploads/{user}/{upload}/"
        self.original = self.prefix + "original"
        self.info = self.prefix + "info.json"  # name, size, sha256, sniffed
        self.announced = self.prefix + "announced.json"  # name and size of a file that is sent straight to the store


class JobKeys:
    """Keys of one job. `work` holds checkpoints and is deleted on success."""

    def __init__(self, user: str, job: str) -> None:
        self.output_prefix = f"output/{user}/{job}/"
        self.processed_prefix = f"processed/{user}/{job}/"
        self.spec = self.output_prefix + "spec.json"
        self.processed_csv = self.processed_prefix + "processed.csv"
        self.served_csv = self.output_prefix + "served.csv"
        self.served_parquet = self.output_prefix + "served.parquet/"
        self.scores = self.output_prefix + "scores.arrow"  # scores by hash of the text, for the user's later jobs
        self.rejected_csv = self.output_prefix + "rejected.csv"
        self.summary = self.output_prefix + "inference_summary.json"
        self.error = self.output_prefix + "error.json"
        self.progress = self.output_prefix + "progress.json"
        self.cancel = self.output_prefix + "cancel"  # its presence cancels the job
        self.cancelled = self.output_prefix + "cancelled.json"  # the job has stopped after a cancellation
        self.work = self.output_prefix + "_work/"
        self.lease = self.work + "lease.json"
        self.newest_served_csv = f"output/{user}/served.csv"
        self.newest_processed_csv = f"processed/{user}/processed.csv"


def check_key(key: str) -> str:
    """The key itself. Errors: InputError (`invalid-key`) unless it is a plain relative path."""
    _check_characters(key)
    segments = key.split("/")
    _check_segments(segments)
    return key


def check_prefix(prefix: str, *, whole: bool = False) -> str:
    """A prefix to list: '' or the start of a key. `whole`: it must end with '/'. Errors: InputError (`invalid-key`)."""
    _check_characters(prefix)
    *folders, last = prefix.split("/")
    if whole and (not folders or last):
        raise _refused("it must end with '/'")
    if folders:
        _check_segments(folders)
    return prefix


def _check_characters(key: str) -> None:
    if "\0" in key or "\\" in key:
        raise _refused("it contains a NUL or a backslash")
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        raise _refused("it is not valid Unicode") from None
    if size > MAX_KEY_BYTES:
        raise _refused(f"it is longer than {MAX_KEY_BYTES} bytes")


def _check_segments(segments: list[str]) -> None:
    for segment in segments:
        if segment in ("", ".", ".."):
            raise _refused("it has an empty, '.' or '..' part")
        if len(segment.encode("utf-8")) > MAX_SEGMENT_BYTES:
            raise _refused(f"a part of it is longer than {MAX_SEGMENT_BYTES} bytes")
    if segments[0] == RESERVED:
        raise _refused(f"names that begin with '{RESERVED}/' are reserved for the store")


def _refused(why: str) -> InputError:
    return InputError(f"This name cannot be used in the store: {why}.", code="invalid-key")
