"""Whose scores a new job may take."""

from __future__ import annotations

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs import reuse, service
from tests.jobs.conftest import JobHarness
from tests.summaries import summary_of


def finish(harness: JobHarness, user: str = "u1", *, kept: bool = True) -> str:
    job = harness.succeed(user)
    if kept:
        harness.store.put(JobKeys(user, job).scores, b"scores")
    return job


def spec_of(harness: JobHarness, job: str, user: str = "u1") -> JobSpec:
    return JobSpec.model_validate_json(harness.store.get(JobKeys(user, job).spec))


def test_a_new_job_may_take_the_scores_of_the_users_finished_jobs_newest_first(harness):
    old, new = finish(harness), finish(harness)
    finish(harness, "u2")
    finish(harness, kept=False)
    failed, handle = harness.run()
    harness.store.put(JobKeys("u1", failed).scores, b"half a job's")
    harness.launcher.end(handle, 1)
    harness.dispatcher.tick()
    spec = spec_of(harness, harness.submit())
    assert spec.reuse_scores_of == (new, old)
    assert spec.keep_scores


def test_another_engine_or_model_has_other_scores(harness):
    other_model, other_engine, same = (finish(harness) for _ in range(3))
    keys = JobKeys("u1", other_model)
    harness.write(keys.spec, {**spec_of(harness, other_model).model_dump(mode="json"), "model_sha256": "another"})
    harness.table.update("u1", other_engine, engine="openvino")
    assert spec_of(harness, harness.submit()).reuse_scores_of == (same,)


def test_so_many_jobs_at_most(harness):
    jobs = [finish(harness) for _ in range(3)]
    harness.service.settings = harness.settings.model_copy(update={"score_cache_jobs": 2})
    assert spec_of(harness, harness.submit()).reuse_scores_of == (jobs[2], jobs[1])


def test_jobs_beyond_the_first_page_are_found(harness, monkeypatch):
    monkeypatch.setattr(service, "_PAGE", 2)
    jobs = [finish(harness) for _ in range(5)]
    assert spec_of(harness, harness.submit()).reuse_scores_of == tuple(reversed(jobs))


def test_the_search_has_an_end(harness, monkeypatch):
    monkeypatch.setattr(reuse, "_MAX_READ", 1)
    finish(harness)
    finish(harness, kept=False)
    assert spec_of(harness, harness.submit()).reuse_scores_of == ()


def test_switched_off_nothing_is_taken_or_kept(harness):
    finish(harness)
    harness.service.settings = harness.settings.model_copy(update={"score_cache_jobs": 0})
    spec = spec_of(harness, harness.submit())
    assert (spec.reuse_scores_of, spec.keep_scores) == ((), False)


def test_a_job_whose_spec_was_lost_lends_nothing(harness):
    job = finish(harness)
    harness.store.delete(JobKeys("u1", job).spec)
    assert spec_of(harness, harness.submit()).reuse_scores_of == ()


def test_a_jobs_scores_go_with_it(harness):
    job = finish(harness)
    harness.service.delete("u1", job)
    assert harness.stored() == []
    assert spec_of(harness, harness.submit()).reuse_scores_of == ()


def test_the_view_tells_how_many_scores_were_reused(harness):
    job, handle = harness.run()
    harness.write(JobKeys("u1", job).summary, summary_of(rows_reused=2))
    harness.launcher.end(handle, 0)
    harness.dispatcher.tick()
    assert harness.service.get("u1", job).rows_reused == 2
