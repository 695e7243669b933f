"""Stage 4: engines in Spark's Python workers score every new text, slice by slice."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.stages import JobStage
from reviewlens.errors import ConfigurationError
from reviewlens.model.loading import model_sha256
from reviewlens.model.locate import is_remote, local_model
from reviewlens.pipeline import steps
from reviewlens.pipeline.cache import Earlier, Known, count_reused, look_up, store_identity
from reviewlens.pipeline.cache_identity import scoring_identity
from reviewlens.pipeline.deduplicate import Duplicates, load_duplicates
from reviewlens.pipeline.in_worker import count_scored, describe_engine
from reviewlens.pipeline.slices import read_slice, run_slices
from reviewlens.pipeline.work import JobContext, Plan, Slice
from reviewlens.spark.session import Spark


def infer(job: JobContext, plan: Plan, spark: Spark) -> None:
    """Commit the scores of every slice that has none yet.

    A slice whose scores are all known from earlier jobs needs no engine; if every slice is such, none is loaded.
    Errors: ConfigurationError if the model is not the one in the spec, or does not work on this machine.
    """
    for number in job.numbers(job.work.scores):
        job.progress.reused(count_reused(job, number))
    todo = _todo(job, plan)
    if not todo and job.store.head(job.work.engine) is not None:
        return
    model, sha256 = checked_model(job.spec)
    identity = scoring_identity(job.spec.engine, model, sha256)
    duplicates = load_duplicates(job)
    earlier = Earlier(job, identity)
    store_identity(job, identity, replace=False)
    todo = _reuse_whole_slices(job, plan, todo, duplicates, earlier)
    if not todo and job.store.head(job.work.engine) is not None:
        return
    with job.progress.stage(JobStage.INFER, plan.rows - sum(part.rows for part in todo), plan.rows):
        with job.progress.paused():
            session = spark.get()
            facts = warm_up(session, job.workers, job.spec.engine, model)
        if _settle_engine(job, facts):
            store_identity(job, identity, replace=True)
            job.progress.reused(None)
            todo = _todo(job, plan)
        known = earlier.with_facts(facts)
        run_slices(
            job,
            session,
            todo,
            lambda part: _score_slice(job, session, part, duplicates, known, model),
            lambda part: count_scored(_count_file(job, part)) // job.spec.mapping.texts_per_row,
        )


def checked_model(spec: JobSpec) -> tuple[str, str]:
    """Where workers load the spec's model from ('' for the shipped one) and its SHA-256.

    A model that has an address is downloaded here, once; workers on other machines download it themselves. Raises
    ConfigurationError (code `model-changed`) when the SHA-256 is not the one in the spec; else as for `local_model`.
    """
    path = local_model(spec.model)
    sha256 = model_sha256(spec.engine, path)
    if spec.model_sha256 and sha256 != spec.model_sha256:
        raise ConfigurationError(
            "The model has changed since this job was submitted; submit the file again.", code="model-changed"
        )
    return spec.model if is_remote(spec.model) else str(path or ""), sha256


def warm_up(session: SparkSession, workers: int, engine: str, model: str) -> dict[str, object]:
    """Load the engine in every worker, before the stage's time counts; return the facts that the workers report."""
    answers = (
        session.range(0, workers, 1, workers)
        .mapInArrow(partial(describe_engine, engine=engine, model=model), "answer string")
        .toArrow()
        .column("answer")
        .to_pylist()
    )
    facts: dict[str, object] = {}
    for answer in map(json.loads, answers):
        if "facts" not in answer:
            raise ConfigurationError(answer["message"], code=answer["code"])
        facts = answer["facts"]
    return facts


def _todo(job: JobContext, plan: Plan) -> list[Slice]:
    done = job.numbers(job.work.scores)
    return [part for part in plan.slices if part.records and part.number not in done]


def _settle_engine(job: JobContext, facts: dict[str, object]) -> bool:
    """Commit the engine's facts; return True if an earlier attempt had different ones, whose scores are discarded.

    An attempt on another machine may have used another precision: one output never mixes the two.
    """
    described = json.dumps(facts, sort_keys=True).encode()
    earlier = job.store.head(job.work.engine)
    changed = earlier is not None and job.store.get(job.work.engine) != described
    if changed:
        job.store.delete_prefix(job.work.scores)
        job.store.delete_prefix(job.work.parts)
    if changed or earlier is None:
        job.put(job.work.engine, described)
    return changed


def _reuse_whole_slices(
    job: JobContext, plan: Plan, todo: list[Slice], duplicates: Duplicates, earlier: Earlier
) -> list[Slice]:
    """Commit the slices whose scores are all known from earlier jobs; return the others."""
    settled = job.store.head(job.work.engine) is not None
    known = earlier.with_facts(json.loads(job.store.get(job.work.engine)) if settled else None)
    if known.facts is None or not known.indexes:
        return todo
    remaining: list[Slice] = []
    with job.progress.stage(JobStage.INFER, plan.rows - sum(part.rows for part in todo), plan.rows):
        for part in todo:
            job.control.check()
            to_score = look_up(job, part, duplicates, known)
            if not to_score.known.all():
                remaining.append(part)
                continue
            if not settled:
                _settle_engine(job, known.facts)
                settled = True
            _commit(job, part, to_score.table())
            job.progress.advance(part.rows)
        if not remaining and not settled:  # there is no text to score
            _settle_engine(job, known.facts)
    return remaining


def _score_slice(
    job: JobContext, session: SparkSession, part: Slice, duplicates: Duplicates, known: Known, model: str
) -> None:
    to_score = look_up(job, part, duplicates, known)
    fresh = None
    if not to_score.known.all():
        repeated, _ = duplicates.within(part)
        count_file = "" if job.cluster else str(_count_file(job, part))  # other machines cannot write to this disk
        fresh = (
            read_slice(job, session, job.work.cleaned(part.number), steps.CLEANED)
            .transform(steps.to_be_scored([*repeated.tolist(), *to_score.rows[to_score.known].tolist()]))
            .transform(steps.score(job.spec.engine, model, count_file))
            .toArrow()
        )
    _commit(job, part, to_score.table(fresh))
    _count_file(job, part).unlink(missing_ok=True)


def _count_file(job: JobContext, part: Slice) -> Path:
    return job.scratch / f"scored-{part.number:05d}"


def _commit(job: JobContext, part: Slice, scores: pa.Table) -> None:
    job.put_table(job.work.scored(part.number), scores)
    job.progress.reused(pc.sum(scores.column("reused")).as_py() or 0)
