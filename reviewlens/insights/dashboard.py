"""The dashboard of one job, with filters: a few lazy passes over the served rows, in bounded memory."""

from __future__ import annotations

from datetime import date as Date

import polars as pl

from reviewlens.contracts.languages import language_name
from reviewlens.contracts.summary import Summary
from reviewlens.insights import by_segment, sections
from reviewlens.insights.changes import find_changes
from reviewlens.insights.drivers import build_drivers
from reviewlens.insights.filters import agrees_with_stars, condition, is_judged, is_positive, stars_take_a_side
from reviewlens.insights.headline import headline
from reviewlens.insights.models import Counts, Dashboard, Examples, Filters, LanguageRow, Review
from reviewlens.insights.rejected import rejected_rows
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import reviews_by_text
from reviewlens.insights.segments import Segments, segments_of
from reviewlens.insights.terms import find_terms, take_sample

EXAMPLES = 10
DISAGREEMENTS = 25
_CANDIDATES = 300  # more than are shown, since of duplicates only one is shown


def build_dashboard(results: Results, filters: Filters, *, since: Date | None = None) -> Dashboard:
    """The dashboard. `since`: first day of the later period; None: about the latest third of the reviews.

    Errors: InputError (`no-such-segment`).
    """
    segments = segments_of(results)
    matching = _matching(results, filters, segments)
    rows = matching.filter(is_judged())
    lazy = {
        **sections.aggregates(rows),
        **by_segment.aggregates(rows, segments),
        **_candidates(rows),
        "not_judged": matching.filter(~is_judged()).select(pl.len()),
    }
    collected = dict(zip(lazy, pl.collect_all(list(lazy.values()), engine="streaming"), strict=True))
    shown = int(collected["all"]["count"].item())

    sample = take_sample(rows, shown)
    occurrences = find_terms(sample.frame["text"], least=max(3, sample.frame.height // 2000))
    drivers = build_drivers(sample, occurrences)
    changes = find_changes(rows, collected["days"], sample, occurrences, since)

    examples, disagreements = _read(results, collected)
    summary = results.summary
    accounting = summary.accounting
    counts = Counts(
        **accounting.model_dump(),
        shown=shown,
        hidden=accounting.served - shown,
        not_judged_shown=int(collected["not_judged"].item()),
    )
    languages = language_rows(summary)
    model = summary.model
    overall = sections.distribution(collected["all"], has_band=model.mixed_band is not None)
    product, *others = by_segment.by_segments(collected, segments, filters.segment_columns)
    products = by_segment.by_product(product)
    rating = sections.by_rating(collected["stars"], collected["all"])
    stars = sections.agreement(collected["agreement"], rating, disagreements)
    return Dashboard(
        job=summary.job,
        filename=summary.filename,
        finished_at=summary.timings.finished_at,
        model=model,
        filters=filters.plain(),
        questions=results.questions,
        counts=counts,
        headline=headline(
            counts,
            overall,
            languages=languages,
            reads=model.languages,
            changes=changes,
            products=products,
            drivers=drivers,
            stars=stars,
        ),
        warnings=summary.warnings,
        languages=languages,
        distribution=overall,
        over_time=sections.over_time(collected["days"]),
        changes=changes,
        by_product=products,
        segments=[product, *others] if product.available else others,
        by_rating=rating,
        agreement=stars,
        drivers=drivers,
        confidence=sections.histogram(collected["bins"], model.needs_review_below),
        examples=examples,
        set_aside=rejected_rows(results),
    )


def language_rows(summary: Summary) -> list[LanguageRow]:
    """The languages of the file; none for results that were made before languages were detected."""
    judges_all = summary.mapping.all_languages
    return [
        LanguageRow(
            language=code,
            name=language_name(code),
            reviews=count,
            judged=judges_all or code in summary.model.languages,
        )
        for code, count in summary.languages.items()
    ]


def _matching(results: Results, filters: Filters, segments: Segments) -> pl.LazyFrame:
    rows = results.scan().filter(condition(filters, segments))
    if not filters.words:
        return rows
    # Searching texts is slow, and there are several passes: search once and keep the row numbers.
    matches = rows.select("_row").collect(engine="streaming")
    return results.scan().join(matches.lazy(), on="_row", how="semi", maintain_order="left")


def _candidates(rows: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """Row numbers of the reviews to read, without their texts."""
    narrow = rows.select(
        "confidence",
        "_row",
        key=pl.coalesce("_duplicate_of", "_row"),
        positive=is_positive(),
        apart=(stars_take_a_side() & ~agrees_with_stars()).fill_null(value=False),
    )

    def first(part: pl.LazyFrame, *, surest: bool) -> pl.LazyFrame:
        return (
            part.select("confidence", "_row", "key")
            .sort("confidence", "_row", descending=[surest, False])
            .head(_CANDIDATES)
        )

    return {
        "surest_positive": first(narrow.filter("positive"), surest=True),
        "surest_negative": first(narrow.filter(~pl.col("positive")), surest=True),
        "least_certain": first(narrow, surest=False),
        "disagreements": first(narrow.filter("apart"), surest=True),
    }


def _read(results: Results, collected: dict[str, pl.DataFrame]) -> tuple[Examples, list[Review]]:
    """Fetch the texts of all candidates in one pass."""
    rows = {
        name: collected[name].unique("key", keep="first", maintain_order=True)["_row"].head(most).to_list()
        for name, most in (
            ("surest_positive", EXAMPLES),
            ("surest_negative", EXAMPLES),
            ("least_certain", EXAMPLES),
            ("disagreements", DISAGREEMENTS),
        )
    }
    texts = sorted({text for some in rows.values() for text in some})
    reviews = dict(zip(texts, reviews_by_text(results, texts), strict=True))
    listed = {name: [reviews[row] for row in numbers] for name, numbers in rows.items()}
    return (
        Examples(
            available=bool(reviews),
            most_confident_positive=listed["surest_positive"],
            most_confident_negative=listed["surest_negative"],
            least_certain=listed["least_certain"],
            note="Reviews with the same text are listed once." if reviews else "No reviews match the filters.",
        ),
        listed["disagreements"],
    )
