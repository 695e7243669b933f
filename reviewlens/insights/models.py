"""The shapes that insights answer with: a dashboard, its sections, pages of reviews (and the queries)."""

from __future__ import annotations

from datetime import date as Date
from typing import Literal

from pydantic import BaseModel

from reviewlens.contracts.summary import Accounting, ModelFacts
from reviewlens.insights.queries import ExportQuery, Filters, Format, ReviewQuery, Sentiment, Sort, What

__all__ = [
    "Agreement",
    "Bin",
    "Bucket",
    "ByProduct",
    "ByRating",
    "Changes",
    "ConfidenceHistogram",
    "Confusion",
    "Counts",
    "Dashboard",
    "Distribution",
    "Drivers",
    "Examples",
    "ExportQuery",
    "Filters",
    "Format",
    "ModelFacts",
    "OverTime",
    "Period",
    "ProductRow",
    "RatingRow",
    "Reason",
    "RejectedRow",
    "Review",
    "ReviewPage",
    "ReviewQuery",
    "Section",
    "Sentiment",
    "SetAside",
    "ShareChange",
    "Sort",
    "Tally",
    "Term",
    "TermChange",
    "TimePoint",
    "What",
]

Bucket = Literal["day", "week", "month", "quarter", "year"]


class Review(BaseModel):
    """One served row; `text` and `title` are the cleaned texts, `row` is the 1-based record number in the file."""

    row: int
    review_id: str
    text: str
    title: str | None = None
    rating: float | None = None
    date: Date | None = None
    product: str | None = None
    sentiment: Sentiment
    confidence: float
    positive_score: float
    needs_review: bool
    mixed: bool
    duplicate_of: int | None = None


class ReviewPage(BaseModel):
    """Some of the matching reviews; `next_cursor` is None on the last page; `total` counts all that match."""

    reviews: list[Review]
    total: int
    next_cursor: str | None = None


class Tally(BaseModel):
    """Reviews of some kind: count = positive + negative.

    `positive_share` comes with its 95 % Wilson interval (all three None when count is 0). `mixed` reviews count on the
    side they lean to as well; it is 0 where the model calls nothing mixed.
    """

    count: int = 0
    positive: int = 0
    negative: int = 0
    needs_review: int = 0
    mixed: int = 0
    positive_share: float | None = None
    low: float | None = None
    high: float | None = None


class Section(BaseModel):
    """A part of the dashboard.

    `available` is False when the file cannot answer it; `note` then says why, else how to read it.
    """

    available: bool = True
    note: str = ""


class Counts(Accounting):
    """The rows of the file; served = shown + hidden (by the filters)."""

    shown: int
    hidden: int


class Distribution(Tally):
    """The sentiment of the rows shown; `mixed_share` is None where the model calls nothing mixed."""

    mean_confidence: float | None = None
    needs_review_share: float | None = None
    mixed_share: float | None = None
    note: str = ""


class TimePoint(Tally):
    """One bucket, `start` to `end` inclusive; an empty bucket has count 0 and no share: a gap in the line."""

    start: Date
    end: Date
    label: str


class OverTime(Section):
    """Contiguous buckets from the first date to the last; sum of counts + `undated` = shown."""

    bucket: Bucket = "month"
    points: list[TimePoint] = []
    undated: int = 0


class Period(BaseModel):
    """One of the two periods compared, both ends inclusive."""

    start: Date
    end: Date
    label: str
    tally: Tally


class ShareChange(BaseModel):
    """A positive share in two periods.

    `difference` = later - earlier (0.1: ten percentage points more), `low` to `high` its 95 % Newcombe interval.
    `p_value`: two-proportion z-test, two-sided; `q_value`: the same after Benjamini-Hochberg over all looked at.
    `rising`: words and phrases that the later reviews of this product mention more often, if any clearly are.
    """

    name: str
    earlier: Tally
    later: Tally
    difference: float
    low: float
    high: float
    p_value: float
    q_value: float
    rising: list[str] = []


class TermChange(BaseModel):
    """How often a word or phrase is mentioned in two periods: `*_mentions` of `*_total` reviews.

    `later_positive_share`: of the later reviews that mention it, how many are positive. The rest is as in ShareChange.
    """

    term: str
    earlier_mentions: int
    earlier_total: int
    later_mentions: int
    later_total: int
    later_positive_share: float | None
    difference: float
    low: float
    high: float
    p_value: float
    q_value: float


