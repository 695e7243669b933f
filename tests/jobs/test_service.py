"""What a user can do with jobs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reviewlens.contracts.job_spec import JobSpec, scratch_dir
from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import (
    ConfigurationError,
    ConflictError,
    InputError,
    LimitError,
    NotFoundError,
    TransientError,
)
from reviewlens.jobs import service
from reviewlens.jobs.interface import JobState
from reviewlens.model import loading
from reviewlens.settings import Settings
from reviewlens.uploads.service import Overrides
from tests.jobs.conftest import JobHarness
from tests.summaries import summary_of


def test_a_submission_freezes_a_spec(harness):
    upload = harness.upload()
    view, created = harness.service.submit("u1", upload, Overrides(mapping={"rating": 1}))
    assert created
    assert (view.state, view.queue_position, view.engine) == (JobState.QUEUED, 1, "textblob")
    spec = JobSpec.model_validate_json(harness.store.get(JobKeys("u1", view.job_id).spec))
    assert (spec.user, spec.job, spec.upload, spec.mapping.rating) == ("u1", view.job_id, upload, 1)
    assert spec.input_sha256 == harness.uploads.get("u1", upload).sha256
    assert spec.limits.max_rows == harness.settings.max_rows
    assert (spec.model, spec.model_sha256) == ("", "")


def test_the_same_submitted_twice_is_one_job(harness):
    upload = harness.upload()
    first, _ = harness.service.submit("u1", upload)
    assert harness.service.submit("u1", upload) == (first, False)
    assert harness.service.submit("u1", upload, Overrides(mapping={"text": 0}))[0] == first
    other, created = harness.service.submit("u1", upload, Overrides(mapping={"text": 1}))
    assert created
    assert other.job_id != first.job_id
    third, created = harness.service.submit("u1", harness.upload())
    assert created
    assert len({first.job_id, other.job_id, third.job_id}) == 3
    assert len([key for key in harness.stored() if key.endswith("spec.json")]) == 3


def test_submitting_what_failed_queues_it_again(harness):
    upload = harness.upload()
    job = harness.submit(upload=upload)
    harness.service.cancel("u1", job)
    view, created = harness.service.submit("u1", upload)
    assert (view.job_id, view.state, created) == (job, JobState.QUEUED, False)


def test_what_somebody_deletes_while_it_is_queued_again_is_not_queued(harness, monkeypatch):
    upload = harness.upload()
    job = harness.submit(upload=upload)
    harness.service.cancel("u1", job)
    retry = harness.service.retry

    def marked_before(user, job_id):
        harness.service._marked(user, job_id)
        return retry(user, job_id)

    monkeypatch.setattr(harness.service, "retry", marked_before)
    with pytest.raises(ConflictError) as refused:
        harness.service.submit("u1", upload)
    assert refused.value.code == "being-deleted"
    assert harness.service.table.get("u1", job).state is JobState.CANCELLED


def test_kept_corrections_count_where_none_are_given(harness):
    upload = harness.upload()
    harness.uploads.correct("u1", upload, Overrides(mapping={"text": 1}))
    view, _ = harness.service.submit("u1", upload)
    spec = JobSpec.model_validate_json(harness.store.get(JobKeys("u1", view.job_id).spec))
    assert spec.mapping.text == 1


def test_a_file_without_a_text_column_needs_a_mapping(harness):
    upload = harness.upload(content=b"numbers,more\n1,2\n")
    with pytest.raises(InputError) as needed:
        harness.service.submit("u1", upload)
    assert needed.value.code == "mapping-needed"
    assert harness.service.submit("u1", upload, Overrides(mapping={"text": 1}))[1]


@pytest.mark.parametrize("mapping", [{"text": 2}, {"text": -1}, {"rating": 2}, {"title": 9}])
def test_a_mapping_must_name_columns_of_the_file(harness, mapping):
    with pytest.raises(InputError) as wrong:
        harness.service.submit("u1", harness.upload(), Overrides(mapping=mapping))
    assert wrong.value.code == "no-such-column"


def test_engines_are_known_and_installed(harness, monkeypatch):
    with pytest.raises(InputError) as unknown:
        harness.service.submit("u1", harness.upload(), engine="abacus")
    assert unknown.value.code == "unknown-engine"
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(InputError) as missing:
        harness.service.submit("u1", harness.upload(), engine="openvino")
    assert missing.value.code == "engine-not-installed"


def test_the_model_is_pinned_by_its_content(tmp_path):
    bundle = tmp_path / "model.tar.gz"
    bundle.write_bytes(b"one")
    settings = Settings(data_dir=tmp_path, engine="openvino", model=str(bundle))
    harness = JobHarness(tmp_path, settings)
    upload = harness.upload()
    first, _ = harness.service.submit("u1", upload)
    spec = JobSpec.model_validate_json(harness.store.get(JobKeys("u1", first.job_id).spec))
    assert (spec.model, len(spec.model_sha256)) == (str(bundle), 64)
    assert harness.service.submit("u1", upload) == (first, False)
    bundle.write_bytes(b"another")
    assert harness.service.submit("u1", upload)[1] is True
    bundle.unlink()
    with pytest.raises(ConfigurationError):
        harness.service.submit("u1", upload)
    harness.table.close()


def test_the_model_that_ships_is_the_default():
    assert len(loading.pinned_model("openvino", "")) == 64


def test_unfinished_jobs_are_limited_per_user(harness):
    for _ in range(3):
        harness.submit()
    with pytest.raises(LimitError) as limited:
        harness.submit()
    assert (limited.value.code, limited.value.details["allowed"]) == ("too-many-unfinished-jobs", 3)
    assert harness.submit("u2")


def test_jobs_are_limited_per_user(harness):
    for _ in range(6):
        harness.service.cancel("u1", harness.submit())
    with pytest.raises(LimitError) as limited:
        harness.submit()
    assert limited.value.code == "too-many-jobs"
    harness.service.delete("u1", harness.service.page("u1").jobs[0].job_id)
    assert harness.submit()


def test_trying_again_does_not_get_round_the_limit_of_unfinished_jobs(harness):
    cancelled, upload = harness.submit(), harness.upload()
    harness.service.cancel("u1", cancelled)
    again = harness.submit(upload=upload)
    harness.service.cancel("u1", again)
    for _ in range(2):
        harness.submit()
    assert harness.service.retry("u1", cancelled).state is JobState.QUEUED
    for act in (lambda: harness.service.retry("u1", again), lambda: harness.service.submit("u1", upload)):
        with pytest.raises(LimitError) as full:
            act()
        assert full.value.code == "too-many-unfinished-jobs"
    assert harness.state(again) is JobState.CANCELLED


def test_an_upload_that_is_deleted_before_its_submission_has_the_lock_is_noticed(harness):
    upload = harness.upload()
    with ThreadPoolExecutor(1) as threads:
        with harness.service.lock_of("u1"):
            submitted = threads.submit(harness.service.submit, "u1", upload)
            harness.service.delete_upload("u1", upload)
        with pytest.raises(NotFoundError):
            submitted.result(30)
    assert harness.stored() == []
    assert harness.service.page("u1").jobs == []


def test_an_upload_that_is_deleted_while_it_is_looked_into_is_noticed(harness, monkeypatch):
    upload = harness.upload()
    look = harness.uploads._look

    def deleted_meanwhile(*arguments):
        found = look(*arguments)
        harness.service.delete_upload("u1", upload)
        return found

    monkeypatch.setattr(harness.uploads, "_look", deleted_meanwhile)
    with pytest.raises(NotFoundError):
        harness.service.submit("u1", upload, Overrides(mapping={"text": 1}))
    assert harness.stored() == []
    assert harness.service.page("u1").jobs == []


class Recorded:
    """An adapter whose calls are noted by name, and by the last part of a key."""

    def __init__(self, adapter, calls: list[str]) -> None:
        self._adapter = adapter
        self._calls = calls

    def __getattr__(self, name):
        method = getattr(self._adapter, name)

        def recorded(*arguments, **more):
            key = str(arguments[0]) if arguments else ""
            self._calls.append(f"{name} {key.rsplit('/', 1)[1]}" if "/" in key else name)
            return method(*arguments, **more)

        return recorded


def recorded(harness) -> list[str]:
    """The calls that jobs and uploads make to store and table from now on."""
    calls: list[str] = []
    harness.service.store = harness.uploads._store = Recorded(harness.store, calls)
    harness.service.table = Recorded(harness.table, calls)
    return calls


def test_a_submission_makes_each_call_once(harness):
    first, upload = harness.succeed(), harness.upload()
    calls = recorded(harness)
    view, created = harness.service.submit("u1", upload)
    assert calls == [
        "get info.json",
        "find",
        "list",
        "get spec.json",
        "head scores.arrow",
        "put spec.json",
        "create",
        "ahead",
    ]
    assert created
    assert (view.state, view.queue_position) == (JobState.QUEUED, 1)
    calls.clear()
    assert harness.service.get("u1", view.job_id) == view != harness.service.get("u1", first)
    calls.clear()
    assert harness.service.submit("u1", upload) == (view, False)
    assert calls == ["get info.json", "find", "get progress.json", "ahead"]


def test_a_submission_with_other_columns_makes_each_call_once(harness):
    upload = harness.upload()
    calls = recorded(harness)
    harness.service.submit("u1", upload, Overrides(mapping={"text": 1}))
    assert calls == [
        "get info.json",
        "fetch original",
        "find",
        "head info.json",
        "list",
        "put spec.json",
        "create",
        "ahead",
    ]


def test_progress_is_shown_while_it_runs_and_the_summary_afterwards(harness):
    job, handle = harness.run()
    keys = JobKeys("u1", job)
    assert harness.service.get("u1", job).progress is None
    harness.write(keys.progress, {"stage": "infer", "rows_done": 1})
    view = harness.service.get("u1", job)
    assert (view.progress.rows_done, view.summary, view.queue_position) == (1, None, None)
    harness.write(keys.summary, summary_of(rows_read=4, rows_duplicate=1, rows_rejected=1))
    harness.launcher.end(handle, 0)
    harness.dispatcher.tick()
    view = harness.service.get("u1", job)
    assert (view.state, view.progress, view.summary.rows_read) == (JobState.SUCCEEDED, None, 4)
    assert (view.rows_read, view.rows_scored, view.rows_duplicate, view.rows_rejected) == (4, 2, 1, 1)
    assert view.finished_at >= view.started_at >= view.created_at


def test_a_summary_that_was_lost_leaves_the_job_readable(harness):
    job = harness.succeed()
    harness.store.delete(JobKeys("u1", job).summary)
    assert harness.service.get("u1", job).summary is None


def test_unreadable_documents_count_as_absent(harness):
    job, _ = harness.run()
    for content in (b"{", b"[1]", b"\xff"):
        harness.store.put(JobKeys("u1", job).progress, content)
        assert harness.service.get("u1", job).progress is None


def test_lists_are_paged_and_light(harness):
    done = harness.succeed()
    waiting = [harness.submit() for _ in range(2)]
    first = harness.service.page("u1", limit=2)
    assert [view.job_id for view in first.jobs] == waiting[::-1]
    rest = harness.service.page("u1", limit=2, cursor=first.next_cursor)
    assert [view.job_id for view in rest.jobs] == [done]
    assert rest.next_cursor is None
    assert (rest.jobs[0].summary, rest.jobs[0].rows_scored, rest.jobs[0].model) == (None, 2, "m 1")
    assert harness.service.page("u2").jobs == []


def test_the_queue_position_counts_all_users(harness):
    harness.submit("u1")
    second = harness.submit("u2")
    assert harness.service.get("u2", second).queue_position == 2


def test_the_memory_of_summaries_is_bounded(harness):
    job = harness.succeed()
    harness.service._summaries.update({("u9", str(number)): {} for number in range(1000)})
    assert harness.service.get("u1", job).rows_read == 2
    assert len(harness.service._summaries) == 1
    assert harness.service.get("u1", job).rows_read == 2


def test_a_waiting_job_is_cancelled_at_once(harness):
    job = harness.submit()
    assert harness.service.cancel("u1", job).state is JobState.CANCELLED
    harness.dispatcher.tick()
    assert harness.launcher.specs == []


def test_a_running_job_is_asked_to_stop(harness):
    job, handle = harness.run()
    assert harness.service.cancel("u1", job).state is JobState.CANCELLING
    assert harness.service.cancel("u1", job).state is JobState.CANCELLING
    assert harness.store.head(JobKeys("u1", job).cancel)
    harness.launcher.end(handle, 3)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.CANCELLED


def test_an_interrupted_job_is_cancelled_at_once_and_marked(harness):
    job, handle = harness.run()
    harness.launcher.end(handle, None)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.INTERRUPTED
    assert harness.service.cancel("u1", job).state is JobState.CANCELLED
    assert harness.store.head(JobKeys("u1", job).cancel)


def test_a_finished_job_cannot_be_cancelled_or_retried(harness):
    job = harness.succeed()
    for act in (harness.service.cancel, harness.service.retry):
        with pytest.raises(ConflictError) as late:
            act("u1", job)
        assert late.value.code == "job-state"
    assert harness.state(job) is JobState.SUCCEEDED


def test_a_retry_starts_with_a_clean_slate_and_the_same_spec(harness):
    job, handle = harness.run()
    keys = JobKeys("u1", job)
    spec = harness.store.get(keys.spec)
    harness.write(keys.error, {"code": "bad-file", "message": "The file is bad."})
    harness.write(keys.progress, {"stage": "read"})
    harness.launcher.end(handle, 2)
    harness.dispatcher.tick()
    failed = harness.service.get("u1", job)
    assert (failed.state, failed.error, failed.error_code) == (JobState.FAILED, "The file is bad.", "bad-file")
    again = harness.service.retry("u1", job)
    assert (again.state, again.error, again.error_code, again.attempts) == (JobState.QUEUED, None, None, 0)
    assert (again.started_at, again.finished_at, again.progress) == (None, None, None)
    assert harness.store.head(keys.error) is None
    assert harness.store.get(keys.spec) == spec
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.RUNNING


def test_a_deleted_job_leaves_nothing(harness, tmp_path):
    job = harness.succeed()
    left = [tmp_path / "cache" / "u1" / job, scratch_dir(tmp_path, "u1", job)]
    for folder in left:
        folder.mkdir(parents=True)
    harness.service.delete("u1", job)
    assert harness.stored() == []
    assert [folder for folder in left if folder.exists()] == []
    with pytest.raises(NotFoundError):
        harness.service.get("u1", job)


def test_an_upload_stays_while_another_job_uses_it(harness):
    upload = harness.upload()
    one = harness.submit(upload=upload)
    other, _ = harness.service.submit("u1", upload, Overrides(mapping={"text": 1}))
    for job in (one, other.job_id):
        harness.service.cancel("u1", job)
    harness.service.delete("u1", one)
    assert harness.uploads.get("u1", upload)
    with pytest.raises(ConflictError) as used:
        harness.service.delete_upload("u1", upload)
    assert used.value.code == "upload-in-use"
    harness.service.delete("u1", other.job_id)
    assert harness.stored() == []


def test_an_unused_upload_can_be_deleted(harness):
    upload = harness.upload()
    harness.service.delete_upload("u1", upload)
    assert harness.stored() == []


def test_the_oldest_unused_uploads_make_room_for_new_ones(harness):
    others, used = harness.upload("u2"), harness.upload()
    harness.submit(upload=used)
    uploads = [harness.upload() for _ in range(3)]
    assert harness.service.drop_unused_uploads("u1", keep=uploads[-1]) == 0
    uploads.append(harness.upload())
    assert harness.service.drop_unused_uploads("u1", keep=uploads[-1]) == 1
    assert harness.uploads.ids("u1") == [used, *uploads[1:]]
    assert [key for key in harness.stored() if uploads[0] in key] == []
    assert harness.uploads.ids("u2") == [others]


def test_the_upload_just_received_is_kept_whatever_the_clock_said(harness):
    uploads = [harness.upload() for _ in range(5)]
    assert harness.service.drop_unused_uploads("u1", keep=uploads[0]) == 2
    assert harness.uploads.ids("u1") == [uploads[0], *uploads[3:]]


def test_a_limit_that_was_lowered_hides_no_job_from_a_deletion(harness):
    upload = harness.upload()
    old = harness.submit(upload=upload)
    new, _ = harness.service.submit("u1", upload, Overrides(mapping={"text": 1}))
    harness.service.cancel("u1", old)
    harness.service.cancel("u1", new.job_id)
    harness.service.settings = harness.settings.model_copy(update={"max_jobs_per_user": 1})
    harness.service.delete("u1", new.job_id)
    assert harness.uploads.get("u1", upload)
    assert harness.service.submit("u1", upload)[0].job_id == old


def test_an_unfinished_job_is_not_deleted(harness):
    job, _ = harness.run()
    before = harness.stored()
    with pytest.raises(ConflictError):
        harness.service.delete("u1", job)
    assert harness.stored() == before


def test_the_newest_copies_do_not_outlive_their_job(harness):
    old, new = harness.succeed(), harness.succeed()
    newest = JobKeys("u1", new)
    assert harness.store.get(newest.newest_served_csv) == f"served {new}".encode()
    harness.service.delete("u1", new)
    assert harness.store.get(newest.newest_served_csv) == f"served {old}".encode()
    assert harness.store.get(newest.newest_processed_csv) == f"processed {old}".encode()


@pytest.mark.parametrize("published", [True, False])
def test_copies_of_a_job_that_died_before_its_summary_go_with_it(harness, published):
    old = harness.succeed()
    job, handle = harness.run()
    keys = JobKeys("u1", job)
    if published:
        harness.store.put(keys.served_csv, b"late")
        harness.store.copy(keys.served_csv, keys.newest_served_csv)
    harness.launcher.end(handle, 1)
    harness.dispatcher.tick()
    harness.service.delete("u1", job)
    assert harness.store.get(keys.newest_served_csv) == f"served {old}".encode()


def test_deleting_an_older_job_leaves_the_newest_copies(harness):
    old, new = harness.succeed(), harness.succeed()
    harness.service.delete("u1", old)
    assert harness.store.get(JobKeys("u1", new).newest_served_csv) == f"served {new}".encode()


def test_lost_outputs_do_not_hold_up_a_deletion(harness):
    old, new = harness.succeed(), harness.succeed()
    harness.store.delete(JobKeys("u1", old).served_csv)
    harness.service.delete("u1", new)
    assert harness.store.head(JobKeys("u1", new).newest_served_csv) is None


# -- deletions that broke off -----------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a kill leaves undone."""


