"""What a user can do with jobs: submit, look, cancel, retry, delete."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from reviewlens.contracts.job_spec import JobSpec, Limits, scratch_dir
from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.roles import check_columns
from reviewlens.contracts.summary import Summary
from reviewlens.contracts.tables import Mapping
from reviewlens.errors import ConflictError, InputError, LimitError, NotFoundError, ReviewLensError
from reviewlens.ids import new_id, now, seconds_since
from reviewlens.jobs.interface import BEING_DELETED, UNFINISHED, UNLIMITED, Job, JobState, JobTable
from reviewlens.jobs.outcome import read_document
from reviewlens.jobs.reuse import reusable_jobs
from reviewlens.jobs.rules import check_finished, check_kept
from reviewlens.jobs.views import JobPage, JobView, view_of
from reviewlens.model.loading import check_engine, model_address, pinned_model
from reviewlens.settings import Settings
from reviewlens.storage.interface import ObjectStore
from reviewlens.uploads.service import Overrides, Upload, UploadService

_log = logging.getLogger(__name__)
_JOB_LIMITS = {
    "max_jobs_per_user": ("too-many-jobs", "delete some that you no longer need"),
    "max_queued_jobs_per_user": ("too-many-unfinished-jobs", "wait until one has finished"),
}
_RETRIABLE = frozenset({JobState.FAILED, JobState.CANCELLED})
_PAGE = 100
DELETION_SECONDS = 120.0
"""A deletion that began so long ago is taken for one that broke off."""


class JobService:
    """One per process; several processes may share table and store.

    What must happen once is decided by the table's conditional writes. `lock_of(user)`, held by all that changes a
    user's jobs, here and in the dispatcher, only saves those of one process from losing such a race. Between processes
    two limits are not exact: jobs that are tried again at the same moment may exceed `max_queued_jobs_per_user` by as
    many, and an upload that is deleted in the moment of its submission makes that job fail for want of its file.
    """

    def __init__(
        self,
        table: JobTable,
        store: ObjectStore,
        uploads: UploadService,
        settings: Settings,
        *,
        cache_dir: Path,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.table = table
        self.store = store
        self.settings = settings
        self._locks = [threading.RLock() for _ in range(64)]
        self.on_change = on_change
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
        """Queue the analysis of an upload; with False the job that was already there for just this.

        `overrides` None: the corrections kept with the upload. A job of the same kind that failed or was cancelled is
        queued again. Raises InputError (`mapping-needed`, `unknown-engine`, ...), LimitError, NotFoundError.
        """
        engine = check_engine(engine or self.settings.engine, self.settings.model)
        upload = self._uploads.get(user, upload_id)
        if overrides is not None:
            upload = self._uploads.with_overrides(user, upload_id, overrides)
        mapping = _checked_mapping(upload)
        sha256 = pinned_model(engine, self.settings.model)
        fingerprint = _fingerprint(upload, mapping, engine, sha256)
        with self.lock_of(user):
            same = self.table.find(user, fingerprint)
            if same is not None:
                return self._submitted_before(same), False
            self._check_limits(user)
            self._uploads.get(user, upload_id)  # it may have been deleted meanwhile
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
        self.on_change()
        return self.get(user, job.id), True

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
            slice_rows=self.settings.slice_rows,
            reuse_scores_of=tuple(reusable_jobs(self.store, self._newest(user), engine, sha256, cached)),
            keep_scores=cached > 0,
            limits=Limits(**{name: getattr(self.settings, name) for name in Limits.model_fields}),
            submitted_at=now(),
        )

    def _create(self, job: Job) -> tuple[Job, bool]:
        """Insert it, or leave nothing of it: another backend may have had the same, or the user's last free place."""
        try:
            found, created = self.table.create(
                job,
                most_jobs=self.settings.max_jobs_per_user,
                most_unfinished=self.settings.max_queued_jobs_per_user,
            )
        except LimitError:
            self.store.delete(JobKeys(job.user, job.id).spec)
            self._check_limits(job.user)  # which says it in more words
            raise
        if not created:
            self.store.delete(JobKeys(job.user, job.id).spec)
        return found, created

    def _submitted_before(self, job: Job) -> JobView:
        check_kept(job)
        if job.state in _RETRIABLE:
            try:
                return self.retry(job.user, job.id)
            except ConflictError:
                if self.table.get(job.user, job.id).state in _RETRIABLE:
                    raise
        return self.get(job.user, job.id)  # where somebody else queued it again this moment, as that left it

    def _newest(self, user: str) -> Iterator[Job]:
        """The user's jobs, newest first, read as far as they are asked for."""
        before = ""
        while page := self.table.list(user, limit=_PAGE, before=before):
            yield from page
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

    # -- look ---------------------------------------------------------------------------------------------------------

    def get(self, user: str, job_id: str) -> JobView:
        """One job, with progress while it is unfinished and its summary when it succeeded."""
        job = self.table.get(user, job_id)
        keys = JobKeys(user, job.id)
        return view_of(
            job,
            progress=read_document(self.store, keys.progress, Progress) if job.state in UNFINISHED else None,
            summary=self.summary(job),
            queue_position=self._position(job),
        )

    def page(self, user: str, *, limit: int = 50, cursor: str = "") -> JobPage:
        """A page of the user's jobs, newest first, without progress and summaries."""
        found = self.table.list(user, limit=limit + 1, before=cursor)
        page = found[:limit]
        views = [view_of(job, summary=self.summary(job), with_summary=False) for job in page]
        return JobPage(jobs=views, next_cursor=page[-1].id if len(found) > limit else None)

    def summary(self, job: Job) -> Summary | None:
        """The summary of a job that succeeded; it never changes, so it is read once."""
        if job.state is not JobState.SUCCEEDED:
            return None
        if (job.user, job.id) not in self._summaries:
            found = read_document(self.store, JobKeys(job.user, job.id).summary, Summary)
            if found is None:
                return None
            if len(self._summaries) >= 1000:
                self._summaries.clear()
            self._summaries[job.user, job.id] = found
        return self._summaries[job.user, job.id]

    def _position(self, job: Job) -> int | None:
        return self.table.ahead(job) + 1 if job.state is JobState.QUEUED else None

    # -- change -------------------------------------------------------------------------------------------------------

    def cancel(self, user: str, job_id: str) -> JobView:
        """Stop for good: at once when it does not run, else the task is asked to; ConflictError when finished."""
        with self.lock_of(user):
            while True:
                job = self.table.get(user, job_id)
                try:
                    self._cancel(job)
                    break
                except ConflictError:
                    if self.table.get(user, job_id).version == job.version:
                        raise  # it is the state that forbids it; else look again at what became of it
        self.on_change()
        return self.get(user, job_id)

    def _cancel(self, job: Job) -> None:
        keys = JobKeys(job.user, job.id)
        if job.state is JobState.RUNNING:
            self.store.put(keys.cancel, b"")
            self.table.move(job.user, job.id, JobState.CANCELLING, if_version=job.version)
        elif job.state is not JobState.CANCELLING:
            if job.state is JobState.INTERRUPTED:
                self.store.put(keys.cancel, b"")  # should its task still run unnoticed
            self.table.move(job.user, job.id, JobState.CANCELLED, if_version=job.version, finished_at=now())

    def retry(self, user: str, job_id: str) -> JobView:
        """Queue a failed or cancelled job again, with its spec unchanged; LimitError with too many unfinished ones."""
        with self.lock_of(user):
            job = self.table.get(user, job_id)
            check_kept(job)
            if job.state not in _RETRIABLE:
                raise ConflictError(
                    f"Only a failed or cancelled job can be tried again; this one is {job.state}.",
                    code="job-state",
                    details={"state": str(job.state)},
                )
            self._check_limits(user, ["max_queued_jobs_per_user"])
            # Of several who do this at once one goes on: the others must not take a cancellation away that comes later.
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
        self.on_change()
        return self.get(user, job_id)

    def delete(self, user: str, job_id: str) -> None:
        """Delete a finished job with its outputs, its copies, its caches, and its upload when no other job uses it.

        It is marked first, so that nobody queues it again meanwhile; a deletion that broke off can be repeated, and
        `end_deletions` does so.
        """
        with self.lock_of(user):
            job = self._marked(user, job_id)
            keys = JobKeys(user, job_id)
            rest = [other for other in self._all(user) if other.id != job_id]
            self._renew_copies(job, rest)
            self.store.delete_prefix(keys.output_prefix)
            self.store.delete_prefix(keys.processed_prefix)
            if all(other.upload != job.upload for other in rest):
                self._uploads.delete(user, job.upload)
            self._summaries.pop((user, job_id), None)
            for folder in (self._cache_dir / user / job_id, scratch_dir(self.settings.data_dir, user, job_id)):
                shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(NotFoundError):  # somebody else has ended this deletion
                self.table.delete(user, job_id)

    def _marked(self, user: str, job_id: str) -> Job:
        """The job, marked as being deleted; ConflictError while it is unfinished."""
        marked = {"error": "It is being deleted, which ends by itself within minutes.", "error_code": BEING_DELETED}
        while True:
            job = self.table.get(user, job_id)
            check_finished(job)
            try:
                return self.table.update(user, job_id, if_version=job.version, **marked)
            except ConflictError:
                continue  # queued again, or marked by somebody else, this moment

    def end_deletions(self) -> int:
        """End what deletions have left that broke off, of all users; say how many."""
        ended = 0
        for job in self.table.being_deleted():
            if 0 <= seconds_since(job.updated_at) < DELETION_SECONDS:
                continue  # somebody is at it
            try:
                self.delete(job.user, job.id)
                ended += 1
            except NotFoundError:
                pass  # somebody else was quicker
            except ReviewLensError as error:
                _log.warning("job %s cannot be deleted now: %s", job.id, error.code)
        return ended

    def drop_checkpoints(self, job: Job) -> None:
        """What a task leaves that was killed after its summary and before it could tidy up."""
        self.store.delete_prefix(JobKeys(job.user, job.id).work)
        shutil.rmtree(scratch_dir(self.settings.data_dir, job.user, job.id), ignore_errors=True)

    def _renew_copies(self, job: Job, rest: list[Job]) -> None:
        """The copies of the newest job's files must not outlive it: the next newest takes its place."""
        keys = JobKeys(job.user, job.id)
        if job.state is not JobState.SUCCEEDED and self.store.head(keys.served_csv) is None:
            return  # it never got as far as writing the copies
        done = sorted((o for o in rest if o.state is JobState.SUCCEEDED), key=lambda other: other.finished_at)
        if done and done[-1].finished_at > job.finished_at:
            return
        for name, target in (("served_csv", keys.newest_served_csv), ("processed_csv", keys.newest_processed_csv)):
            source = getattr(JobKeys(job.user, done[-1].id), name) if done else ""
            try:
                if source:
                    self.store.copy(source, target)
                    continue
            except NotFoundError:
                pass  # that job's files were lost; then there is nothing to copy
            self.store.delete(target)

    def delete_upload(self, user: str, upload_id: str) -> None:
        """Delete an upload that no job uses; ConflictError (`upload-in-use`) otherwise."""
        with self.lock_of(user):
            self._uploads.get(user, upload_id)
            if any(job.upload == upload_id for job in self._all(user)):
                raise ConflictError("A job uses this upload; delete the job instead.", code="upload-in-use")
            self._uploads.delete(user, upload_id)

    def drop_unused_uploads(self, user: str, *, keep: str) -> int:
        """Delete the oldest uploads that no job uses, but for `keep`, down to the number allowed; say how many went."""
        with self.lock_of(user):
            used = {job.upload for job in self._all(user)}
            unused = [upload for upload in self._uploads.ids(user) if upload not in used and upload != keep]
            surplus = unused[: max(0, len(unused) + 1 - self.settings.max_unused_uploads_per_user)]
            for upload in surplus:
                self._uploads.delete(user, upload)
        return len(surplus)


def _checked_mapping(upload: Upload) -> Mapping:
    """The upload's mapping; InputError when there is none or it names a column that the file does not have."""
    mapping = upload.sniffed.mapping
    if mapping is None:
        raise InputError("No column was recognised as the review text; say which one it is.", code="mapping-needed")
    check_columns(mapping.columns(), len(upload.sniffed.columns))
    return mapping


def _fingerprint(upload: Upload, mapping: Mapping, engine: str, model_sha256: str) -> str:
    facts = [upload.upload_id, mapping.model_dump(mode="json"), upload.sniffed.dialect.model_dump(mode="json")]
    return hashlib.sha256(json.dumps([*facts, engine, model_sha256], sort_keys=True).encode()).hexdigest()
