"""Whose scores a new job may take."""

from __future__ import annotations

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs import reuse
from tests.jobs.conftest import JobHarness
from tests.summaries import summary_of


def finish(bench: JobHarness, user: str = "u1", *, kept: bool = True) -> str:
    job = bench.succeed(user)
    if kept:
        bench.store.put(JobKeys(user, job).scores, b"scores")
    return job


def spec_of(bench: JobHarness, job: str, user: str = "u1") -> JobSpec:
    return JobSpec.model_validate_json(bench.store.get(JobKeys(user, job).spec))


def test_a_new_job_may_take_the_scores_of_the_users_finished_jobs_newest_first(bench):
    old, new = finish(bench), finish(bench)
    finish(bench, "u2")
    finish(bench, kept=False)
    failed, handle = bench.run()
    bench.store.put(JobKeys("u1", failed).scores, b"half a job's")
    bench.launcher.end(handle, 1)
    bench.dispatcher.tick()
    spec = spec_of(bench, bench.submit())
    assert spec.reuse_scores_of == (new, old)
    assert spec.keep_scores


def test_another_engine_or_model_has_other_scores(bench):
    other_model, other_engine, same = (finish(bench) for _ in range(3))
    keys = JobKeys("u1", other_model)
    bench.write(keys.spec, {**spec_of(bench, other_model).model_dump(mode="json"), "model_sha256": "another"})
    bench.table.update("u1", other_engine, engine="openvino")
    assert spec_of(bench, bench.submit()).reuse_scores_of == (same,)


def test_so_many_jobs_at_most(bench):
    jobs = [finish(bench) for _ in range(3)]
    bench.service.settings = bench.settings.model_copy(update={"score_cache_jobs": 2})
    assert spec_of(bench, bench.submit()).reuse_scores_of == (jobs[2], jobs[1])


def test_the_search_has_an_end(bench, monkeypatch):
    monkeypatch.setattr(reuse, "_MAX_READ", 1)
    finish(bench)
    finish(bench, kept=False)
    assert spec_of(bench, bench.submit()).reuse_scores_of == ()


def test_switched_off_nothing_is_taken_or_kept(bench):
    finish(bench)
    bench.service.settings = bench.settings.model_copy(update={"score_cache_jobs": 0})
    spec = spec_of(bench, bench.submit())
    assert (spec.reuse_scores_of, spec.keep_scores) == ((), False)


def test_a_job_whose_spec_was_lost_lends_nothing(bench):
    job = finish(bench)
    bench.store.delete(JobKeys("u1", job).spec)
    assert spec_of(bench, bench.submit()).reuse_scores_of == ()


def test_a_jobs_scores_go_with_it(bench):
    job = finish(bench)
    bench.service.delete("u1", job)
    assert bench.stored() == []
    assert spec_of(bench, bench.submit()).reuse_scores_of == ()


def test_the_view_tells_how_many_scores_were_reused(bench):
    job, handle = bench.run()
    bench.write(JobKeys("u1", job).summary, summary_of(rows_reused=2))
    bench.launcher.end(handle, 0)
    bench.dispatcher.tick()
    assert bench.service.get("u1", job).rows_reused == 2
