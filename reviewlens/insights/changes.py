"""What changed most between two periods: positive shares of products, and mentions of words."""

from __future__ import annotations

from datetime import date as Date
from datetime import timedelta

import numpy as np
import polars as pl

from reviewlens.insights.models import Changes, Period, ShareChange, Tally, TermChange
from reviewlens.insights.plain import day, number
from reviewlens.insights.proportions import add, benjamini_hochberg, newcombe, tally, two_proportion_p
from reviewlens.insights.sections import TALLIED, row_tally, tally_counts
from reviewlens.insights.terms import Bools, Ints, Occurrences, Sample, without_echoes

LEAST_PER_PERIOD = 10
LEAST_EXPECTED = 5
FALSE_SHARE = 0.05
TOP = 12
TOP_RISING = 3


def choose_split(days: pl.DataFrame) -> Date | None:
    """The first day of the later period, which holds about a third of the reviews; the start of a month if one fits.

    `days`: _date and count, without nulls, sorted. None if there is nothing to compare.
    """
    if days.height < 2:
        return None
    dates: list[Date] = days["_date"].to_list()
    total = int(days["count"].sum())
    later = days["count"].reverse().cum_sum().reverse().to_list()
    best = min(range(1, len(dates)), key=lambda i: (abs(later[i] / total - 1 / 3), i))
    months = [
        i for i in range(1, len(dates)) if (dates[i].year, dates[i].month) != (dates[i - 1].year, dates[i - 1].month)
    ]
    fitting = [i for i in months if 0.2 <= later[i] / total <= 0.5]
    if fitting:
        best = min(fitting, key=lambda i: (abs(later[i] / total - 1 / 3), i))
        return dates[best].replace(day=1)
    return dates[best]


def find_changes(
    rows: pl.LazyFrame, days: pl.DataFrame, sample: Sample, occurrences: Occurrences, since: Date | None = None
) -> Changes:
    """Compare the reviews before `since` with the later ones; None: a day is chosen, and the note names it."""
    dated = days.drop_nulls("_date").sort("_date")
    split = since or choose_split(dated)
    if split is None:
        reason = "all have the same date" if dated.height else "have no dates"
        return Changes(available=False, note=f"Nothing to compare: the reviews shown {reason}.")
    before, after = dated.filter(pl.col("_date") < split), dated.filter(pl.col("_date") >= split)
    counts = [int(part["count"].sum()) for part in (before, after)]
    if min(counts) < LEAST_PER_PERIOD:
        return Changes(
            available=False,
            note=f"Too few reviews to compare: {counts[0]:,} before {day(split)} and {counts[1]:,} since; "
            f"each side needs {LEAST_PER_PERIOD}.",
        )
    earlier = _period(before, before["_date"].to_list()[0], split - timedelta(days=1))
    later = _period(after, split, after["_date"].to_list()[-1])
    dates = sample.frame["date"]
    is_later = (dates >= split).fill_null(value=False).to_numpy().astype(np.bool_)
    is_earlier = (dates < split).fill_null(value=False).to_numpy().astype(np.bool_)
    products, looked_at_products = _products(rows, split)
    for change in products:
        of_product = (sample.frame["product"] == change.name).fill_null(value=False).to_numpy().astype(np.bool_)
        changed, _ = _terms(sample, occurrences, is_earlier & of_product, is_later & of_product)
        change.rising = [term.term for term in changed if term.difference > 0][:TOP_RISING]
    terms, looked_at_terms = _terms(sample, occurrences, is_earlier, is_later)
    how = "from the day given" if since else "about the latest third of the dated reviews"
    return Changes(
        earlier=earlier,
        later=later,
        overall=_share_changes([("All reviews", earlier.tally, later.tally)])[0],
        products=sorted(products, key=lambda change: (-abs(change.difference), change.name))[:TOP],
        terms=terms,
        looked_at_products=looked_at_products,
        looked_at_terms=looked_at_terms,
        min_count=LEAST_PER_PERIOD,
        note=f"Compares the reviews since {day(split)} ({how}) with those before. Of "
        f"{number(looked_at_products, 'product')} with at least {LEAST_PER_PERIOD} reviews on each side and "
        f"{number(looked_at_terms, 'word or phrase', 'words and phrases')}, it lists those whose change is significant "
        "after correction for multiple comparisons (at most 1 in 20 of those listed is expected to be due to chance). "
        "For words, the same text counts once.",
    )


