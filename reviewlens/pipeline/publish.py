"""Stage 6: join the parts into the outputs, then write the summary."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.languages import most_frequent, name_languages, unread_languages
from reviewlens.contracts.outputs import REJECTED_COLUMNS, names, served_names
from reviewlens.contracts.roles import Role
from reviewlens.contracts.stages import JobStage
from reviewlens.contracts.summary import ScoringModel, SentimentCounts, ServedColumn, Summary
from reviewlens.pipeline.assemble import Tally, groups
from reviewlens.pipeline.cache import reused_scores
from reviewlens.pipeline.csvtext import csv_line
from reviewlens.pipeline.rows import processed_columns, served_header
from reviewlens.pipeline.work import JobContext, Plan
from reviewlens.reviews.cleaning import CLEANING_VERSION

_CHUNK = 1 << 20


def publish(job: JobContext, plan: Plan) -> None:
    """Write every output and then the summary, which marks the others as complete."""
    keys, store = job.keys, job.store
    numbers = range(len(list(groups(plan))))
    total = Tally()
    for number in numbers:
        total.add(Tally(**json.loads(store.get(job.work.part(number, "tally.json")))))
    total.check()
    if total.rows != plan.rows:
        raise AssertionError(f"{plan.rows} rows were read, {total.rows} were assembled")
    question = job.spec.mapping.asks_several
    with job.progress.stage(JobStage.PUBLISH, 0, plan.rows):
        job.control.check()
        for key, name, header in (
            (keys.served_csv, "served.csv", served_header(plan.headers, question=question)),
            (keys.processed_csv, "processed.csv", csv_line(names(processed_columns(question=question)))),
            (keys.rejected_csv, "rejected.csv", csv_line(names(REJECTED_COLUMNS))),
        ):
            job.control.check_lease()
            store.put(key, _joined(job, numbers, name, header))
        store.delete_prefix(keys.served_parquet)
        for number in numbers:
            job.control.check_lease()
            store.copy(job.work.part(number, "served.parquet"), f"{keys.served_parquet}part-{number:05d}.parquet")
        store.copy(keys.served_csv, keys.newest_served_csv)
        store.copy(keys.processed_csv, keys.newest_processed_csv)
        job.progress.advance(plan.rows, keeps=False)
    job.put(keys.summary, summarise(job, plan, total).model_dump_json(indent=1).encode())


def summarise(job: JobContext, plan: Plan, total: Tally) -> Summary:
    """The document inference_summary.json."""
    spec = job.spec
    facts = json.loads(job.store.get(job.work.engine))
    served = total.scored + total.duplicate
    return Summary(
        job=spec.job,
        filename=spec.filename,
        rows_read=total.rows,
        rows_scored=total.scored,
        rows_duplicate=total.duplicate,
        rows_not_judged=total.not_judged,
        rows_rejected=total.rejected,
        rows_with_text=total.rows_with_text,
        texts_read=total.texts,
        rows_reused=reused_scores(job),
        distribution=SentimentCounts(positive=total.positive, negative=total.negative),
        needs_review=total.needs_review,
        mixed=total.mixed,
        mean_confidence=round(total.confidence_sum / served, 6) if served else None,
        rejected_reasons=dict(sorted(total.rejected_reasons.items())),
        languages=dict(sorted(total.languages.items(), key=lambda item: (-item[1], item[0]))),
        warnings=[*plan.warnings, *_warnings(total, facts), *_language_warnings(total, spec)],
        model=ScoringModel(
            engine=spec.engine,
            name=facts.get("base_model", facts["model_version"]),
            version=facts["model_version"],
            sha256=facts["model_sha256"],
            needs_review_below=facts["needs_review_below"],
            mixed_band=facts["mixed_band"],
            languages=spec.languages,
            fallback=facts["full_precision_fallback"],
        ),
        mapping=spec.mapping,
        dialect=spec.dialect,
        columns=[
            ServedColumn(index=index, name=header, served_name=name)
            for index, (header, name) in enumerate(zip(plan.headers, served_names(plan.headers), strict=True))
        ],
        ledger=plan.ledger,
        cleaning_version=CLEANING_VERSION,
        submitted_at=spec.submitted_at,
        timings=job.progress.timings(),
    )


def _warnings(total: Tally, facts: dict[str, object]) -> Iterator[str]:
    for count, role in ((total.unread_dates, Role.DATE), (total.unread_ratings, Role.RATING)):
        if count:
            yield f"In {count:,} row{'s' if count > 1 else ''} the {role} could not be read and is left empty."
    if facts["full_precision_fallback"]:
        yield "The model's fast precision gives wrong results on this processor; the slower full precision was used."
    if total.rows and total.rows == total.rejected:
        yield "No row could be scored; rejected.csv has the reasons."


def _language_warnings(total: Tally, spec: JobSpec) -> Iterator[str]:
    unread = unread_languages(total.languages, spec.languages)
    if not unread:
        return
    what = f"Reviews in {most_frequent(unread)}"
    if spec.mapping.all_languages:
        yield (
            f"{what} were judged because you asked for it. The model was validated for "
            f"{name_languages(spec.languages)} only; do not rely on their sentiment."
        )
    else:
        yield (
            f"{what} have no sentiment, because the model reads {name_languages(spec.languages)}. To have them judged "
            "all the same, analyse the file again with the choice “Judge all languages”, or upload a translation."
        )


def _joined(job: JobContext, numbers: range, name: str, header: str) -> Iterator[bytes]:
    yield header.encode()
    for number in numbers:
        with job.store.open(job.work.part(number, name)) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
