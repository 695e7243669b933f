"""What a user can do with jobs: submit, read, cancel, retry, delete."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from reviewlens.contracts.job_spec import JobSpec, Limits, scratch_dir
from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.roles import check_columns, check_segments
from reviewlens.contracts.summary import Summary
from reviewlens.contracts.tables import Mapping
from reviewlens.errors import ConflictError, InputError, LimitError, NotFoundError, ReviewLensError
from reviewlens.ids import new_id, now, seconds_since
from reviewlens.jobs.interface import BEING_DELETED, UNFINISHED, UNLIMITED, Job, JobState, JobTable
from reviewlens.jobs.outcome import read_document
from reviewlens.jobs.reuse import reusable_jobs
from reviewlens.jobs.rules import check_finished, check_kept
from reviewlens.jobs.views import JobPage, JobView, OwnedJob, OwnedJobs, view_of
from reviewlens.model.loading import check_engine, languages_read, model_address, pinned_model
from reviewlens.settings import Settings
from reviewlens.storage.interface import ObjectStore
from reviewlens.uploads.service import Overrides, Upload, UploadService, check_member

_log = logging.getLogger(__name__)
_JOB_LIMITS = {
    "max_jobs_per_user": ("too-many-jobs", "delete some that you no longer need"),
    "max_queued_jobs_per_user": ("too-many-unfinished-jobs", "wait until one has finished"),
}
_RETRIABLE = frozenset({JobState.FAILED, JobState.CANCELLED})
_PAGE = 100
DELETION_SECONDS = 120.0
"""A deletion that began this long ago counts as broken off."""


class JobService:
    """One per process; several processes may share a table and a store. `changed` is set whenever a job may be due.

    The table's conditional writes decide what happens once. `lock_of(user)`, held by everything that changes a user's
    jobs, here and in the dispatcher, only avoids such conflicts within a process. Between processes, two things are not
    exact: jobs that are retried at the same moment may together exceed `max_queued_jobs_per_user`, and a job whose
    upload is deleted at the moment of its submission fails because its file is missing.
    """

    def __init__(
        self,
        table: JobTable,
        store: ObjectStore,
        uploads: UploadService,
        settings: Settings,
        *,
        cache_dir: Path,
    ) -> None:
        self.table = table
        self.store = store
        self.settings = settings
        self.changed = threading.Event()
        self._locks = [threading.RLock() for _ in range(64)]
        self._uploads = uploads
        self._cache_dir = cache_dir
        self._summaries: dict[tuple[str, str], Summary] = {}

    def lock_of(self, user: str) -> threading.RLock:
        """The lock of this user's jobs in this process (some users share one)."""
        return self._locks[hash(user) % len(self._locks)]

    # -- submit -------------------------------------------------------------------------------------------------------

    def submit(
        self, user: str, upload_id: str, overrides: Overrides | None = None, engine: str = ""
    ) -> tuple[JobView, bool]:
        """Queue a job for an upload, and return it with True; with False, an existing job with the same fingerprint.

        `overrides` None: the corrections saved with the upload. An existing job that failed or was cancelled is queued
        again. Raises InputError (`mapping-needed`, `unknown-engine`, ...), LimitError, NotFoundError.
        """
        engine = check_engine(engine or self.settings.engine, self.settings.model)
        sha256 = pinned_model(engine, self.settings.model)
        # Detection with other overrides may take seconds, in which the user's other requests must not wait.
        revised = None if overrides is None else self._uploads.with_overrides(user, upload_id, overrides)
        with self.lock_of(user):
            upload = revised or self._uploads.get(user, upload_id)
            mapping = _checked_mapping(upload)
            fingerprint = _fingerprint(upload, mapping, engine, sha256)
            existing = self.table.find(user, fingerprint)
            if existing is not None:
                return self._submitted_before(existing), False
            if revised is not None:
                self._uploads.check_present(user, upload_id)  # it may have been deleted before we had the lock
            spec = self._spec(user, upload, mapping, engine, sha256)
            self.store.put(JobKeys(user, spec.job).spec, spec.model_dump_json().encode())
            job, created = self._create(
                Job(
                    id=spec.job,
                    user=user,
                    upload=upload_id,
                    filename=upload.filename,
                    fingerprint=fingerprint,
                    state=JobState.QUEUED,
                    engine=engine,
                    created_at=spec.submitted_at,
                    updated_at=spec.submitted_at,
                )
            )
            if not created:
                return self._submitted_before(job), False
        self.changed.set()
        return view_of(job, queue_position=self._position(job)), True

    def _spec(self, user: str, upload: Upload, mapping: Mapping, engine: str, sha256: str) -> JobSpec:
        cached = self.settings.score_cache_jobs
        return JobSpec(
            user=user,
            job=new_id(),
            upload=upload.upload_id,
            filename=upload.filename,
            input_sha256=upload.sha256,
            input_bytes=upload.size_bytes,
            dialect=upload.sniffed.dialect,
            mapping=mapping,
            engine=engine,
            model=model_address(engine, self.settings.model),
            model_sha256=sha256,
            languages=languages_read(engine, self.settings.model),
            slice_rows=self.settings.slice_rows,
            reuse_scores_of=tuple(reusable_jobs(self.store, self._newest(user), engine, sha256, cached)),
            keep_scores=cached > 0,
            limits=Limits(**{name: getattr(self.settings, name) for name in Limits.model_fields}),
            submitted_at=now(),
        )

    def _create(self, job: Job) -> tuple[Job, bool]:
        """Insert the job, or delete its spec again if there is one like it or the user may have no more."""
        try:
            inserted, created = self.table.create(
                job,
                most_jobs=self.settings.max_jobs_per_user,
                most_unfinished=self.settings.max_queued_jobs_per_user,
            )
        except LimitError:
            self.store.delete(JobKeys(job.user, job.id).spec)
            self._check_limits(job.user)  # raises a more detailed error
            raise
        if not created:
            self.store.delete(JobKeys(job.user, job.id).spec)
        return inserted, created

    def _submitted_before(self, job: Job) -> JobView:
        check_kept(job)
        if job.state in _RETRIABLE:
            try:
                return self.retry(job.user, job.id)
            except ConflictError:
                job = self.table.get(job.user, job.id)
                if job.state in _RETRIABLE:
                    raise  # else another request has just queued it again
        return self._view(job)

    def _newest(self, user: str) -> Iterator[Job]:
        """The user's jobs, newest first, read page by page."""
        before = ""
        while True:
            page = self.table.list(user, limit=_PAGE, before=before)
            yield from page
            if len(page) < _PAGE:
                return
            before = page[-1].id

    def _all(self, user: str) -> list[Job]:
        return self.table.list(user, limit=UNLIMITED)

    def _check_limits(self, user: str, names: Iterable[str] = _JOB_LIMITS) -> None:
        counts = self.table.counts(user)
        for name in names:
            actual = counts.jobs if name == "max_jobs_per_user" else counts.unfinished
            allowed = getattr(self.settings, name)
            code, advice = _JOB_LIMITS[name]
            if actual >= allowed:
                raise LimitError(
                    f"You have {actual} of at most {allowed} jobs of this kind; {advice}.",
                    code=code,
                    details={"limit": name, "allowed": allowed, "actual": actual},
                )

    # -- read ---------------------------------------------------------------------------------------------------------

    def get(self, user: str, job_id: str) -> JobView:
        """One job, with its progress while it is unfinished and its summary when it has succeeded."""
        return self._view(self.table.get(user, job_id))

    def _view(self, job: Job) -> JobView:
        return view_of(
            job,
            progress=read_document(self.store, JobKeys(job.user, job.id).progress, Progress)
            if job.state in UNFINISHED
            else None,
            summary=self.summary(job),
            queue_position=self._position(job),
        )

    def page(self, user: str, *, limit: int = 50, cursor: str = "") -> JobPage:
        """A page of the user's jobs, newest first, without progress and summaries."""
        rows = self.table.list(user, limit=limit + 1, before=cursor)
        page = rows[:limit]
        views = [view_of(job, summary=self.summary(job), with_summary=False) for job in page]
        return JobPage(jobs=views, next_cursor=page[-1].id if len(rows) > limit else None)

    def page_of_all(self, *, limit: int = 50, cursor: str = "") -> OwnedJobs:
        """A page of all users' jobs, newest first, without progress and summaries; for administrators."""
        rows = self.table.list_all(limit=limit + 1, before=cursor)
        page = rows[:limit]
        owned = [
            OwnedJob(user=job.user, job=view_of(job, summary=self.summary(job), with_summary=False)) for job in page
        ]
        return OwnedJobs(jobs=owned, next_cursor=page[-1].id if len(rows) > limit else None)

    def check_succeeded(self, user: str, job_id: str) -> None:
        """ConflictError (`job-not-succeeded`, `being-deleted`) unless this user's job has results."""
        job = self.table.get(user, job_id)
        check_kept(job)
        if job.state is not JobState.SUCCEEDED:
            raise ConflictError(
                f"This job has no results: it is {job.state}.",
                code="job-not-succeeded",
                details={"state": str(job.state)},
            )

    def summary(self, job: Job) -> Summary | None:
        """The summary of a job that succeeded, cached because it never changes; None otherwise."""
        if job.state is not JobState.SUCCEEDED:
            return None
        if (job.user, job.id) not in self._summaries:
            summary = read_document(self.store, JobKeys(job.user, job.id).summary, Summary)
            if summary is None:
                return None
            if len(self._summaries) >= 1000:
                self._summaries.clear()
            self._summaries[job.user, job.id] = summary
        return self._summaries[job.user, job.id]

    def _position(self, job: Job) -> int | None:
        return self.table.ahead(job) + 1 if job.state is JobState.QUEUED else None

    # -- change -------------------------------------------------------------------------------------------------------

    def cancel(self, user: str, job_id: str) -> JobView:
        """Cancel a job: at once if it waits, else by stopping its task. ConflictError when the job is finished."""
        with self.lock_of(user):
            while True:
                job = self.table.get(user, job_id)
                try:
                    self._cancel(job)
                    break
                except ConflictError:
                    if self.table.get(user, job_id).version == job.version:
                        raise  # the state forbids it; else the row has changed: try again
        self.changed.set()
        return self.get(user, job_id)

    def _cancel(self, job: Job) -> None:
        keys = JobKeys(job.user, job.id)
        if job.state is JobState.RUNNING:
            self.store.put(keys.cancel, b"")
            self.table.move(job.user, job.id, JobState.CANCELLING, if_version=job.version)
        elif job.state is not JobState.CANCELLING:
            if job.state is JobState.INTERRUPTED:
                self.store.put(keys.cancel, b"")  # in case its task still runs
            self.table.move(job.user, job.id, JobState.CANCELLED, if_version=job.version, finished_at=now())

    def retry(self, user: str, job_id: str) -> JobView:
        """Queue a failed or cancelled job again, with the same spec; LimitError with too many unfinished jobs."""
        with self.lock_of(user):
            job = self.table.get(user, job_id)
            check_kept(job)
            if job.state not in _RETRIABLE:
                raise ConflictError(
                    f"Only a failed or cancelled job can be retried; this one is {job.state}.",
                    code="job-state",
                    details={"state": str(job.state)},
                )
            self._check_limits(user, ["max_queued_jobs_per_user"])
            # Of several concurrent retries one continues: the others must not remove a later cancellation.
            job = self.table.update(user, job_id, if_version=job.version, handle="")
            keys = JobKeys(user, job_id)
            for key in (keys.cancel, keys.cancelled, keys.error, keys.progress):
                self.store.delete(key)
            self.table.move(
                user,
                job_id,
                JobState.QUEUED,
                if_version=job.version,
                started_at="",
                finished_at="",
                error="",
                error_code="",
                attempts=0,
                seconds=0.0,
            )
        self.changed.set()
        return self.get(user, job_id)

    def delete(self, user: str, job_id: str) -> None:
        """Delete a finished job with its outputs, copies and caches, and its upload unless another job uses it.

        The job is marked first, so that it is not queued again meanwhile. A deletion that broke off can be repeated;
        `finish_deletions` does that.
        """
        with self.lock_of(user):
            job = self._marked(user, job_id)
            keys = JobKeys(user, job_id)
            others = [other for other in self._all(user) if other.id != job_id]
            self._renew_copies(job, others)
            self.store.delete_prefix(keys.output_prefix)
            self.store.delete_prefix(keys.processed_prefix)
            if all(other.upload != job.upload for other in others):
                self._uploads.delete(user, job.upload)
            self._summaries.pop((user, job_id), None)
            for folder in (self._cache_dir / user / job_id, scratch_dir(self.settings.data_dir, user, job_id)):
                shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(NotFoundError):  # another process has finished this deletion
                self.table.delete(user, job_id)

    def _marked(self, user: str, job_id: str) -> Job:
        """The job, marked as being deleted; ConflictError while it is unfinished."""
        marked = {"error": "The job is being deleted, which takes up to a few minutes.", "error_code": BEING_DELETED}
        while True:
            job = self.table.get(user, job_id)
            check_finished(job)
            try:
                return self.table.update(user, job_id, if_version=job.version, **marked)
            except ConflictError:
                continue  # another request has just queued or marked it

    def finish_deletions(self) -> int:
        """Finish the deletions that broke off, of all users; returns how many."""
        finished = 0
        for job in self.table.being_deleted():
            if 0 <= seconds_since(job.updated_at) < DELETION_SECONDS:
                continue  # it may still be in progress
            try:
                self.delete(job.user, job.id)
                finished += 1
            except NotFoundError:
                pass  # another process has finished it
            except ReviewLensError as error:
                _log.warning("job %s cannot be deleted: %s", job.id, error.code)
        return finished

    def drop_checkpoints(self, job: Job) -> None:
        """Delete what a task leaves if it is killed after writing its summary and before cleaning up."""
        self.store.delete_prefix(JobKeys(job.user, job.id).work)
        shutil.rmtree(scratch_dir(self.settings.data_dir, job.user, job.id), ignore_errors=True)

    def _renew_copies(self, job: Job, others: list[Job]) -> None:
        """Replace the copies of the newest job's files by those of the next newest, or delete them."""
        keys = JobKeys(job.user, job.id)
        if job.state is not JobState.SUCCEEDED and self.store.head(keys.served_csv) is None:
            return  # it never wrote the copies
        done = sorted((o for o in others if o.state is JobState.SUCCEEDED), key=lambda other: other.finished_at)
        if done and done[-1].finished_at > job.finished_at:
            return
        for name, target in (("served_csv", keys.newest_served_csv), ("processed_csv", keys.newest_processed_csv)):
            source = getattr(JobKeys(job.user, done[-1].id), name) if done else ""
            try:
                if source:
                    self.store.copy(source, target)
                    continue
            except NotFoundError:
                pass  # that job's files are missing
            self.store.delete(target)

    def delete_upload(self, user: str, upload_id: str) -> None:
        """Delete an upload that no job uses; ConflictError (`upload-in-use`) otherwise."""
        with self.lock_of(user):
            self._uploads.get(user, upload_id)
            if any(job.upload == upload_id for job in self._all(user)):
                raise ConflictError("A job uses this upload; delete the job instead.", code="upload-in-use")
            self._uploads.delete(user, upload_id)

    def drop_unused_uploads(self, user: str, *, keep: str) -> int:
        """Delete the oldest uploads that no job uses, except `keep`, down to the number allowed; returns how many."""
        with self.lock_of(user):
            used = {job.upload for job in self._all(user)}
            unused = [upload for upload in self._uploads.ids(user) if upload not in used and upload != keep]
            surplus = unused[: max(0, len(unused) + 1 - self.settings.max_unused_uploads_per_user)]
            for upload in surplus:
                self._uploads.delete(user, upload)
        return len(surplus)


def _checked_mapping(upload: Upload) -> Mapping:
    """The upload's mapping; InputError when there is none or when it names a missing column."""
    check_member(upload)
    mapping = upload.sniffed.mapping
    if mapping is None:
        raise InputError("No column was recognised as the review text; choose it.", code="mapping-needed")
    check_columns(mapping.columns(), len(upload.sniffed.columns), mapping.further_texts)
    taken = {*mapping.columns().values(), *mapping.further_texts}
    check_segments(mapping.segments, taken, len(upload.sniffed.columns))
    return mapping


def _fingerprint(upload: Upload, mapping: Mapping, engine: str, model_sha256: str) -> str:
    facts = [upload.upload_id, mapping.model_dump(mode="json"), upload.sniffed.dialect.model_dump(mode="json")]
    return hashlib.sha256(json.dumps([*facts, engine, model_sha256], sort_keys=True).encode()).hexdigest()