class Changes(Section):
    """What changed most between two periods, largest first.

    Only what survives the correction for looking at many is listed; `looked_at_*` say how many were looked at.
    """

    earlier: Period | None = None
    later: Period | None = None
    overall: ShareChange | None = None
    products: list[ShareChange] = []
    terms: list[TermChange] = []
    looked_at_products: int = 0
    looked_at_terms: int = 0
    min_count: int = 0


class ProductRow(Tally):
    """One product."""

    product: str
    mean_rating: float | None = None
    mean_confidence: float | None = None


class ByProduct(Section):
    """The products with most reviews; sum of rows + `others` + `without_product` = shown.

    `orders`: ways to sort the rows, each a list of product names: most_reviews, most_positive, least_positive, name.
    """

    rows: list[ProductRow] = []
    products: int = 0
    others: Tally = Tally()
    other_products: int = 0
    without_product: Tally = Tally()
    orders: dict[str, list[str]] = {}


class RatingRow(Tally):
    """One whole number of stars."""

    stars: int


class ByRating(Section):
    """Five rows, 5 stars first; sum of rows + `unrated` = shown."""

    rows: list[RatingRow] = []
    unrated: Tally = Tally()
    mean_rating: float | None = None


class Confusion(BaseModel):
    """Stars against the model: 4 and above are positive, 2 and below negative."""

    stars_positive_model_positive: int = 0
    stars_positive_model_negative: int = 0
    stars_negative_model_positive: int = 0
    stars_negative_model_negative: int = 0


class Agreement(Section):
    """How often the model and the stars take the same side, with a 95 % Wilson interval.

    compared + left_out + unrated = shown. `left_out`: rated between 2 and 4. `disagreements`: the most confident ones,
    most confident first; `disagreements_total` counts all of them.
    """

    compared: int = 0
    agrees: int = 0
    share: float | None = None
    low: float | None = None
    high: float | None = None
    left_out: int = 0
    unrated: int = 0
    confusion: Confusion = Confusion()
    disagreements: list[Review] = []
    disagreements_total: int = 0


class Term(BaseModel):
    """A word or phrase that tells the two sentiments apart; `z` > 0 leans positive.

    `log_odds` is the difference that `z` measures in standard errors; counts are reviews that contain the term.
    """

    term: str
    words: int
    z: float
    log_odds: float
    reviews: int
    positive_reviews: int
    negative_reviews: int


class Drivers(Section):
    """The words and phrases most typical of each sentiment, strongest first.

    `based_on`: reviews looked at (when `sampled`, an even sample of those shown); `looked_at`: terms considered.
    """

    positive: list[Term] = []
    negative: list[Term] = []
    based_on: int = 0
    sampled: bool = False
    looked_at: int = 0


class Bin(BaseModel):
    """Confidence from `low` (inclusive) to `high` (exclusive; the last bin includes 1)."""

    low: float
    high: float
    count: int
    positive: int
    negative: int


class ConfidenceHistogram(Section):
    """Sum of counts = shown."""

    bins: list[Bin] = []
    needs_review_below: float | None = None


class Examples(Section):
    """Reviews to read; duplicates appear once."""

    most_confident_positive: list[Review] = []
    most_confident_negative: list[Review] = []
    least_certain: list[Review] = []


class RejectedRow(BaseModel):
    """A row that was set aside; `raw` is cut to a few hundred characters (`cut` says so)."""

    row: int
    explanation: str
    raw: str
    cut: bool = False


class Reason(BaseModel):
    """Why rows were set aside; `code` is stable, `label` is for people."""

    code: str
    label: str
    count: int
    examples: list[RejectedRow] = []


class SetAside(Section):
    """What was not scored and why, of the whole file whatever the filters; sum of reasons = rejected."""

    rejected: int = 0
    duplicates: int = 0
    reasons: list[Reason] = []


class Dashboard(BaseModel):
    """Everything that the dashboard of one job shows under the given filters."""

    job: str
    filename: str
    finished_at: str
    model: ModelFacts
    filters: Filters
    counts: Counts
    headline: list[str]
    warnings: list[str]
    distribution: Distribution
    over_time: OverTime
    changes: Changes
    by_product: ByProduct
    by_rating: ByRating
    agreement: Agreement
    drivers: Drivers
    confidence: ConfidenceHistogram
    examples: Examples
    set_aside: SetAside