def break_off(harness, job, at, user="u1"):
    """Delete a job and be killed as soon as so much has been done."""
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_args, **_more):
            raise Killed

        patch.setattr(*at, killed)
        with pytest.raises(Killed):
            harness.service.delete(user, job)


@pytest.mark.parametrize("place", ["copies", "outputs", "upload", "row"])
def test_a_deletion_that_was_cut_off_anywhere_is_ended_by_the_sweeper(harness, monkeypatch, place):
    job = harness.succeed()
    where = {
        "copies": (harness.service, "_renew_copies"),
        "outputs": (harness.store, "delete_prefix"),
        "upload": (harness.uploads, "delete"),
        "row": (harness.table, "delete"),
    }
    break_off(harness, job, where[place])
    assert harness.service.get("u1", job).error_code == "being-deleted"
    assert harness.service.finish_deletions() == 0  # somebody may be at it
    monkeypatch.setattr(service, "seconds_since", lambda stamp: service.DELETION_SECONDS)
    assert harness.service.finish_deletions() == 1
    assert harness.stored() == []
    assert harness.service.page("u1").jobs == []
    assert harness.service.finish_deletions() == 0


def test_a_deletion_that_cannot_be_ended_now_holds_up_no_other(harness, monkeypatch, caplog):
    jobs = [harness.succeed("u1"), harness.succeed("u2")]
    for user, job in zip(("u1", "u2"), jobs, strict=True):
        break_off(harness, job, (harness.table, "delete"), user)
    delete = harness.store.delete_prefix

    def refuses(prefix):
        if "/u1/" in prefix:
            raise TransientError("S3 does not answer.", code="aws-unreachable")
        return delete(prefix)

    monkeypatch.setattr(service, "seconds_since", lambda stamp: -1.0)  # the clock was set back: it is not waited for
    with monkeypatch.context() as patch:
        patch.setattr(harness.store, "delete_prefix", refuses)
        assert harness.service.finish_deletions() == 1
    assert jobs[0] in caplog.text and "aws-unreachable" in caplog.text
    assert harness.service.finish_deletions() == 1
    assert harness.stored() == []


