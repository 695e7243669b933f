"""The state of a running job: keys of its checkpoints, the plan of its slices, and the context its stages share."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from reviewlens.contracts.job_spec import SPEC_VERSION, JobSpec
from reviewlens.contracts.keys import JobKeys, UploadKeys
from reviewlens.errors import ConfigurationError, InputError, NotFoundError
from reviewlens.pipeline.control import Control
from reviewlens.pipeline.progress import ProgressWriter
from reviewlens.storage.factory import store_for_uri
from reviewlens.storage.interface import ObjectStore


@dataclass(frozen=True)
class Slice:
    """Consecutive rows, the unit of commit: `records` rows were read, `rejected` could not be."""

    number: int
    first_row: int
    records: int
    rejected: int
    chars: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.records + self.rejected

    @property
    def last_row(self) -> int:
        """The number of its last row."""
        return self.first_row + self.rows - 1


@dataclass(frozen=True)
class Plan:
    """The result of reading: slices in file order, headers, the byte ledger and the reader's warnings."""

    slices: tuple[Slice, ...]
    headers: tuple[str, ...]
    ledger: dict[str, int]
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows in the file."""
        return sum(part.rows for part in self.slices)

    def to_json(self) -> bytes:
        """The plan as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Plan:
        """The plan that `to_json` wrote."""
        values = json.loads(data)
        slices = tuple(Slice(**part) for part in values["slices"])
        return cls(slices, tuple(values["headers"]), values["ledger"], tuple(values["warnings"]))


class WorkKeys:
    """Keys of a job's checkpoints, by stage and slice."""

    def __init__(self, keys: JobKeys) -> None:
        self.prefix = keys.work
        self.plan = keys.work + "plan.json"
        self.clean = keys.work + "clean/"
        self.duplicates = keys.work + "duplicates.parquet"
        self.engine = keys.work + "engine.json"
        self.identity = keys.work + "identity.json"
        self.scores = keys.work + "scores/"
        self.reused = keys.work + "reused.json"
        self.parts = keys.work + "parts/"
        self.timings = keys.work + "timings.json"
        self.read = keys.work + "read/"

    def raw(self, number: int) -> str:
        """Key of a slice's records as read."""
        return f"{self.prefix}raw/{number:05d}.parquet"

    def raw_rejected(self, number: int) -> str:
        """Key of a slice's rows that could not be read."""
        return f"{self.prefix}raw-rejected/{number:05d}.parquet"

    def read_mark(self, number: int) -> str:
        """Key of the mark that a slice is read, with the position after it."""
        return f"{self.read}{number:05d}.json"

    def cleaned(self, number: int) -> str:
        """Key of a slice's cleaned rows."""
        return f"{self.clean}{number:05d}.parquet"

    def scored(self, number: int) -> str:
        """Key of a slice's scores, with a flag for those from earlier jobs."""
        return f"{self.scores}{number:05d}.parquet"

    def part(self, number: int, name: str) -> str:
        """Key of a part of the outputs: served.csv, served.parquet, processed.csv, rejected.csv or tally.json."""
        return f"{self.parts}{number:05d}/{name}"


@dataclass(frozen=True)
class JobContext:
    """The context of every stage: spec, keys, store, progress and control."""

    spec: JobSpec
    keys: JobKeys
    work: WorkKeys
    store: ObjectStore
    scratch: Path
    workers: int
    control: Control
    progress: ProgressWriter
    cluster: bool = False
    """Whether Spark's workers are on other machines, which can read the store but not this machine's disk."""

    def put_table(self, key: str, table: pa.Table) -> None:
        """Commit a table as Parquet. Errors: LeaseLost."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", compression_level=1)
        self.put(key, buffer.getvalue())

    def put(self, key: str, data: bytes) -> None:
        """Commit an object. Errors: LeaseLost."""
        self.control.check_lease()
        self.store.put(key, data)

    def read_table(self, key: str) -> pa.Table:
        """Read a checkpoint."""
        with self.store.open(key) as file:
            return pq.ParquetFile(file).read()

    def read_columns(self, key: str, columns: list[str]) -> pa.Table:
        """Read some columns of a checkpoint."""
        with self.store.open(key) as file:
            return pq.ParquetFile(file).read(columns=columns)

    def plan(self) -> Plan:
        """The plan. Errors: NotFoundError until the file is read."""
        return Plan.from_json(self.store.get(self.work.plan))

    def numbers(self, prefix: str) -> set[int]:
        """Numbers of the slices that have an object directly under `prefix`."""
        matches = (re.match(r"(\d+)\.", info.key[len(prefix) :]) for info in self.store.list(prefix))
        return {int(match[1]) for match in matches if match}


def open_spec(uri: str) -> tuple[ObjectStore, JobSpec]:
    """The store and the spec at `.../output/{user}/{job}/spec.json`. Errors: ConfigurationError (`bad-spec`)."""
    matched = re.fullmatch(r"(.+?)/+(output/[^/]+/[^/]+/spec\.json)", uri)
    if matched is None:
        raise ConfigurationError("A spec's address ends in output/USER/JOB/spec.json.", code="bad-spec")
    key = unquote(matched[2]) if uri.startswith("file:") else matched[2]
    store = store_for_uri(matched[1])
    try:
        spec = JobSpec.model_validate_json(store.get(key))
    except (NotFoundError, InputError) as error:
        raise ConfigurationError("No spec exists at this address.", code="bad-spec") from error
    except ValidationError as error:
        raise ConfigurationError(
            f"The job's spec is invalid ({error.error_count()} errors); submit the job again.", code="bad-spec"
        ) from error
    # A copied spec would overwrite the outputs of the job that it names.
    if spec.spec_version != SPEC_VERSION or JobKeys(spec.user, spec.job).spec != key:
        raise ConfigurationError(
            "The job's spec has another version or address; submit the job again.", code="bad-spec"
        )
    return store, spec


def fetch_input(store: ObjectStore, spec: JobSpec, into: Path) -> Path:
    """The upload as a local file. Errors: InputError (`input-missing`)."""
    try:
        return store.fetch(UploadKeys(spec.user, spec.upload).original, into)
    except NotFoundError as error:
        raise InputError("The uploaded file no longer exists; upload it again.", code="input-missing") from error
