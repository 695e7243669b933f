"""Making jobs for tests: review files, specs in a local store, and what a finished job left there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reviewlens.contracts.job_spec import JobSpec, Limits
from reviewlens.contracts.keys import JobKeys, UploadKeys
from reviewlens.contracts.tables import DateFormat, Dialect, Mapping
from reviewlens.settings import Settings
from reviewlens.storage.local import LocalObjectStore

ROOT = Path(__file__).resolve().parents[2]
USER = "user-1"
HEADER = ["id", "Title", "Review", "Stars", "Date", "Item"]
MAPPING = Mapping(text=2, title=1, rating=3, date=4, product=5, date_format=DateFormat(kind="iso"))

_PARTS = (
    ("The battery", "The zip", "This lamp", "My second kettle", "The handle", "Their glue", "The screen"),
    ("lasts for days", "broke at once", "is wonderful", "leaks badly", "feels cheap", "works well", "was a mistake"),
    ("and I would buy it again", "so it went back", "which made us happy", "and nobody answers", "sadly", "as hoped"),
)


def review_rows(count: int, seed: int = 1) -> list[list[str]]:
    """Rows for HEADER, faults included: empty texts, repeated texts, newlines, quotes, unreadable dates and stars."""
    chance = random.Random(seed)
    rows: list[list[str]] = []
    for number in range(count):
        text = " ".join(chance.choice(part) for part in _PARTS) + f", day {chance.randrange(1_000_000)}."
        kind = chance.random()
        if kind < 0.03:
            text = chance.choice(["", "   ", "<br/>", "\u200b"])
        elif kind < 0.15 and rows:
            text = chance.choice(rows)[2]
        elif kind < 0.25:
            text = f'He said "{text}"\nand then, "no".\r\nReally — ünïcode 😀'
        title = chance.choice(["", "", "Great", "Never again", "So, so"])
        if not clean_enough(text):
            title = ""
        stars = chance.choice(["5", "4", "3", "1", "", "n/a"])
        date = chance.choice(["2023-05-01", "2024-11-30", "", "someday"])
        rows.append([str(number), title, text, stars, date, chance.choice(["Lamp", " Kettle ", ""])])
    return rows


def clean_enough(text: str) -> bool:
    return bool(text.replace("<br/>", "").replace("\u200b", "").strip())


def as_csv(rows: list[list[str]], header: list[str] | None = None) -> bytes:
    """Rows as a CSV file."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER if header is None else header)
    writer.writerows(rows)
    return out.getvalue().encode()


@dataclass(frozen=True)
class MadeJob:
    """A submitted job in its own data folder."""

    settings: Settings
    store: LocalObjectStore
    spec: JobSpec
    keys: JobKeys

    @property
    def uri(self) -> str:
        return self.store.uri(self.keys.spec)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "reviewlens.pipeline", "--spec", self.uri, *arguments]

    def environment(self, **changes: str) -> dict[str, str]:
        ours = {
            "REVIEWLENS_DATA_DIR": str(self.settings.data_dir),
            "REVIEWLENS_WORKERS": str(self.settings.workers),
            "REVIEWLENS_LEASE_SECONDS": str(self.settings.lease_seconds),
            "REVIEWLENS_DRIVER_MEMORY_MB": str(self.settings.driver_memory_mb),
        }
        return {**os.environ, **ours, **changes}

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[bytes]:
        """Run it as a process of its own."""
        log = self.settings.data_dir / "job.log"
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command(*arguments), env=self.environment(**changes), stdout=output, stderr=output, cwd=ROOT
            )

    def log(self) -> str:
        return (self.settings.data_dir / "job.log").read_text()

    def json(self, key: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.store.get(key))
        return loaded

    def left(self) -> list[str]:
        """Names of what lies in the job's output folder."""
        return [info.key.removeprefix(self.keys.output_prefix) for info in self.store.list(self.keys.output_prefix)]

    def csv(self, key: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.store.get(key).decode(), newline="")))

    def parquet(self) -> pa.Table:
        return pq.read_table(self.store.fetch_prefix(self.keys.served_parquet, self.settings.data_dir))


def make_job(
    folder: Path,
    content: bytes,
    *,
    job: str = "job-1",
    mapping: Mapping = MAPPING,
    dialect: Dialect | None = None,
    engine: str = "textblob",
    slice_rows: int = 100,
    batch_rows: int = 1000,
    workers: int = 2,
    **changes: object,
) -> MadeJob:
    """Upload `content` and submit it."""
    settings = Settings(
        data_dir=folder, workers=workers, lease_seconds=3, driver_memory_mb=512, slice_rows=slice_rows, _env_file=None
    )
    store = LocalObjectStore(settings.objects_dir)
    store.put(UploadKeys(USER, "upload-1").original, content)
    values: dict[str, object] = {
        "user": USER,
        "job": job,
        "upload": "upload-1",
        "filename": "reviews.csv",
        "input_sha256": hashlib.sha256(content).hexdigest(),
        "input_bytes": len(content),
        "dialect": dialect or Dialect(),
        "mapping": mapping,
        "engine": engine,
        "slice_rows": slice_rows,
        "batch_rows": batch_rows,
        "limits": Limits(**{name: getattr(settings, name) for name in Limits.model_fields}),
        "submitted_at": "2024-01-01T00:00:00Z",
    }
    spec = JobSpec.model_validate({**values, **changes})
    keys = JobKeys(spec.user, spec.job)
    store.put(keys.spec, spec.model_dump_json().encode())
    return MadeJob(settings, store, spec, keys)


FINISHED = [
    "inference_summary.json",
    "progress.json",
    "rejected.csv",
    "served.csv",
    "served.parquet/part-00000.parquet",
    "spec.json",
]


def assert_same(made: MadeJob, other: MadeJob) -> None:
    for key in (made.keys.served_csv, made.keys.rejected_csv, made.keys.processed_csv):
        assert made.store.get(key) == other.store.get(key), key
    assert made.parquet().equals(other.parquet())
    mine, theirs = made.json(made.keys.summary), other.json(other.keys.summary)
    del mine["timings"], theirs["timings"]
    assert mine == theirs
