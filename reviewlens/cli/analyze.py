"""`./run analyze FILE`: one job without a server, on a platform of its own in the results folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reviewlens.cli.choices import as_overrides
from reviewlens.cli.operator import LOCAL_USER
from reviewlens.cli.progress import job_progress
from reviewlens.cli.signals import StopRequested, stop_on_signals
from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.languages import language_name
from reviewlens.contracts.roles import Role
from reviewlens.contracts.summary import Summary
from reviewlens.contracts.tables import ColumnInfo, Mapping, Sniffed, delimiter_name
from reviewlens.errors import ConfigurationError, InputError, TransientError
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.models import Filters
from reviewlens.insights.plain import accounting
from reviewlens.insights.report import render_report
from reviewlens.jobs.interface import JobState
from reviewlens.jobs.views import JobView
from reviewlens.platform import Platform
from reviewlens.settings import Settings
from reviewlens.uploads.service import Overrides, Upload, check_member
from reviewlens.worker import Worker

_FINAL = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
_OURS = {"disk-full", "out-of-memory", "worker-lost", "spark-lost", "internal-error", "interrupted-too-often"}
_CHUNK = 1 << 20


def run_analyze(
    console: Console,
    file: Path,
    out: Path | None,
    choices: dict[str, Any],
    engine: str | None,
) -> int:
    """Analyse a file with the user's choices, which are those of `choices.as_overrides`.

    Returns the exit code: 0 done, 2 the file is at fault, 4 interrupted (the same command resumes), 1 an error in
    ReviewLens.
    """
    if not file.is_file():
        raise InputError(f"There is no file {file}.")
    target = out or Path("out") / file.stem
    work = target / ".work"
    target.mkdir(parents=True, exist_ok=True)
    platform = Platform.from_settings(Settings().model_copy(update={"data_dir": work.resolve()}))
    worker = Worker(platform)
    keep = False  # whether the same command can resume from what was done so far
    try:
        with stop_on_signals():
            user = _owner(platform)
            with console.status(f"Reading {escape(file.name)} …"):
                upload = _upload(platform, user, file, work)
                upload = _corrected(platform, user, upload, choices)
            _show_mapping(console, upload)
            job, _ = platform.jobs.submit(user, upload.upload_id, engine=engine or "")
            job = _run(console, platform, worker, user, job.job_id)
        if job.state is not JobState.SUCCEEDED or job.summary is None:
            keep = job.error_code in _OURS
            again = " Run the same command again to resume." if keep else ""
            console.print(f"[bold red]The job failed:[/] {escape(job.error or '')}{again}", soft_wrap=True)
            return 1 if keep else 2
        keep = True  # if the disk is full, the scores must not be lost with the copy
        try:
            _collect(platform, user, job.job_id, target)
        except OSError as error:
            raise TransientError(
                f"The results could not be written ({error.strerror}). Fix that and run the same command again."
            ) from error
        keep = False
        _show_results(console, job.summary, target)
    except StopRequested:
        keep = True
        worker.dispatcher.stop()
        console.print(
            f"Interrupted. Run the same command again to resume (kept in {work}).", soft_wrap=True, markup=False
        )
        return 4
    finally:
        worker.close()
        platform.close()
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    return 0


def _owner(platform: Platform) -> str:
    if platform.local_users is None:
        raise ConfigurationError("./run analyze needs identity=local.")
    return platform.local_users.ensure_user(LOCAL_USER).subject


def _upload(platform: Platform, user: str, file: Path, work: Path) -> Upload:
    """The file as an upload; the upload of an interrupted earlier command if the file has not changed."""
    digest = hashlib.sha256()
    for chunk in _chunks(file):
        digest.update(chunk)
    note = work / "upload.json"
    if note.exists():
        known = json.loads(note.read_text())
        if known["sha256"] == digest.hexdigest():
            return platform.uploads.get(user, known["upload_id"])
    upload = platform.uploads.receive(user, file.name, _chunks(file))
    note.write_text(json.dumps({"sha256": upload.sha256, "upload_id": upload.upload_id}))
    return upload


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _corrected(platform: Platform, user: str, upload: Upload, choices: dict[str, Any]) -> Upload:
    def look(overrides: Overrides) -> Sniffed:
        corrected = platform.uploads.with_overrides(user, upload.upload_id, overrides)
        check_member(corrected)
        return corrected.sniffed

    overrides = as_overrides(choices, look)
    if overrides != upload.overrides:
        upload = platform.uploads.correct(user, upload.upload_id, overrides)
    check_member(upload)
    return upload


def _show_mapping(console: Console, upload: Upload) -> None:
    sniffed = upload.sniffed
    dialect = sniffed.dialect
    properties = [*([dialect.member] if len(sniffed.members) > 1 else []), dialect.format.value]
    if dialect.format == "csv":
        properties += [
            dialect.encoding,
            f"separated by {delimiter_name(dialect.delimiter)}",
            "with a header" if dialect.header else "without a header",
        ]
    if dialect.sheet is not None:
        properties += [
            f"sheet {name}" for name in ([dialect.sheet] if isinstance(dialect.sheet, str) else dialect.sheet)
        ]
    if dialect.header_row is not None and dialect.header_row > 1:
        properties.append(f"column names in row {dialect.header_row}")
    console.print(f"{upload.filename}: {', '.join(properties)}", markup=False, soft_wrap=True)
    if sniffed.mapping is not None:
        console.print(f"Columns: {_mapping_words(sniffed.mapping, sniffed.columns)}", markup=False, soft_wrap=True)
    for warning in sniffed.warnings:
        console.print(f"[yellow]Note:[/] {escape(warning)}", soft_wrap=True)


def _mapping_words(mapping: Mapping, columns: list[ColumnInfo]) -> str:
    names = {role: [columns[index].served_name] for role, index in mapping.columns().items()}
    names[Role.TEXT] = [columns[index].served_name for index in mapping.texts]
    parts = [f"{role} = {' + '.join(named)}" for role, named in names.items()]
    if mapping.segments:
        parts.append(f"segments = {' + '.join(columns[index].served_name for index in mapping.segments)}")
    described = ", ".join(parts)
    if not mapping.further_texts:
        return described
    return f"{described} ({'each text is a review' if mapping.asks_several else 'texts are joined'})"


def _run(console: Console, platform: Platform, worker: Worker, user: str, job_id: str) -> JobView:
    with job_progress(console) as show:
        while True:
            worker.dispatcher.tick()
            job = platform.jobs.get(user, job_id)
            if job.state in _FINAL:
                return job
            show(job.progress)
            time.sleep(0.2)


def _collect(platform: Platform, user: str, job_id: str, target: Path) -> None:
    """Copy the results into the target folder, replacing files of the same names."""
    keys = JobKeys(user, job_id)
    for key in (keys.served_csv, keys.rejected_csv, keys.processed_csv, keys.summary):
        name = key.rsplit("/", 1)[-1]
        shutil.copyfile(platform.store.fetch(key, platform.cache_dir), target / name)
    parquet = target / "served.parquet"
    shutil.rmtree(parquet, ignore_errors=True)
    shutil.copytree(platform.store.fetch_prefix(keys.served_parquet, platform.cache_dir), parquet)
    results = platform.results(user, job_id)
    (target / "report.html").write_text(render_report(build_dashboard(results, Filters())), encoding="utf-8")


def _show_results(console: Console, summary: Summary, target: Path) -> None:
    rows = summary.accounting
    console.print(f"\n{accounting(rows)}", soft_wrap=True)
    if len(summary.languages) > 1 or rows.not_judged:
        languages = (f"{language_name(code)} {count:,}" for code, count in summary.languages.items())
        console.print(f"Languages: {', '.join(languages)}", soft_wrap=True)

    def share(count: int) -> str:
        return f"{count / rows.served:.1%}" if rows.served else "–"

    table = Table("sentiment", "texts" if summary.mapping.asks_several else "rows", "share", box=None)
    counts = [*summary.distribution, ("needs review", summary.needs_review)]
    if summary.model.mixed_band:
        counts.append(("mixed", summary.mixed))
    for name, count in counts:
        table.add_row(name, f"{count:,}", share(count))
    console.print(table)
    for reason, count in summary.rejected_reasons.items():
        console.print(f"Rejected: {count:,} × {reason}", soft_wrap=True)
    for warning in summary.warnings:
        console.print(f"[yellow]Note:[/] {escape(warning)}", soft_wrap=True)
    console.print(
        f"\nResults: {target}/ (served.csv, served.parquet/, rejected.csv, processed.csv, report.html)",
        soft_wrap=True,
        markup=False,
    )
