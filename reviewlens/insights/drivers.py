"""The words and phrases that tell positive from negative reviews: weighted log-odds with an informative prior."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reviewlens.insights.models import Drivers, Term
from reviewlens.insights.terms import Ints, Occurrences, Sample, without_echoes

PRIOR_SHARE, PRIOR_MOST = 0.05, 500.0
LEAST_Z = 1.5
LEAST_REVIEWS = 20
TOP = 15

Floats = npt.NDArray[np.float64]


def weighted_log_odds(positive: Ints, negative: Ints) -> tuple[Floats, Floats]:
    """Log-odds ratio of each term (above 0: positive) and its z-score, from its counts in the two corpora.

    Monroe, B. L., Colaresi, M. P. and Quinn, K. M. (2008), Fightin' words, Political Analysis 16, 372-403,
    equations 16, 19 and 22. The prior is the share of each term in both corpora together; it weighs a twentieth of all
    observations, at most 500.
    """
    both = positive + negative
    prior = min(PRIOR_MOST, PRIOR_SHARE * float(both.sum()))
    alpha = prior * both / both.sum()
    total_positive, total_negative = positive.sum() + prior, negative.sum() + prior
    log_odds = np.log((positive + alpha) / (total_positive - positive - alpha)) - np.log(
        (negative + alpha) / (total_negative - negative - alpha)
    )
    return log_odds, log_odds / np.sqrt(1 / (positive + alpha) + 1 / (negative + alpha))


def build_drivers(sample: Sample, occurrences: Occurrences, *, top: int = TOP) -> Drivers:
    """The strongest terms of each sentiment. z-scores count distinct texts; the counts shown cover all sampled rows."""
    positive_docs = sample.frame["positive"].to_numpy().astype(np.bool_)
    if min(positive_docs.sum(), (~positive_docs).sum()) < 3 or len(positive_docs) < LEAST_REVIEWS:
        return Drivers(
            available=False,
            based_on=sample.rows,
            sampled=sample.sampled,
            note=f"A comparison of words needs {LEAST_REVIEWS} different reviews, at least three of each sentiment.",
        )
    weights = sample.frame["weight"].to_numpy()
    positive, negative = occurrences.count(positive_docs), occurrences.count(~positive_docs)
    z, log_odds = np.zeros(len(positive)), np.zeros(len(positive))
    for size in np.unique(occurrences.words):
        same = occurrences.words == size
        if same.sum() > 1:
            log_odds[same], z[same] = weighted_log_odds(positive[same], negative[same])
    rows, positive_rows = occurrences.count(weights), occurrences.count(weights * positive_docs)

    def strongest(sign: int) -> list[Term]:
        order = [int(i) for i in np.lexsort((-rows, -sign * z)) if sign * z[i] >= LEAST_Z]
        return [
            Term(
                term=occurrences.terms[i],
                words=int(occurrences.words[i]),
                z=float(z[i]),
                log_odds=float(log_odds[i]),
                reviews=int(rows[i]),
                positive_reviews=int(positive_rows[i]),
                negative_reviews=int(rows[i] - positive_rows[i]),
            )
            for i in without_echoes(order, occurrences, top)
        ]

    note = (
        f"{len(occurrences.terms):,} words and phrases were compared. "
        "The first in each list are the clearest; the last may be hints only."
    )
    if sample.sampled:
        note += f" Counts are from an even sample of {sample.rows:,} of the reviews shown."
    return Drivers(
        positive=strongest(1),
        negative=strongest(-1),
        based_on=sample.rows,
        sampled=sample.sampled,
        looked_at=len(occurrences.terms),
        note=note,
    )