def _period(days: pl.DataFrame, start: Date, end: Date) -> Period:
    counted = add(*(tally(*row) for row in days.select(TALLIED).iter_rows()))
    return Period(start=start, end=end, label=f"{day(start)} to {day(end)}", tally=counted)


def _products(rows: pl.LazyFrame, split: Date) -> tuple[list[ShareChange], int]:
    """Products whose positive share clearly differs, and the number compared."""
    counted = (
        rows.drop_nulls(["_product", "_date"])
        .group_by("_product", later=pl.col("_date") >= split)
        .agg(tally_counts())
        .filter(pl.col("count") >= LEAST_PER_PERIOD)
        .filter(pl.len().over("_product") == 2)
        .sort("_product", "later")
        .collect(engine="streaming")
    )
    groups: list[tuple[str, Tally, Tally]] = []
    tallies = [(row["_product"], row_tally(row)) for row in counted.to_dicts()]
    for (name, before), (_, after) in zip(tallies[::2], tallies[1::2], strict=True):
        groups.append((name, before, after))
    changes = _share_changes(groups)
    return [change for change in changes if change.q_value <= FALSE_SHARE], len(changes)


def _share_changes(groups: list[tuple[str, Tally, Tally]]) -> list[ShareChange]:
    p_values = [two_proportion_p(a.positive, a.count, b.positive, b.count) for _, a, b in groups]
    changes = []
    for (name, a, b), p, q in zip(groups, p_values, benjamini_hochberg(p_values), strict=True):
        difference, low, high = newcombe(a.positive, a.count, b.positive, b.count)
        changes.append(
            ShareChange(name=name, earlier=a, later=b, difference=difference, low=low, high=high, p_value=p, q_value=q)
        )
    return changes


def _terms(
    sample: Sample, occurrences: Occurrences, is_earlier: Bools, is_later: Bools
) -> tuple[list[TermChange], int]:
    """Terms mentioned clearly more or less often, largest change first, and the number compared."""
    totals = int(is_earlier.sum()), int(is_later.sum())
    if min(totals) == 0:
        return [], 0
    earlier, later = occurrences.count(is_earlier), occurrences.count(is_later)
    least = LEAST_EXPECTED * sum(totals) / min(totals)
    eligible = [int(i) for i in np.flatnonzero(earlier + later >= least)]
    p_values = [two_proportion_p(int(earlier[i]), totals[0], int(later[i]), totals[1]) for i in eligible]
    q_values = dict(zip(eligible, benjamini_hochberg(p_values), strict=True))
    p_of = dict(zip(eligible, p_values, strict=True))
    differences = later / totals[1] - earlier / totals[0]
    clear = [i for i in eligible if q_values[i] <= FALSE_SHARE]
    order = sorted(clear, key=lambda i: (-abs(differences[i]), occurrences.terms[i]))
    later_positive: Ints = occurrences.count(is_later & sample.frame["positive"].to_numpy().astype(np.bool_))
    changes = []
    for i in without_echoes(order, occurrences, TOP):
        mentions = int(earlier[i]), int(later[i])
        difference, low, high = newcombe(mentions[0], totals[0], mentions[1], totals[1])
        changes.append(
            TermChange(
                term=occurrences.terms[i],
                earlier_mentions=mentions[0],
                earlier_total=totals[0],
                later_mentions=mentions[1],
                later_total=totals[1],
                later_positive_share=int(later_positive[i]) / mentions[1] if mentions[1] else None,
                difference=difference,
                low=low,
                high=high,
                p_value=p_of[i],
                q_value=q_values[i],
            )
        )
    return changes, len(eligible)
