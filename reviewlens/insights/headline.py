"""What a manager should know first: a few sentences, and none where the evidence is weak."""

from __future__ import annotations

from reviewlens.contracts.languages import name_languages
from reviewlens.insights.models import (
    Agreement,
    ByProduct,
    Changes,
    Counts,
    Distribution,
    Drivers,
    LanguageRow,
    ShareChange,
)
from reviewlens.insights.plain import MIXED, day, listing, number, percent, points, quoted

LEAST_REVIEWS = 30
CLEAR = 0.05
LEAST_Z = 2.5
LEAST_MENTIONS = 5
MANY_UNSURE = 0.1
MANY_MIXED = 0.1
MOST_SENTENCES = 5


def headline(
    counts: Counts,
    overall: Distribution,
    *,
    languages: list[LanguageRow],
    reads: tuple[str, ...],
    changes: Changes,
    products: ByProduct,
    drivers: Drivers,
    stars: Agreement,
) -> list[str]:
    """At most five sentences, the most general first; fewer if the evidence supports fewer.

    Before them, a sentence about the reviews of the file that are not judged, if there are any. `reads`: the languages
    that the model reads.
    """
    return [*_not_judged(counts, languages, reads), *_findings(counts, overall, changes, products, drivers, stars)]


def _not_judged(counts: Counts, languages: list[LanguageRow], reads: tuple[str, ...]) -> list[str]:
    """How many reviews of the file the model does not read, and their most frequent languages."""
    others = [row for row in languages if not row.judged]
    if not others:
        return []
    served = counts.served + counts.not_judged
    number_of = "All" if counts.not_judged == served else f"{counts.not_judged:,} of"
    verb = "is" if counts.not_judged == 1 else "are"
    names = others[0].name
    if len(others) > 1:
        most = [f"{row.name} ({row.reviews:,})" for row in others[:2]]
        names = f"other languages, mostly {listing(most)}" if len(others) > 2 else listing(most)
    return [
        f"{number_of} {number(served, 'review')} {verb} in {names}; this model reads {name_languages(reads)}. "
        f"{'It has' if counts.not_judged == 1 else 'They have'} no sentiment and {verb} not counted below."
    ]


def _findings(
    counts: Counts, overall: Distribution, changes: Changes, products: ByProduct, drivers: Drivers, stars: Agreement
) -> list[str]:
    if counts.shown == 0 and counts.not_judged_shown and counts.served:
        return [f"The filters match {number(counts.not_judged_shown, 'review')}, none of which has a sentiment."]
    if counts.not_judged and not counts.served:
        return []
    if overall.positive_share is None or overall.low is None or overall.high is None:
        return ["No reviews match the filters." if counts.served else "No review in this file could be scored."]
    which = "the reviews" if counts.hidden == 0 else "the reviews that match the filters"
    if counts.shown < LEAST_REVIEWS:
        return [
            f"{overall.positive:,} of {which} are positive and {overall.negative:,} negative; "
            f"with {number(counts.shown, 'review')}, that is too few for firm conclusions."
        ]
    first = (
        f"{percent(overall.positive_share, counts.shown)} of {which} are positive "
        f"({overall.positive:,} of {counts.shown:,}; 95 % interval {percent(overall.low, counts.shown)} "
        f"to {percent(overall.high, counts.shown)})."
    )
    sentences = [
        first,
        *_over_all(changes),
        *_by_product(changes),
        *_least_liked(products, overall.positive_share, changes),
        *_words(drivers),
        *_reading(overall, stars),
    ]
    return sentences[:MOST_SENTENCES]


def _over_all(changes: Changes) -> list[str]:
    change = changes.overall
    if change is None or changes.later is None or change.p_value > CLEAR:
        return []
    before, after = change.earlier.positive_share or 0.0, change.later.positive_share or 0.0
    direction = "more" if change.difference > 0 else "less"
    return [
        f"Reviews have become {direction} positive: {percent(after)} since {day(changes.later.start)}, "
        f"{percent(before)} before."
    ]


def _by_product(changes: Changes) -> list[str]:
    """The product with the largest clear fall, and the one with the largest clear rise."""
    if changes.later is None:
        return []
    chosen = [
        min(
            (change for change in changes.products if change.difference < 0),
            key=lambda change: change.difference,
            default=None,
        ),
        max(
            (change for change in changes.products if change.difference > 0),
            key=lambda change: change.difference,
            default=None,
        ),
    ]
    return [_product_sentence(change, day(changes.later.start)) for change in chosen if change is not None]


def _product_sentence(change: ShareChange, since: str) -> str:
    verb = "got better" if change.difference > 0 else "got worse"
    text = (
        f"{change.name} {verb}: {percent(change.later.positive_share or 0.0)} positive since {since}, "
        f"{percent(change.earlier.positive_share or 0.0)} before (a change of {points(change.difference)})"
    )
    return f"{text}; reviewers now mention {quoted(change.rising)} more often." if change.rising else f"{text}."


def _least_liked(products: ByProduct, overall: float, changes: Changes) -> list[str]:
    """Products whose whole interval lies below the overall share, unless already named as falling."""
    named = {change.name for change in changes.products}
    below = [
        row
        for row in products.rows
        if row.count >= LEAST_REVIEWS and row.high is not None and row.high < overall and row.product not in named
    ]
    if not below:
        return []
    below.sort(key=lambda row: row.positive_share or 0.0)
    return [
        "Clearly below average: "
        + listing(
            [f"{row.product} ({percent(row.positive_share or 0.0)} of {row.count:,} positive)" for row in below[:3]]
        )
        + "."
    ]


def _words(drivers: Drivers) -> list[str]:
    sides = []
    for name, terms in (("Negative", drivers.negative), ("Positive", drivers.positive)):
        clear = [term.term for term in terms if abs(term.z) >= LEAST_Z and term.reviews >= LEAST_MENTIONS][:3]
        if clear:
            sides.append(f"{name} reviews stand out by {quoted(clear)}")
    return ["; ".join([sides[0], *(f"{side[0].lower()}{side[1:]}" for side in sides[1:])]) + "."] if sides else []


def _reading(overall: Distribution, stars: Agreement) -> list[str]:
    """How far the sentiments can be trusted, and what a person should read."""
    parts = []
    if stars.share is not None and stars.compared >= LEAST_REVIEWS:
        parts.append(f"the sentiments agree with the stars in {percent(stars.share, stars.compared)} of rated reviews")
    if (overall.needs_review_share or 0.0) >= MANY_UNSURE:
        parts.append(f"{number(overall.needs_review, 'review')} are uncertain enough that a person should read them")
    if MANY_MIXED <= (overall.mixed_share or 0.0) < 1:  # 1: the filter selects them
        parts.append(f"{number(overall.mixed, 'review')} are mixed ({MIXED})")
    if not parts:
        return []
    text = listing(parts)
    return [f"{text[0].upper()}{text[1:]}."]
