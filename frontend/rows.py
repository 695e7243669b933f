"""The row counts of a job. No other part of the UI reads them."""

from __future__ import annotations

from frontend import words
from frontend.api.models import JobView


def read(job: JobView) -> int | None:
    """Rows in the file; None until the job has finished."""
    return job.rows_read


def accounting(job: JobView) -> str:
    """The sentence that accounts for every row of a finished job; '' for another job."""
    counts = (
        *(job.rows_read, job.rows_scored, job.rows_duplicate, job.rows_rejected, job.rows_not_judged),
        *(job.rows_with_text, job.texts_read),
    )
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return ""
    *rows, with_text, texts = known
    return words.accounting(*rows, with_text=with_text, texts=texts)


def reused(job: JobView) -> str:
    """How many scores came from earlier jobs; '' for none."""
    return words.reused(job.rows_reused)


def not_judged(job: JobView) -> str:
    """How many texts are in languages that the model does not read; '' for none."""
    return f"{words.count(job.rows_not_judged)} not judged" if job.rows_not_judged else ""
