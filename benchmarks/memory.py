"""Peak memory of a whole job: makes a large file, runs the job on it, and watches every process of it.

    python benchmarks/memory.py --rows 1000000

Prints the peak of the proportional set size (shared pages counted once) and of the resident set size, over the job's
process and all its children, and how long each stage took.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from reviewlens.contracts.job_spec import JobSpec, Limits
from reviewlens.contracts.keys import JobKeys, UploadKeys
from reviewlens.contracts.tables import DateFormat, Dialect, Mapping
from reviewlens.settings import Settings
from reviewlens.storage.local import LocalObjectStore

_WORDS = """
the battery zip lamp kettle handle glue screen lasts breaks leaks shines works fails arrived late early cheap solid
happy sorry great awful fine useless gift kitchen garden travel again never always twice after before with without
love hate would could buy return recommend price quality colour smell noise weight size box manual support
""".split()  # noqa: SIM905 - easier to read


def write_reviews(path: Path, rows: int, chars: int) -> None:
    """A CSV file of `rows` reviews of about `chars` characters; one in ten is a duplicate of an earlier one."""
    rng = random.Random(7)
    recent: list[tuple[str, str]] = []
    with path.open("w", encoding="utf-8") as file:
        file.write("id,title,review,stars,date,product\n")
        for number in range(rows):
            if recent and rng.random() < 0.1:
                title, text = rng.choice(recent)
            else:
                title = f"So, {rng.choice(_WORDS)}"
                text = " ".join(rng.choices(_WORDS, k=chars // 6)) + f" {number}."
                recent = [*recent[-999:], (title, text)]
            date = f"20{rng.randrange(10, 25)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
            product = rng.randrange(500)
            file.write(f'{number},"{title}","{text}",{rng.randrange(1, 6)},{date},P{product}\n')


def submit(settings: Settings, upload: Path, engine: str) -> tuple[LocalObjectStore, JobKeys]:
    """Store the file and the job's specification."""
    store = LocalObjectStore(settings.objects_dir)
    digest = hashlib.sha256(upload.read_bytes()).hexdigest()
    size = upload.stat().st_size
    store.put_file(upload, UploadKeys("bench", "upload").original)
    spec = JobSpec(
        user="bench",
        job="memory",
        upload="upload",
        filename="reviews.csv",
        input_sha256=digest,
        input_bytes=size,
        dialect=Dialect(),
        mapping=Mapping(text=2, title=1, rating=3, date=4, product=5, date_format=DateFormat(kind="iso")),
        engine=engine,
        slice_rows=settings.slice_rows,
        limits=Limits(**{name: getattr(settings, name) for name in Limits.model_fields}),
        submitted_at=datetime.now(UTC).isoformat(),
    )
    keys = JobKeys(spec.user, spec.job)
    store.put(keys.spec, spec.model_dump_json().encode())
    return store, keys


def memory(process: psutil.Process) -> tuple[int, int, dict[str, int]]:
    """PSS and RSS of a process tree in bytes, and PSS by program."""
    total_pss = total_rss = 0
    by_name: dict[str, int] = {}
    for member in [process, *process.children(recursive=True)]:
        try:
            info = member.memory_full_info()
            name = member.name()
        except psutil.Error:
            continue
        pss = getattr(info, "pss", info.rss)
        total_pss += pss
        total_rss += info.rss
        by_name[name] = by_name.get(name, 0) + pss
    return total_pss, total_rss, by_name


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--chars", type=int, default=450, help="characters in a review; 450 makes about 500 MB per million reviews"
    )
    parser.add_argument("--engine", default="textblob")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="working folder; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        upload = folder / "reviews.csv"
        write_reviews(upload, options.rows, options.chars)
        print(f"{options.rows:,} rows, {upload.stat().st_size / 1e6:,.0f} MB", flush=True)
        settings = Settings(data_dir=folder / "data", workers=options.workers)
        store, keys = submit(settings, upload, options.engine)
        environment = {
            **os.environ,
            "REVIEWLENS_DATA_DIR": str(settings.data_dir),
            "REVIEWLENS_WORKERS": str(options.workers),
        }
        command = [sys.executable, "-m", "reviewlens.pipeline", "--spec", store.uri(keys.spec)]
        job = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        peak_pss = peak_rss = 0
        at_peak: dict[str, int] = {}
        peaks: dict[str, int] = {}
        while job.poll() is None:
            try:
                pss, rss, by_name = memory(psutil.Process(job.pid))
            except psutil.Error:
                break
            stage = json.loads(store.get(keys.progress))["stage"] if store.head(keys.progress) else "start"
            peaks[stage] = max(peaks.get(stage, 0), pss)
            if pss > peak_pss:
                peak_pss, at_peak = pss, by_name
            peak_rss = max(peak_rss, rss)
            time.sleep(0.25)
        print(f"exit code {job.wait()}")
        print(f"peak PSS {peak_pss / 2**20:,.0f} MiB, peak RSS {peak_rss / 2**20:,.0f} MiB")
        print("at the peak: " + ", ".join(f"{name} {size / 2**20:,.0f}" for name, size in at_peak.items()))
        print("by stage: " + ", ".join(f"{stage} {size / 2**20:,.0f}" for stage, size in peaks.items()))
        summary = json.loads(store.get(keys.summary))
        print(json.dumps({name: summary[name] for name in ("rows_read", "rows_scored", "rows_duplicate")}))
        print(json.dumps(summary["timings"]))


if __name__ == "__main__":
    main()