def test_what_somebody_else_deletes_at_the_same_time_is_deleted_once(harness, monkeypatch):
    job, other = harness.succeed(), harness.succeed()
    update, delete = harness.table.update, harness.table.delete

    def marked_meanwhile(*args, **changes):
        monkeypatch.setattr(harness.table, "update", update)
        update("u1", job, error_code="being-deleted")
        return update(*args, **changes)

    def gone_meanwhile(*args, **more):
        delete(*args, **more)
        return delete(*args, **more)

    monkeypatch.setattr(harness.table, "update", marked_meanwhile)
    monkeypatch.setattr(harness.table, "delete", gone_meanwhile)
    harness.service.delete("u1", job)
    assert [found.job_id for found in harness.service.page("u1").jobs] == [other]
    stale = [harness.table.get("u1", other)]
    harness.service.delete("u1", other)
    monkeypatch.setattr(harness.table, "being_deleted", lambda: stale)
    monkeypatch.setattr(service, "seconds_since", lambda stamp: service.DELETION_SECONDS)
    assert harness.service.finish_deletions() == 0


def test_what_is_being_deleted_is_not_the_answer_to_a_submission(harness):
    upload = harness.upload()
    job = harness.submit(upload=upload)
    harness.dispatcher.tick()
    harness.write(JobKeys("u1", job).summary, summary_of())
    harness.launcher.end(harness.table.get("u1", job).handle, 0)
    harness.dispatcher.tick()
    break_off(harness, job, (harness.store, "delete_prefix"))
    with pytest.raises(ConflictError) as refused:
        harness.service.submit("u1", upload)
    assert refused.value.code == "being-deleted"


def test_another_users_job_does_not_exist(harness):
    job = harness.succeed("u1")
    before = harness.stored()
    for act in (harness.service.get, harness.service.cancel, harness.service.retry, harness.service.delete):
        with pytest.raises(NotFoundError) as absent:
            act("u2", job)
        assert absent.value.code == "job-not-found"
    assert harness.stored() == before
